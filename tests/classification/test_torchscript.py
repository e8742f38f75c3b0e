"""Tensors of archives of programs, read without running them."""

import io
import pickle
import zipfile

import pytest
import torch
from torch import nn

from isagrsc2.classification.torch_files import read_torch_file
from isagrsc2.classification.torchscript import is_torchscript, read_torchscript
from isagrsc2.errors import InputError

# Archives are old and still handed around; torch advises against making more.
pytestmark = pytest.mark.filterwarnings("ignore:.torch.jit:FutureWarning", "ignore:.torch.jit:DeprecationWarning")


class Small(nn.Module):
    def __init__(self):
        super().__init__()
        self.body = nn.Sequential(nn.Conv2d(3, 4, 2), nn.BatchNorm2d(4))
        self.sizes = [3, 4]
        self.register_buffer("numbers", torch.arange(6).reshape(2, 3).half())
        self.shared = nn.Parameter(torch.arange(12.0).reshape(3, 4).t())  # not contiguous
        self.register_buffer("nothing", torch.zeros(0))

    def forward(self, x):
        return self.body(x).sum() + self.shared.sum() + self.numbers.sum() + self.nothing.sum()


@pytest.fixture
def archive(tmp_path):
    path = tmp_path / "small.pt"
    torch.jit.script(Small().eval()).save(str(path))
    return path


def test_the_same_as_torch_reads(archive):
    expected = torch.jit.load(str(archive)).state_dict()
    found = read_torchscript(archive)
    assert found.keys() == expected.keys()
    for name, value in expected.items():
        assert found[name].dtype == value.dtype
        assert torch.equal(found[name], value), name
    assert read_torch_file(archive, "remedy").keys() == expected.keys()


def test_what_is_an_archive(archive, tmp_path):
    assert is_torchscript(archive)
    torch.save({"a": torch.zeros(1)}, tmp_path / "plain.pt")
    assert not is_torchscript(tmp_path / "plain.pt")
    assert not is_torchscript(tmp_path / "gone.pt")
    (tmp_path / "text.pt").write_text("hello")
    assert not is_torchscript(tmp_path / "text.pt")


def packed(path, module):
    """An archive whose pickle is ``module``."""
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("top/constants.pkl", b"")
        archive.writestr("top/data.pkl", module)
    return path


class Evil:
    def __reduce__(self):
        return print, ("run",)


def test_calls_of_anything_else_are_refused(tmp_path, capsys):
    path = packed(tmp_path / "evil.pt", pickle.dumps(Evil()))
    with pytest.raises(pickle.UnpicklingError, match=r"it holds builtins\.print"):
        read_torchscript(path)
    with pytest.raises(InputError, match=r"evil\.pt is damaged or not a file of torch \(it holds builtins\.print\); remedy"):
        read_torch_file(path, "remedy")
    assert capsys.readouterr().out == ""


def test_damaged_archives(archive, tmp_path):
    content = io.BytesIO()
    with zipfile.ZipFile(archive) as whole, zipfile.ZipFile(content, "w") as part:
        for name in whole.namelist():
            if "/data/" not in name:
                part.writestr(name, whole.read(name))
    (tmp_path / "part.pt").write_bytes(content.getvalue())
    with pytest.raises(InputError, match=r"part\.pt is damaged"):
        read_torch_file(tmp_path / "part.pt", "remedy")
    with pytest.raises(InputError, match=r"empty\.pt is damaged"):
        read_torch_file(packed(tmp_path / "empty.pt", b""), "remedy")

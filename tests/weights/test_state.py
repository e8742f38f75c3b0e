import pickle
from pathlib import Path

import pytest
import torch
from torch import nn

from isagrsc2.errors import InputError
from isagrsc2.weights.state import load_state, read_state


class Mine:
    """An object of the user's own, which would be code from the file."""


def test_round_trip(tmp_path: Path) -> None:
    saved, fresh = nn.Linear(3, 2), nn.Linear(3, 2)
    torch.save(saved.state_dict(), tmp_path / "net.pth")
    load_state(fresh, read_state(tmp_path / "net.pth"), tmp_path / "net.pth", "a net")
    assert torch.equal(fresh.weight, saved.weight)
    assert torch.equal(fresh.bias, saved.bias)


def test_refuses_what_is_no_checkpoint(tmp_path: Path) -> None:
    torch.save(nn.Linear(300, 200).state_dict(), tmp_path / "whole.pth")
    whole = (tmp_path / "whole.pth").read_bytes()
    broken = {
        "truncated": whole[: len(whole) // 2],
        "without its last bytes": whole[:-10],
        "empty": b"",
        "text": b"<html>not found</html>",
        "image": b"\x89PNG\r\n\x1a\n" + bytes(100),
        "foreign object": pickle.dumps(Mine(), protocol=2),
        "noise": bytes(range(256)) * 4,
    }
    for name, content in broken.items():
        path = tmp_path / f"{name}.pth"
        path.write_bytes(content)
        with pytest.raises(InputError, match="is not a checkpoint, or it breaks off") as caught:
            read_state(path)
        assert str(path) in str(caught.value)
        assert "\n" not in str(caught.value)


@pytest.mark.parametrize("content", [{}, [torch.zeros(1)], {"model": {"weight": torch.zeros(1)}}, {"epoch": 3}])
def test_refuses_other_contents(content: object, tmp_path: Path) -> None:
    torch.save(content, tmp_path / "net.pth")
    with pytest.raises(InputError, match="holds no plain state dict"):
        read_state(tmp_path / "net.pth")


@pytest.mark.parametrize(
    ("state", "message"),
    [
        ({"weight": torch.zeros(2, 3)}, r"\(1 of 2 tensors are missing .*, 0 are unknown, the first is bias\)"),
        ({"weight": torch.zeros(3, 2), "bias": torch.zeros(2)}, r"\(1 of 2 tensors .*the first is weight\)"),
        ({"weight": torch.zeros(2, 3), "bias": torch.zeros(2), "x": torch.zeros(1)}, r"\(0 of 2 .*, 1 are .* is x\)"),
    ],
)
def test_refuses_what_does_not_fit(state: dict[str, torch.Tensor], message: str, tmp_path: Path) -> None:
    net = nn.Linear(3, 2)
    before = net.weight.clone()
    with pytest.raises(InputError, match=rf"net\.pth does not fit a net {message}"):
        load_state(net, state, Path("net.pth"), "a net")
    assert torch.equal(net.weight, before)

import hashlib
import re
import tomllib
from fnmatch import fnmatch
from pathlib import Path

import pytest

from isagrsc2.errors import InputError
from isagrsc2.weights import registry
from isagrsc2.weights.embedded import locate_embedded, resolve
from isagrsc2.weights.registry import CHECKPOINTS, CLASSIFIER, COMPACT, EMBEDDED, FOLDER, EmbeddedWeights, find_embedded

ROOT = Path(__file__).parents[2]

every_entry = pytest.mark.parametrize("weights", EMBEDDED, ids=lambda weights: weights.name)


@every_entry
def test_files_are_what_the_registry_says(weights: EmbeddedWeights) -> None:
    content = weights.path.read_bytes()
    assert hashlib.sha256(content).hexdigest() == weights.sha256
    assert len(content) == weights.size
    assert locate_embedded(weights.name) == weights.path
    assert find_embedded(weights.name) is weights


@every_entry
def test_files_can_be_loaded(weights: EmbeddedWeights) -> None:
    from isagrsc2.classification.trained import load_trained  # torch, only where it is needed
    from isagrsc2.segmenters.compact.weights_file import read_weights

    readers = {COMPACT: read_weights, CLASSIFIER: lambda path: load_trained(path, "no remedy.")}
    readers[weights.name](weights.path)


@every_entry
def test_records_are_complete(weights: EmbeddedWeights) -> None:
    assert re.fullmatch("[0-9a-f]{64}", weights.sha256)
    assert all((weights.description, weights.licence, weights.data, weights.command, weights.effort))
    assert weights.file_name == Path(weights.file_name).name


@every_entry
def test_files_have_a_notice(weights: EmbeddedWeights) -> None:
    assert f"`{weights.file_name}`" in (FOLDER / "NOTICE.md").read_text()


def test_names_are_distinct() -> None:
    names = [one.name for one in (*EMBEDDED, *CHECKPOINTS)]
    assert len(set(names)) == len(names)


def test_the_package_stays_small() -> None:
    files = list(FOLDER.glob("*.safetensors"))
    assert {file.name for file in files} == {
        weights.file_name for weights in EMBEDDED
    }  # none is forgotten, or there by mistake
    assert sum(file.stat().st_size for file in files) <= 25e6
    compact = find_embedded(COMPACT)
    assert compact is not None
    assert compact.size <= 10e6


def test_the_package_takes_the_files_along() -> None:
    configuration = tomllib.loads((ROOT / "pyproject.toml").read_text())
    patterns = configuration["tool"]["setuptools"]["package-data"]["isagrsc2"]
    for name in ["NOTICE.md", *(weights.file_name for weights in EMBEDDED)]:
        assert any(fnmatch(f"weights/{name}", pattern) for pattern in patterns), name


def test_no_file_is_written_beside_them() -> None:
    before = set(FOLDER.iterdir())
    for weights in EMBEDDED:
        locate_embedded(weights.name)
    assert set(FOLDER.iterdir()) - before <= {FOLDER / "__pycache__"}


@pytest.fixture
def net(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> EmbeddedWeights:
    """Another package: its only weights are the bytes ``abc``, in a folder of the test."""
    weights = EmbeddedWeights("net", "A net", "net.bin", hashlib.sha256(b"abc").hexdigest(), 3, "MIT", "chips", "train", "1 s")
    monkeypatch.setattr(registry, "EMBEDDED", (weights,))
    monkeypatch.setattr(registry, "FOLDER", tmp_path)
    weights.path.write_bytes(b"abc")
    return weights


def test_resolve(net: EmbeddedWeights, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert resolve("embedded", "net") == tmp_path / "net.bin"
    assert resolve("own.bin", "net") == Path("own.bin")  # whether it is there, shows when it is read
    monkeypatch.setenv("HOME", str(tmp_path))
    assert resolve("~/own.bin", "net") == tmp_path / "own.bin"


def test_a_damaged_file_is_refused_every_time(net: EmbeddedWeights) -> None:
    assert locate_embedded("net") == net.path
    net.path.write_bytes(b"abd")
    for _ in range(2):
        with pytest.raises(
            InputError, match=r"net\.bin is damaged \(SHA-256 a52d159f262b.*install isagrsc2 again\.$"
        ) as caught:
            locate_embedded("net")
        assert "\n" not in str(caught.value)


def test_a_missing_file(net: EmbeddedWeights) -> None:
    net.path.unlink()
    with pytest.raises(InputError, match=r"net\.bin cannot be read \(No such file or directory\); .*install isagrsc2 again\.$"):
        locate_embedded("net")


def test_weights_that_are_not_there(net: EmbeddedWeights, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(InputError, match=r"no weights `other` are .*\(it has: net\), .* give a PATH\.$"):
        resolve("embedded", "other")
    monkeypatch.setattr(registry, "EMBEDDED", ())
    with pytest.raises(InputError, match=r"\(it has: none\)"):
        locate_embedded("net")

import hashlib
import subprocess
import sys
from pathlib import Path

import pytest

from isagrsc2.weights import __main__ as command
from isagrsc2.weights import registry
from isagrsc2.weights.__main__ import main
from isagrsc2.weights.listing import State, describe, describe_embedded, state_in_package, state_of
from isagrsc2.weights.registry import CHECKPOINTS, EMBEDDED, Checkpoint, EmbeddedWeights

NET = Checkpoint(
    "net", "A net", "net.pth", "https://example.org/net.pth", hashlib.sha256(b"abc").hexdigest(), 3_400_000, "MIT", "home"
)


def test_states(tmp_path: Path) -> None:
    assert state_of(NET, tmp_path, verify=True) is State.ABSENT
    path = tmp_path / "net.pth"
    path.write_bytes(b"abc")
    assert state_of(NET, tmp_path, verify=False) is State.UNVERIFIED
    assert state_of(NET, tmp_path, verify=True) is State.VERIFIED
    assert state_of(NET, tmp_path, verify=False) is State.VERIFIED  # remembered
    path.write_bytes(b"abcd")
    assert state_of(NET, tmp_path, verify=False) is State.UNVERIFIED
    assert state_of(NET, tmp_path, verify=True) is State.WRONG


def test_description() -> None:
    assert describe(NET, State.ABSENT) == "net: not here\n    A net\n    net.pth, 3 MB, MIT\n    home"


@pytest.fixture
def inside(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> EmbeddedWeights:
    """Weights in a package whose folder is the test's."""
    monkeypatch.setattr(registry, "FOLDER", tmp_path)
    digest = hashlib.sha256(b"abc").hexdigest()
    return EmbeddedWeights("own", "Ours", "own.bin", digest, 3_440_000, "MIT", "scenes " * 30, "train it", "a night")


def test_states_in_the_package(inside: EmbeddedWeights, tmp_path: Path) -> None:
    assert state_in_package(inside) is State.MISSING_IN_PACKAGE
    inside.path.write_bytes(b"abc")
    assert state_in_package(inside) is State.VERIFIED_IN_PACKAGE
    inside.path.write_bytes(b"abd")
    assert state_in_package(inside) is State.WRONG_IN_PACKAGE
    assert list(tmp_path.iterdir()) == [inside.path]  # nothing is remembered there


def test_description_of_what_is_in_the_package(inside: EmbeddedWeights) -> None:
    lines = describe_embedded(inside, State.VERIFIED_IN_PACKAGE).splitlines()
    assert lines[:3] == ["own: in the package, hash ok", "    Ours", "    own.bin, 3.4 MB, MIT"]
    assert lines[3].startswith("    data: scenes scenes")
    assert lines[4].startswith("        scenes")
    assert lines[-2:] == ["    trained by: train it", "    that took: a night"]
    assert max(map(len, lines)) <= 120


def test_what_is_wrong_in_the_package_fails_without_being_asked(
    inside: EmbeddedWeights, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(command, "EMBEDDED", (inside,))
    assert main(["--weights-dir", str(tmp_path)]) == 1
    assert "own: MISSING from the package\n" in capsys.readouterr().out
    inside.path.write_bytes(b"abd")
    assert main(["--weights-dir", str(tmp_path)]) == 1
    assert "own: in the package, hash WRONG\n" in capsys.readouterr().out
    inside.path.write_bytes(b"abc")
    assert main(["--weights-dir", str(tmp_path)]) == 0


def test_lists_all_and_fails_on_a_wrong_file(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--weights-dir", str(tmp_path)]) == 0
    text = capsys.readouterr().out
    assert all(f"{checkpoint.name}: not here" in text for checkpoint in CHECKPOINTS)
    assert all(f"{weights.name}: in the package, hash ok" in text for weights in EMBEDDED)
    (tmp_path / CHECKPOINTS[0].file_name).write_bytes(b"something else")
    assert main(["--weights-dir", str(tmp_path)]) == 0
    assert main(["--weights-dir", str(tmp_path), "--verify"]) == 1
    assert f"{CHECKPOINTS[0].name}: here, hash WRONG" in capsys.readouterr().out


def test_needs_no_torch() -> None:
    code = "import sys, isagrsc2.weights.__main__; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0

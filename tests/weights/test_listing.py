import hashlib
import subprocess
import sys
from pathlib import Path

import pytest

from isagrsc2.weights.__main__ import main
from isagrsc2.weights.listing import State, describe, state_of
from isagrsc2.weights.registry import CHECKPOINTS, Checkpoint

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


def test_lists_all_and_fails_on_a_wrong_file(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--weights-dir", str(tmp_path)]) == 0
    text = capsys.readouterr().out
    assert all(f"{checkpoint.name}: not here" in text for checkpoint in CHECKPOINTS)
    (tmp_path / CHECKPOINTS[0].file_name).write_bytes(b"something else")
    assert main(["--weights-dir", str(tmp_path)]) == 0
    assert main(["--weights-dir", str(tmp_path), "--verify"]) == 1
    assert f"{CHECKPOINTS[0].name}: here, hash WRONG" in capsys.readouterr().out


def test_needs_no_torch() -> None:
    code = "import sys, isagrsc2.weights.__main__; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0

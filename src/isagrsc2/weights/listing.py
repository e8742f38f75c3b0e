"""What is known of the published checkpoints and whether their files are here, for people to read."""

from enum import Enum
from pathlib import Path

from isagrsc2.weights.digest import remembered, sha256_of
from isagrsc2.weights.registry import Checkpoint


class State(Enum):
    """What is known of a checkpoint's file; the value is how it is told."""

    ABSENT = "not here"
    UNVERIFIED = "here, hash not verified yet"
    VERIFIED = "here, hash ok"
    WRONG = "here, hash WRONG"


def state_of(checkpoint: Checkpoint, weights_dir: Path, verify: bool) -> State:
    """Look for a checkpoint's file.

    Args:
        checkpoint: which.
        weights_dir: where its file would be.
        verify: read the file if its digest is not remembered, which takes seconds per gigabyte.
    """
    path = weights_dir / checkpoint.file_name
    if not path.is_file():
        return State.ABSENT
    digest = sha256_of(path) if verify else remembered(path)
    if digest is None:
        return State.UNVERIFIED
    return State.VERIFIED if digest == checkpoint.sha256 else State.WRONG


def describe(checkpoint: Checkpoint, state: State) -> str:
    """Four lines about a checkpoint."""
    return (
        f"{checkpoint.name}: {state.value}\n"
        f"    {checkpoint.description}\n"
        f"    {checkpoint.file_name}, {checkpoint.size / 1e6:.0f} MB, {checkpoint.licence}\n"
        f"    {checkpoint.source}"
    )

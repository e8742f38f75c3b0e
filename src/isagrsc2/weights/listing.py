"""What is known of weights and whether their files are here, for people to read."""

import textwrap
from enum import Enum
from pathlib import Path

from isagrsc2.weights.digest import read_sha256, remembered, sha256_of
from isagrsc2.weights.registry import Checkpoint, EmbeddedWeights

# Of the lines of a description.
INDENT = " " * 4
WIDTH = 120  # characters


class State(Enum):
    """What is known of a file of weights; the value is how it is told."""

    ABSENT = "not here"
    UNVERIFIED = "here, hash not verified yet"
    VERIFIED = "here, hash ok"
    WRONG = "here, hash WRONG"
    MISSING_IN_PACKAGE = "MISSING from the package"
    VERIFIED_IN_PACKAGE = "in the package, hash ok"
    WRONG_IN_PACKAGE = "in the package, hash WRONG"


# What somebody should do something about.
BROKEN = {State.WRONG, State.MISSING_IN_PACKAGE, State.WRONG_IN_PACKAGE}


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


def state_in_package(weights: EmbeddedWeights) -> State:
    """Look for a file that must lie in the package; its hash is always verified."""
    if not weights.path.is_file():
        return State.MISSING_IN_PACKAGE
    return State.VERIFIED_IN_PACKAGE if read_sha256(weights.path) == weights.sha256 else State.WRONG_IN_PACKAGE


def describe(checkpoint: Checkpoint, state: State) -> str:
    """Four lines about a checkpoint."""
    return (
        f"{checkpoint.name}: {state.value}\n"
        f"{INDENT}{checkpoint.description}\n"
        f"{INDENT}{checkpoint.file_name}, {checkpoint.size / 1e6:.0f} MB, {checkpoint.licence}\n"
        f"{INDENT}{checkpoint.source}"
    )


def describe_embedded(weights: EmbeddedWeights, state: State) -> str:
    """Some lines about weights in the package; the command is in one line, so that it can be copied."""
    return "\n".join(
        [
            f"{weights.name}: {state.value}",
            f"{INDENT}{weights.description}",
            f"{INDENT}{weights.file_name}, {weights.size / 1e6:.1f} MB, {weights.licence}",
            _wrapped(f"data: {weights.data}"),
            f"{INDENT}trained by: {weights.command}",
            _wrapped(f"that took: {weights.effort}"),
        ]
    )


def _wrapped(text: str) -> str:
    """Text in lines of ``WIDTH``, those after the first indented once more."""
    return textwrap.fill(text, WIDTH, initial_indent=INDENT, subsequent_indent=2 * INDENT)

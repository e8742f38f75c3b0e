"""``python -m isagrsc2.weights``: list the checkpoints this program can use."""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from isagrsc2.weights.listing import State, describe, state_of
from isagrsc2.weights.registry import CHECKPOINTS


def main(arguments: Sequence[str] | None = None) -> int:
    """Write the list to standard output; 1 if a file is not what its name says."""
    parser = argparse.ArgumentParser(
        prog="python -m isagrsc2.weights", description="List published checkpoints and whether they are here."
    )
    parser.add_argument("--weights-dir", type=Path, default=Path("weights"), help="where to look (default: weights)")
    parser.add_argument("--verify", action="store_true", help="read the files whose hash was not verified yet")
    options = parser.parse_args(arguments)
    states = [state_of(checkpoint, options.weights_dir, options.verify) for checkpoint in CHECKPOINTS]
    blocks = [describe(checkpoint, state) for checkpoint, state in zip(CHECKPOINTS, states, strict=True)]
    blocks.append(f"Folder: {options.weights_dir.absolute()}")
    sys.stdout.write("\n\n".join(blocks) + "\n")
    return int(State.WRONG in states)


if __name__ == "__main__":
    sys.exit(main())

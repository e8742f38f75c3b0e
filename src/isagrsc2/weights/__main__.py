"""``python -m isagrsc2.weights``: list the weights this program can use."""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from isagrsc2.weights.listing import BROKEN, describe, describe_embedded, state_in_package, state_of
from isagrsc2.weights.registry import CHECKPOINTS, EMBEDDED


def main(arguments: Sequence[str] | None = None) -> int:
    """Write the list to standard output; 1 if a file is not what its name says, or is missing from the package."""
    parser = argparse.ArgumentParser(
        prog="python -m isagrsc2.weights",
        description="List the weights in the package, and published checkpoints and whether they are here.",
    )
    parser.add_argument(
        "--weights-dir", type=Path, default=Path("weights"), help="where to look for checkpoints (default: weights)"
    )
    parser.add_argument(
        "--verify", action="store_true", help="read the checkpoints whose hash was not verified yet; the package's always are"
    )
    options = parser.parse_args(arguments)
    in_package = [state_in_package(weights) for weights in EMBEDDED]
    states = [state_of(checkpoint, options.weights_dir, options.verify) for checkpoint in CHECKPOINTS]
    blocks = [describe_embedded(weights, state) for weights, state in zip(EMBEDDED, in_package, strict=True)]
    blocks += [describe(checkpoint, state) for checkpoint, state in zip(CHECKPOINTS, states, strict=True)]
    blocks.append(f"Folder of checkpoints: {options.weights_dir.absolute()}")
    sys.stdout.write("\n\n".join(blocks) + "\n")
    return int(not BROKEN.isdisjoint(in_package + states))


if __name__ == "__main__":
    sys.exit(main())

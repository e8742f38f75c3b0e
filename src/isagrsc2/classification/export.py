"""``python -m isagrsc2.classification.export``: the weights of a checkpoint of ``train.py`` alone, in a small file."""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from isagrsc2.errors import InputError

REMEDY = "give a checkpoint written by train.py."


def export_classifier(checkpoint: Path, path: Path) -> None:
    """Write what is needed to classify, without the state of the optimizer.

    Args:
        checkpoint: written by ``train.py``.
        path: of the file; it ends in ``.safetensors``, and its folder exists.

    Raises:
        InputError: the checkpoint cannot be used, or the file cannot be written there.
    """
    # Here and not above: torch takes seconds to import, and `--help` needs none of it.
    from isagrsc2.classification.trained import load_trained
    from isagrsc2.classification.weights_file import SUFFIX, write_classifier

    if path.suffix != SUFFIX or not path.parent.is_dir():
        raise InputError(f"{path} cannot be written; give the name of a file that ends in {SUFFIX}, in a folder that exists.")
    trained = load_trained(checkpoint, REMEDY)
    write_classifier(trained.network, trained.description, path)


def main(arguments: Sequence[str] | None = None) -> int:
    """Write the file and say how large it is; a mistake of the user is one line and exit code 2."""
    parser = argparse.ArgumentParser(
        prog="python -m isagrsc2.classification.export",
        description="Write the weights of a classifier's checkpoint alone, for classifier.checkpoint=FILE.",
    )
    parser.add_argument("checkpoint", type=Path, metavar="CHECKPOINT", help="written by train.py")
    parser.add_argument("file", type=Path, metavar="FILE", help="ends in .safetensors")
    options = parser.parse_args(arguments)
    try:
        export_classifier(options.checkpoint, options.file)
    except InputError as error:
        sys.stderr.write(f"{error}\n")
        return 2
    sys.stdout.write(f"{options.file}: {options.file.stat().st_size / 1e6:.1f} MB\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())

"""What tells the weights that an option names from others of the same name."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from isagrsc2.weights.embedded import IN_PACKAGE
from isagrsc2.weights.registry import EMBEDDED


def weights_identity(option: Mapping[str, Any]) -> dict[str, Any]:
    """What results depend on beside the option itself: a file can be trained anew under its old name.

    Args:
        option: of a stage, plain values; weights are named by its ``checkpoint``, if it has any.

    Returns:
        Plain values: the digests of the weights in the package, or size and time of change of a file; empty where there are
        no weights, or where their name says it all.
    """
    named = str(option.get("checkpoint", ""))
    if named == IN_PACKAGE:
        return {weights.name: weights.sha256 for weights in EMBEDDED}
    path = Path(named).expanduser()
    if not path.is_file():
        return {}
    state = path.stat()
    return {"size": state.st_size, "changed": state.st_mtime_ns}

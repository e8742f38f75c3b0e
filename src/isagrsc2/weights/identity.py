"""What tells the weights that an option names from others of the same name."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from isagrsc2.weights.embedded import IN_PACKAGE
from isagrsc2.weights.hub import files_of, locate_model
from isagrsc2.weights.registry import EMBEDDED


def weights_identity(option: Mapping[str, Any]) -> dict[str, Any]:
    """What results depend on beside the option itself: a file can be trained anew under its old name.

    Args:
        option: of a stage, plain values; weights are named by its ``checkpoint``, if it has any. One with a ``revision`` names
            a folder or a model of the hub, which is fetched if need be.

    Returns:
        Plain values: the digests of the weights in the package, or size and time of change of a file, or of each file of a
        folder; empty where there are no weights, or where their name says it all.

    Raises:
        InputError: a model of the hub is not to be found.
    """
    named = str(option.get("checkpoint", ""))
    if named == IN_PACKAGE:
        return {weights.name: weights.sha256 for weights in EMBEDDED}
    if "revision" in option:
        return {file.name: _state(file) for file in files_of(locate_model(named, str(option["revision"])))}
    path = Path(named).expanduser()
    return _state(path) if path.is_file() else {}


def _state(path: Path) -> dict[str, int]:
    state = path.stat()
    return {"size": state.st_size, "changed": state.st_mtime_ns}


def identities_of_weights(options: Mapping[str, Mapping[str, Any]]) -> dict[str, dict[str, Any]]:
    """``weights_identity`` of every stage that has one.

    Args:
        options: of stages, by name; plain values.

    Returns:
        Plain values, by name of the stage.
    """
    return {name: identity for name, option in options.items() if (identity := weights_identity(option))}

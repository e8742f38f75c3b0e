"""Whether chips that are held out now were held out when a checkpoint was trained."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

# Where the files of a data option lie; options without either make their chips from the seed.
_PLACES = ("root", "path")

# What says how chips are loaded, and not which side they are on.
_LOADING = frozenset({"chip_size", "batch_size", "workers", "augment"})


def differences_of_split(trained_on: Mapping[str, Any], given: Mapping[str, Any]) -> dict[str, tuple[Any, Any]]:
    """Numbers of a data option that split the same files otherwise than in training.

    Args:
        trained_on: the option of the data as a checkpoint keeps it.
        given: the option now, plain values.

    Returns:
        Name to value in training and now; empty where the split is the same, and where the files are others.
    """
    if trained_on.get("_target_") != given.get("_target_") or _place(trained_on) is None or _place(trained_on) != _place(given):
        return {}
    names = (trained_on.keys() | given.keys()) - _LOADING - set(_PLACES)
    return {name: (trained_on.get(name), given.get(name)) for name in sorted(names) if trained_on.get(name) != given.get(name)}


def _place(option: Mapping[str, Any]) -> Path | None:
    """The folder with the files, whatever way it is written."""
    return next((Path(str(option[name])).resolve() for name in _PLACES if name in option), None)

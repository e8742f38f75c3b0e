"""Whether chips that are held out now were held out when a checkpoint was trained."""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

# Where the files of a data option lie; options without either make their chips from the seed.
_PLACES = ("root", "path")

# Where a data option that joins others has them, by name.
_SOURCES = "sources"

# What says how chips are loaded, and not which side they are on.
_LOADING = frozenset({"chip_size", "batch_size", "workers", "augment"})


def differences_of_split(trained_on: Mapping[str, Any], given: Mapping[str, Any]) -> dict[str, tuple[Any, Any]]:
    """Numbers of a data option that split the same files otherwise than in training.

    Each source of an option that joins several is looked at by itself, whether it stood alone in training or not.

    Args:
        trained_on: the option of the data as a checkpoint keeps it.
        given: the option now, plain values.

    Returns:
        Name to value in training and now; empty where the split is the same, and where the files are others. The name is
        that of the option now, as in ``sources.labelled.seed``.
    """
    return {
        f"{prefix}{name}": values
        for prefix, now in _sources(given)
        for _, then in _sources(trained_on)
        for name, values in _differences_of_source(then, now).items()
    }


def _sources(option: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, Mapping[str, Any]]]:
    """Every data option that is joined, with what stands before its names; a plain option itself."""
    if _SOURCES not in option:
        yield prefix, option
    for name, source in option.get(_SOURCES, {}).items():
        yield from _sources(source, f"{prefix}{_SOURCES}.{name}.")


def _differences_of_source(then: Mapping[str, Any], now: Mapping[str, Any]) -> dict[str, tuple[Any, Any]]:
    if then.get("_target_") != now.get("_target_") or _place(then) is None or _place(then) != _place(now):
        return {}
    names = (then.keys() | now.keys()) - _LOADING - set(_PLACES)
    return {name: (then.get(name), now.get(name)) for name in sorted(names) if then.get(name) != now.get(name)}


def _place(option: Mapping[str, Any]) -> Path | None:
    """The folder with the files, whatever way it is written."""
    return next((Path(str(option[name])).resolve() for name in _PLACES if name in option), None)

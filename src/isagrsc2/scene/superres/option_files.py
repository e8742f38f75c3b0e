"""Options from their files in ``conf``, for a command that Hydra does not start.

A number stands in its option file alone, and only ``tasks`` knows Hydra. The files of the groups used here are plain: one
``_target_`` and its numbers, no defaults list; ``${name}`` stands for what the command was given.
"""

from collections.abc import Mapping
from importlib import import_module
from pathlib import Path
from typing import Any

import yaml  # type: ignore[import-untyped]

from isagrsc2.errors import InputError


def make_option(folder: Path, name: str, shared: Mapping[str, Any], changed: Mapping[str, Any]) -> Any:
    """Make what an option file describes.

    Args:
        folder: of the group, ``conf/superres``.
        name: of the option, ``bicubic_x4``.
        shared: what ``${name}`` stands for.
        changed: values in place of the file's.

    Raises:
        InputError: there is no such option, it has no such value, or a value does not fit.
    """
    path = folder / f"{name}.yaml"
    if not path.is_file():
        known = ", ".join(sorted(file.stem for file in folder.glob("*.yaml")))
        remedy = f"choose one of {known}" if known else "run in the folder of the repository, or give its conf with --conf"
        raise InputError(f"{path} does not exist; {remedy}.")
    option = yaml.safe_load(path.read_text(encoding="utf-8"))
    module, _, constructor = option.pop("_target_").rpartition(".")
    unknown = sorted(set(changed) - set(option))
    if unknown:
        raise InputError(f"{name} has no {unknown[0]}; leave --{unknown[0].replace('_', '-')} out, or choose another option.")
    placeholders = {f"${{{key}}}": value for key, value in shared.items()}
    values = {key: placeholders.get(value, value) if isinstance(value, str) else value for key, value in option.items()}
    return getattr(import_module(module), constructor)(**{**values, **changed})

"""Finished runs, read from their output folders."""

import csv
import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml  # type: ignore[import-untyped]
from omegaconf import OmegaConf
from omegaconf.errors import OmegaConfBaseException

from isagrsc2.errors import InputError
from isagrsc2.tasks.tracking import figures_of_scenes, scene_figures

# What Hydra leaves in the folder of every run.
CONFIGURATION = Path(".hydra", "config.yaml")
_CHOICES = Path(".hydra", "hydra.yaml")

# Of several things a task can be about, this option says which: runs of different ones have no figures in common.
_ABOUT = {"train": "trainee", "evaluate": "subject"}

REMEDY = "give output folders of segment.py, train.py or evaluate.py, or folders that hold some."


@dataclass(frozen=True)
class Run:
    """A finished run.

    Attributes:
        folder: its output folder.
        kind: of run, as in ``train classifier``; only runs of one kind are compared.
        choices: option chosen in every group, as in ``segmenter`` -> ``regions``; empty where Hydra did not keep it.
        options: every other option, ``tiling.size`` -> 1024; interpolations as they are written.
        figures: ``parcels/iou`` -> 0.5.
        monitored: the figure its best checkpoint was chosen by, and ``max`` or ``min``; None for what is no training.
    """

    folder: Path
    kind: str
    choices: Mapping[str, str]
    options: Mapping[str, Any]
    figures: Mapping[str, float]
    monitored: tuple[str, str] | None


@dataclass(frozen=True)
class Found:
    """All runs below some folders.

    Attributes:
        runs: at least one.
        skipped: what could not be read, in one line each.
    """

    runs: list[Run]
    skipped: list[str]


def find_runs(places: Sequence[Path]) -> Found:
    """Read the runs that lie in or below some folders.

    Raises:
        InputError: there is no such folder, one holds no run, or no run has a figure.
    """
    folders: dict[Path, None] = {}
    for place in places:
        if not place.is_dir():
            raise InputError(f"{place} is {'no folder' if place.exists() else 'not there'}; {REMEDY}")
        below = [file.parents[1] for file in sorted(place.rglob(str(CONFIGURATION)))]
        if not below:
            raise InputError(f"{place} holds no run ({CONFIGURATION}); {REMEDY}")
        folders |= dict.fromkeys(below)
    found = Found([], [])
    for folder in folders:
        try:
            found.runs.append(read_run(folder))
        except InputError as error:
            found.skipped.append(str(error))
    if not found.runs:
        more = f" ({len(found.skipped) - 1} more runs cannot be compared either)" if len(found.skipped) > 1 else ""
        raise InputError(f"{found.skipped[0]}{more}")
    return found


def read_run(folder: Path) -> Run:
    """Read one run.

    Args:
        folder: with ``.hydra``.

    Raises:
        InputError: it is not finished, or a file cannot be read.
    """
    configuration = _read_yaml(folder / CONFIGURATION)
    task = str(configuration.get("task"))
    readers = {"segment": _scenes, "train": _training, "evaluate": _evaluation}
    if task not in readers:
        raise InputError(f"{folder / CONFIGURATION} is of no task that can be compared; leave {folder} out.")
    choices = _choices(folder / _CHOICES)
    figures = {name: float(value) for name, value in readers[task](folder).items() if _is_number(value)}
    if not figures:
        raise InputError(f"{folder} holds no figures; leave it out.")
    about = choices.get(_ABOUT.get(task, ""), "")
    monitor = configuration.get("monitor")
    monitored = (str(monitor["metric"]), str(monitor["mode"])) if isinstance(monitor, Mapping) else None
    return Run(folder, f"{task} {about}".strip(), choices, _flat(configuration, ""), figures, monitored)


def _scenes(folder: Path) -> Mapping[str, Any]:
    """Figures of all scenes of ``segment.py`` together: from its table, or where another logger kept none from their own."""
    table = folder / "metrics.csv"
    if table.exists():
        try:
            with table.open(newline="", encoding="utf-8") as file:
                scenes = [_numbers(row) for row in csv.DictReader(file)]
        except (OSError, ValueError, TypeError, csv.Error) as error:
            raise _damaged(table, error) from None
        return figures_of_scenes(scenes) if scenes else {}
    found = []
    for path in sorted(folder.glob("*/metrics.json")):
        try:
            found.append(scene_figures(_read_json(path)))
        except (KeyError, TypeError) as error:
            raise _damaged(path, error) from None
    if not found:
        raise InputError(f"{folder} holds no scene that is done, neither {table.name} nor */metrics.json; it is not compared.")
    return figures_of_scenes(found)


def _training(folder: Path) -> Mapping[str, Any]:
    """Scores of the best checkpoint."""
    return _read_json(_result(folder))


def _evaluation(folder: Path) -> Mapping[str, Any]:
    """Figures of a comparison, whatever its subject."""
    path = _result(folder)
    figures = _read_json(path).get("figures")
    if not isinstance(figures, Mapping):
        raise InputError(f"{path} has no figures to compare; run evaluate.py again.")
    return figures


def _result(folder: Path) -> Path:
    path = folder / "metrics.json"
    if not path.exists():
        raise InputError(f"{folder} has no {path.name}: the run is not finished, or failed; it is not compared.")
    return path


def _read_json(path: Path) -> Mapping[str, Any]:
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise _damaged(path, error) from None
    if not isinstance(content, Mapping):
        raise InputError(f"{path} is not what a run leaves; leave {path.parent} out.")
    return content


def _read_yaml(path: Path) -> dict[str, Any]:
    try:
        content = OmegaConf.to_container(OmegaConf.load(path), resolve=False)
    except (OSError, ValueError, yaml.YAMLError, OmegaConfBaseException) as error:
        raise _damaged(path, error) from None
    if not isinstance(content, dict):
        raise InputError(f"{path} is not what a run leaves; leave {path.parent} out.")
    return {str(name): value for name, value in content.items()}


def _damaged(path: Path, error: Exception) -> InputError:
    reason = (str(error).splitlines() or [type(error).__name__])[0].rstrip(".")
    return InputError(f"{path} cannot be read ({reason}); run it again, or leave it out.")


def _choices(path: Path) -> dict[str, str]:
    """Options chosen in the groups of the configuration, without those of Hydra itself."""
    if not path.exists():
        return {}
    content: Any = _read_yaml(path)
    for name in ("hydra", "runtime", "choices"):
        content = content.get(name) if isinstance(content, Mapping) else None
    given = content if isinstance(content, Mapping) else {}
    return {str(group): str(chosen) for group, chosen in given.items() if chosen is not None and not group.startswith("hydra/")}


def _flat(node: Any, name: str) -> dict[str, Any]:
    """Options by their name as a command line writes it."""
    if not isinstance(node, Mapping):
        return {name: node}
    flat: dict[str, Any] = {}
    for key, value in node.items():
        flat |= _flat(value, f"{name}.{key}" if name else str(key))
    return flat


def _numbers(row: Mapping[str, str]) -> dict[str, float]:
    """The figures of a line of a table; a scene has no figure where the cell is empty."""
    values = {name: float(text) for name, text in row.items() if name != "scene" and text}
    return {name: value for name, value in values.items() if math.isfinite(value)}


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)

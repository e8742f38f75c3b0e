"""In which options runs differ."""

from collections.abc import Iterable, Sequence
from typing import Any

from isagrsc2.tasks.compare.runs import Run

# What every run has of its own, and what does not change a result.
_APART = ("output_dir", "runs_dir", "logger", "hparams")

# Stands for an option that a run does not have.
ABSENT = "-"


def differing_options(runs: Sequence[Run]) -> dict[str, list[str]]:
    """Options in which the runs of one kind differ: first the choices of groups, then numbers and names.

    Where runs have chosen different options of a group, what lies below the group is compared only among those that have
    chosen the same; the choice says the rest.

    Returns:
        Name as on a command line, to the value of every run, ``ABSENT`` where it has none.
    """
    groups = [group for group in _names(run.choices for run in runs) if not _is_apart(group)]
    choices = {group: [run.choices.get(group, ABSENT) for run in runs] for group in groups}
    differing = {group: values for group, values in choices.items() if len(set(values)) > 1}
    shown = dict(differing)
    for name in _names(run.options for run in runs):
        if _is_apart(name):
            continue
        values = [_text(run.options[name]) if name in run.options else ABSENT for run in runs]
        # Of every run, what it has chosen in the groups above the option.
        above = [chosen for group, chosen in differing.items() if name.startswith(f"{_place(group)}.")]
        kinds = list(zip(*above, strict=True)) if above else [()] * len(runs)
        if any(len({value for value, one in zip(values, kinds, strict=True) if one == kind}) > 1 for kind in set(kinds)):
            shown[name] = values
    return shown


def _names(options: Iterable[Iterable[str]]) -> list[str]:
    """All names in the order in which they first occur."""
    return list(dict.fromkeys(name for one in options for name in one))


def _is_apart(name: str) -> bool:
    return any(name == apart or name.startswith((f"{apart}.", f"{apart}/")) for apart in _APART)


def _place(group: str) -> str:
    """Where in the configuration the options of a group stand: ``data/augment`` at ``data.augment``, ``a@b.c`` at ``b.c``."""
    return group.rpartition("@")[2].replace("/", ".")


def _text(value: Any) -> str:
    return f"[{','.join(map(str, value))}]" if isinstance(value, list) else str(value)

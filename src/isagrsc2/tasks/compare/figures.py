"""Which figures of runs are shown, and in which order the runs."""

from collections.abc import Sequence
from fnmatch import fnmatchcase

from isagrsc2.errors import InputError
from isagrsc2.tasks.compare.runs import Run
from isagrsc2.tasks.tracking import MIN, direction

# Patterns of what is shown unless other figures are asked for, the most telling first.
_TELLING = (
    "parcels/iou",
    "parcels/f1",
    "parcels/pq",
    "parcels/boundary_f1",
    "coverage/round_*",
    "parcels/count",
    "test/*",
    "val/*",
    "seconds/total",
    "memory_mb/peak",
)
# So many fit beside the options into a terminal.
_MOST = 8


def choose_figures(runs: Sequence[Run], patterns: Sequence[str]) -> list[str]:
    """Names of the figures to show, each once.

    Args:
        runs: of one kind.
        patterns: with ``*``; none for the most telling figures, those that the best checkpoints were chosen by first.

    Raises:
        InputError: a pattern fits no figure.
    """
    known = list(dict.fromkeys(name for run in runs for name in run.figures))
    if patterns:
        for pattern in patterns:
            if not any(fnmatchcase(name, pattern) for name in known):
                raise InputError(f"--figures {pattern} fits no figure of these runs; choose from {', '.join(known)}.")
        return _fitting(known, patterns)
    monitored = [run.monitored[0] for run in runs if run.monitored is not None]
    # Of the rounds the last says what was covered.
    rounds = sorted(name for name in known if fnmatchcase(name, "coverage/round_*"))
    return _fitting([name for name in known if name not in rounds[:-1]], [*dict.fromkeys(monitored), *_TELLING])[:_MOST]


def _fitting(names: Sequence[str], patterns: Sequence[str]) -> list[str]:
    return list(dict.fromkeys(name for pattern in patterns for name in names if fnmatchcase(name, pattern)))


def best_direction(runs: Sequence[Run], name: str) -> str | None:
    """``max`` or ``min``: as the runs themselves were told, else by the name; None where neither is better."""
    told = [run.monitored[1] for run in runs if run.monitored is not None and run.monitored[0] == name]
    return told[0] if told else direction(name)


def sorted_by(runs: Sequence[Run], name: str) -> list[Run]:
    """The best runs first; where neither more nor less is better the largest; those without the figure last.

    Raises:
        InputError: no run has the figure.
    """
    known = sorted({figure for run in runs for figure in run.figures})
    if name not in known:
        raise InputError(f"--sort {name} is no figure of these runs; choose from {', '.join(known)}.")
    sign = 1 if best_direction(runs, name) == MIN else -1
    return sorted(runs, key=lambda run: (name not in run.figures, sign * run.figures.get(name, 0.0)))


def best_value(runs: Sequence[Run], name: str) -> float | None:
    """The best value of a figure; None where neither more nor less is better, or there is nothing to compare with."""
    values = [run.figures[name] for run in runs if name in run.figures]
    towards = best_direction(runs, name)
    if towards is None or len(values) < 2 or len(set(values)) < 2:
        return None
    return min(values) if towards == MIN else max(values)


def figure_text(value: float | None) -> str:
    """A figure as people read it."""
    if value is None:
        return "-"
    if value.is_integer() or abs(value) >= 1000:
        return f"{value:.0f}"
    return f"{value:.1f}" if abs(value) >= 100 else f"{value:.4f}" if abs(value) < 10 else f"{value:.2f}"

"""Runs side by side: a panel per figure, a row per run."""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from isagrsc2.figures.canvas import BLUE, CULTIVATED, FAINT, INK, new_figure, save, shortened, width_of

# Inches: of a panel, of a row in it, and around the panels.
_WIDTH, _ROW, _TOP, _BOTTOM, _GAP = 1.7, 0.42, 0.95, 0.35, 0.3
# Panels side by side; the others stand below.
_ACROSS = 4
# Points: letters of names and values, and of the title. Letters of a line of a name.
_SIZE, _TITLE, _LETTERS = 8.0, 13.0, 56


@dataclass(frozen=True)
class Panel:
    """One figure of all runs.

    Attributes:
        name: of the figure.
        values: (N,) of the runs, None where one has none.
        best: the best of them; None where there is no such thing.
    """

    name: str
    values: Sequence[float | None]
    best: float | None


def draw_run_comparison(
    title: str, rows: Sequence[str], panels: Sequence[Panel], text: Callable[[float | None], str], path: Path
) -> None:
    """Draw a point for every figure of every run, the best of each in another colour.

    Args:
        title: above.
        rows: (N,) names of at least one run; a line of each is shortened where it is too long.
        panels: at least one.
        text: a value as it is written beside its point.
        path: of the PNG.
    """
    names = ["\n".join(shortened(line, _LETTERS) for line in row.split("\n")) for row in rows]
    left = width_of((line for name in names for line in name.split("\n")), _SIZE) + 0.35
    across, down = min(_ACROSS, len(panels)), math.ceil(len(panels) / _ACROSS)
    tall = _ROW * len(rows)
    # The title is bold, so somewhat wider than measured.
    width = max(left + across * (_WIDTH + _GAP) + _GAP, 1.15 * width_of([title], _TITLE) + 0.3)
    height = _TOP + down * (tall + _BOTTOM + _GAP)
    figure = new_figure(width, height)
    figure.text(0.15 / width, 1 - 0.18 / height, title, fontsize=_TITLE, weight="bold", color=INK, va="top")
    for number, panel in enumerate(panels):
        row, column = divmod(number, _ACROSS)
        x = left + column * (_WIDTH + _GAP)
        y = height - _TOP - row * (tall + _BOTTOM + _GAP) - tall
        axes = figure.add_axes((x / width, y / height, _WIDTH / width, tall / height))
        known = [(place, value) for place, value in enumerate(panel.values) if value is not None]
        low, high = min(value for _, value in known), max(value for _, value in known)
        # Room for the points, and on the right for the value of the last.
        room = (high - low) or abs(high) or 1.0
        axes.set(xlim=(low - 0.1 * room, high + 0.55 * room), ylim=(len(rows) - 0.5, -0.5))
        for place, value in known:
            colour = CULTIVATED if value == panel.best else BLUE
            axes.plot(value, place, "o", color=colour, markersize=5)
            weight = "bold" if value == panel.best else "normal"
            axes.annotate(
                text(value),
                (value, place),
                (6, 0),
                textcoords="offset points",
                va="center",
                fontsize=_SIZE,
                color=colour,
                weight=weight,
            )
        axes.set_title(panel.name, fontsize=_SIZE + 1, color=INK, loc="left")
        axes.set_yticks(range(len(rows)), names if column == 0 else [""] * len(rows), fontsize=_SIZE)
        axes.tick_params(colors=INK, length=0)
        axes.tick_params(axis="x", labelsize=_SIZE - 1, labelcolor=FAINT)
        axes.locator_params(axis="x", nbins=3)
        axes.spines[["top", "right", "left", "bottom"]].set_visible(False)
        axes.grid(axis="y", color=FAINT, alpha=0.25, linewidth=0.8)
        axes.set_axisbelow(True)
    save(figure, path)

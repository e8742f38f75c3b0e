"""Variants of the method: what they reach, against the seconds they take."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from isagrsc2.figures.canvas import BLUE, FAINT, INK, new_figure, save, width_of

# Inches: of a panel, around the panels, and between lines of the list of names.
_WIDTH, _HEIGHT, _LEFT, _TOP, _BOTTOM, _GAP, _LINE = 3.6, 3.2, 0.6, 0.45, 0.55, 0.65, 0.22
# Points: letters.
_SIZE = 9.0
# Share of a panel within which two points are too close for two numbers.
_APART = 0.04


@dataclass(frozen=True)
class Point:
    """A variant in a panel.

    Attributes:
        name: of the variant.
        cost: along the horizontal axis; None where it is undefined.
        value: along the vertical axis; None where it is undefined.
    """

    name: str
    cost: float | None
    value: float | None


def draw_ablation(cost: str, panels: Mapping[str, Sequence[Point]], path: Path) -> None:
    """Draw a panel per figure; points bear the numbers of the variants, which are listed on the right.

    Args:
        cost: what the horizontal axis is called.
        panels: name of a figure to a point per variant, the same variants in each.
        path: of the PNG.
    """
    names = [f"{number}  {point.name}" for number, point in enumerate(next(iter(panels.values())), start=1)]
    width = len(panels) * (_LEFT + _WIDTH) + _GAP + width_of(names, _SIZE)
    height = _TOP + max(_HEIGHT, _LINE * len(names)) + _BOTTOM
    figure = new_figure(width, height)
    for place, (name, points) in enumerate(panels.items()):
        x = _LEFT + place * (_LEFT + _WIDTH)
        axes = figure.add_axes((x / width, _BOTTOM / height, _WIDTH / width, 1 - (_TOP + _BOTTOM) / height))
        known = [(n, one.cost, one.value) for n, one in enumerate(points, 1) if one.cost is not None and one.value is not None]
        axes.set_title(name, fontsize=_SIZE + 2, color=INK, loc="left")
        axes.set_xlabel(cost, fontsize=_SIZE, color=INK)
        axes.tick_params(colors=INK, labelsize=_SIZE - 1)
        axes.grid(color=FAINT, alpha=0.3, linewidth=0.6)
        axes.set_axisbelow(True)
        axes.spines[["top", "right"]].set_visible(False)
        axes.set(ylim=(0, 1.05), xlim=(0, 1.2 * max((seconds for _, seconds, _ in known), default=1.0) or 1.0))
        axes.scatter([seconds for _, seconds, _ in known], [value for _, _, value in known], color=BLUE, s=22, zorder=3)
        for numbers, seconds, value in _close_together(known, axes.get_xlim()[1]):
            text = ", ".join(map(str, numbers))
            axes.annotate(text, (seconds, value), (6, 0), textcoords="offset points", fontsize=_SIZE, color=INK, va="center")
    for line, name in enumerate(names):
        y = height - _TOP - line * _LINE
        figure.text((width - width_of(names, _SIZE) - 0.2) / width, y / height, name, fontsize=_SIZE, color=INK, va="top")
    save(figure, path)


def _close_together(points: Sequence[tuple[int, float, float]], width: float) -> list[tuple[list[int], float, float]]:
    """Join points whose numbers would lie on one another: their numbers, and the place beside which they are written."""
    groups: list[tuple[list[int], float, float]] = []
    for number, across, up in points:
        for place, (numbers, right, middle) in enumerate(groups):
            if abs(across - right) < _APART * width and abs(up - middle) < _APART:
                groups[place] = ([*numbers, number], max(across, right), middle)
                break
        else:
            groups.append(([number], across, up))
    return groups

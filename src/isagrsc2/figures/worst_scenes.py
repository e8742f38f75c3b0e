"""The scenes that agree least with their reference, on one sheet."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle

from isagrsc2.figures.agreement import COLOURS, MISSED, NAMES
from isagrsc2.figures.canvas import DPI, FAINT, INK, new_figure, save, shortened

# Inches: side of an image, space between images, margin, height of title and legend, height of a line below an image.
_IMAGE, _SPACE, _MARGIN, _TITLE, _LINE = 4.4, 0.25, 0.3, 1.0, 0.22
_COLUMNS = 4
# Least width for title and legend.
_NARROWEST = 7.2
# Letters that fit below an image.
_LETTERS = 62
# Long side of the pictures, px.
SIDE = round(_IMAGE * DPI)


@dataclass(frozen=True)
class ScenePanel:
    """One scene of the sheet.

    Attributes:
        name: what a person calls it.
        scores: what stands below.
        picture: (h, w, 3) uint8 RGB of ``draw_agreement``.
    """

    name: str
    scores: str
    picture: npt.NDArray[np.uint8]


def draw_worst_scenes(panels: Sequence[ScenePanel], scenes: int, subtitle: str, path: Path) -> None:
    """Draw the sheet.

    Args:
        panels: at least one, the worst first.
        scenes: how many there are in all.
        subtitle: beside the title.
        path: of the PNG.
    """
    columns = min(_COLUMNS, math.ceil(math.sqrt(len(panels))))
    rows = math.ceil(len(panels) / columns)
    tallest = [_height(panels[row * columns : (row + 1) * columns]) for row in range(rows)]
    width = max(2 * _MARGIN + columns * _IMAGE + (columns - 1) * _SPACE, _NARROWEST)
    height = _TITLE + sum(tallest) + rows * (2 * _LINE + _SPACE + 0.1)
    figure = new_figure(width, height)
    title = "1 scene" if scenes == 1 else f"{scenes:,} scenes, the worst first"
    if len(panels) < scenes:
        title = f"The {len(panels)} worst of {scenes:,} scenes"
    figure.text(_MARGIN / width, 1 - 0.2 / height, title, fontsize=15, weight="bold", color=INK, va="top")
    figure.text(1 - _MARGIN / width, 1 - 0.24 / height, subtitle, fontsize=9.5, color=FAINT, va="top", ha="right")
    _legend(figure, width, height)
    top = height - _TITLE
    for place, panel in enumerate(panels):
        row, column = divmod(place, columns)
        if place and column == 0:
            top -= tallest[row - 1] + 2 * _LINE + _SPACE + 0.1
        left = _MARGIN + column * (_IMAGE + _SPACE)
        axes = figure.add_axes(
            (left / width, (top - tallest[row]) / height, _IMAGE / width, tallest[row] / height), anchor="NW"
        )
        axes.imshow(panel.picture, interpolation="antialiased")
        axes.set(xticks=[], yticks=[])
        axes.spines[:].set_color("#c9cfd3")
        below = top - tallest[row]
        name = shortened(panel.name, _LETTERS)
        figure.text(left / width, (below - _LINE) / height, name, fontsize=9.5, color=INK, parse_math=False)
        figure.text(left / width, (below - 2 * _LINE) / height, panel.scores, fontsize=9, color=FAINT, parse_math=False)
    save(figure, path)


def _height(panels: Sequence[ScenePanel]) -> float:
    """Height of a row, inches."""
    return max(_IMAGE * min(panel.picture.shape[0] / panel.picture.shape[1], 1.0) for panel in panels)


def _legend(figure: Figure, width: float, height: float) -> None:
    """One swatch for every outcome, and what the lines are."""
    bottom = 1 - 0.78 / height
    left = _MARGIN
    for code, name in enumerate(NAMES):
        hatch = "////" if code == MISSED else None
        colour = [channel / 255 for channel in COLOURS[code]]
        place, size = (left / width, bottom), (0.26 / width, 0.15 / height)
        swatch = Rectangle(place, *size, facecolor=colour, edgecolor="#ffd6d2", hatch=hatch, linewidth=0)
        figure.add_artist(swatch)
        figure.text((left + 0.33) / width, bottom, name, fontsize=10, color=INK, va="baseline")
        left += 0.33 + 0.085 * len(name) + 0.22
    figure.text(left / width, bottom, "lines: black predicted, white reference", fontsize=9, color=FAINT, va="baseline")

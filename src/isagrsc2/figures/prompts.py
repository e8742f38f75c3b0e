"""Prompts and the masks a segmenter chose for them."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path, PurePath
from typing import Any

import numpy as np
import numpy.typing as npt
from matplotlib.axes import Axes

from isagrsc2.figures.canvas import FAINT, INK, new_figure, save, shortened

# Inches: side of an image, space between images, margin, height of the title and of a line below an image, width of one
# prompt's numbers.
_IMAGE, _SPACE, _MARGIN, _TITLE, _LINE, _NUMBERS = 4.2, 0.3, 0.3, 0.75, 0.2, 1.05
_PER_LINE = 4
_COLUMNS = 3
# Letters that fit below an image.
_LETTERS = 64
# Bright, and unlike fields: of the outline and of the number of a prompt.
_COLOURS = ("#ffd400", "#35d0ff", "#ff6fb5", "#ff8c1a", "#a6ff4d", "#c39bff", "#ff4d4d", "#2ee6a8")
# Widths of lines in points.
_OUTLINE, _HALO, _PARCEL = 1.5, 2.8, 1.1


@dataclass(frozen=True)
class AnsweredImage:
    """An image, K of its prompts, and what was chosen for them.

    Attributes:
        name: what a person calls it.
        image: (H, W, 3) uint8 RGB.
        prompts: (K, 2), x and y in px.
        parcels: (K, H, W) bool, the parcel under each prompt.
        masks: (K, H, W) bool, the mask with the highest score.
        scores: (K,) that score.
        ious: (K,) intersection over union of mask and parcel.
    """

    name: str
    image: npt.NDArray[np.uint8]
    prompts: npt.NDArray[np.floating[Any]]
    parcels: npt.NDArray[np.bool_]
    masks: npt.NDArray[np.bool_]
    scores: npt.NDArray[np.floating[Any]]
    ious: npt.NDArray[np.floating[Any]]


def draw_prompts(answered: Sequence[AnsweredImage], path: Path) -> None:
    """Draw a sheet of images, each with its prompts, the outlines of masks and of parcels, and predicted and true IoU.

    Args:
        answered: at least one.
        path: of the PNG.
    """
    columns = min(_COLUMNS, len(answered))
    rows = math.ceil(len(answered) / columns)
    lines = max(1 + math.ceil(len(one.prompts) / _PER_LINE) for one in answered)
    high = _IMAGE + lines * _LINE
    width = 2 * _MARGIN + columns * _IMAGE + (columns - 1) * _SPACE
    height = _TITLE + rows * (high + _SPACE)
    figure = new_figure(width, height)
    images = "1 image" if len(answered) == 1 else f"{len(answered)} images"
    title = f"Prompts in {images}"
    figure.text(_MARGIN / width, 1 - 0.2 / height, title, fontsize=14, weight="bold", color=INK, va="top")
    legend = "coloured: chosen mask, predicted | true IoU; white: parcel"
    figure.text(_MARGIN / width, 1 - 0.5 / height, legend, fontsize=9, color=FAINT, va="top")
    for place, one in enumerate(answered):
        row, column = divmod(place, columns)
        left = _MARGIN + column * (_IMAGE + _SPACE)
        bottom = height - _TITLE - row * (high + _SPACE) - _IMAGE
        axes = figure.add_axes((left / width, bottom / height, _IMAGE / width, _IMAGE / height), anchor="SW")
        _show(axes, one)
        name = shortened(PurePath(one.name).name, _LETTERS)
        figure.text(left / width, (bottom - _LINE) / height, name, fontsize=8, color=FAINT, parse_math=False)
        for number, (score, iou) in enumerate(zip(one.scores, one.ious, strict=True)):
            line, position = divmod(number, _PER_LINE)
            x, y = (left + position * _NUMBERS) / width, (bottom - (line + 2) * _LINE) / height
            figure.text(x + 0.05 / width, y, f"{number + 1}", fontsize=7.5, color=INK, bbox=_badge(number))
            figure.text(x + 0.25 / width, y, f"{score:.2f} | {iou:.2f}", fontsize=8, color=INK)
    save(figure, path)


def _show(axes: Axes, one: AnsweredImage) -> None:
    height, width = one.image.shape[:2]
    axes.imshow(one.image, extent=(0, width, height, 0), interpolation="antialiased")
    for parcel in one.parcels:
        _outline(axes, parcel, "white", _PARCEL)
    for number, mask in enumerate(one.masks):
        _outline(axes, mask, INK, _HALO)
        _outline(axes, mask, _COLOURS[number % len(_COLOURS)], _OUTLINE)
    for number, (x, y) in enumerate(one.prompts):
        axes.text(x, y, f"{number + 1}", ha="center", va="center", fontsize=6.5, color=INK, bbox=_badge(number), clip_on=True)
    axes.set(xticks=[], yticks=[], xlim=(0, width), ylim=(height, 0))
    axes.spines[:].set_color("#c9cfd3")


def _outline(axes: Axes, mask: npt.NDArray[np.bool_], colour: str, width: float) -> None:
    """Draw the border of a mask (H, W), along the frame too."""
    if mask.any():
        framed = np.pad(mask, 1)  # (H + 2, W + 2)
        y, x = (np.arange(size) - 0.5 for size in framed.shape)  # centres of pixels
        axes.contour(x, y, framed, levels=[0.5], colors=[colour], linewidths=[width])


def _badge(number: int) -> dict[str, Any]:
    """The coloured ground of a prompt's number."""
    return {"boxstyle": "round,pad=0.2", "facecolor": _COLOURS[number % len(_COLOURS)], "edgecolor": INK, "linewidth": 0.5}

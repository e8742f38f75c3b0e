"""The chips a classifier was most sure of and wrong about."""

import math
from collections.abc import Callable
from pathlib import Path, PurePath

import numpy as np
import numpy.typing as npt
from matplotlib.axes import Axes

from isagrsc2.classification.predictions import Predictions
from isagrsc2.figures.canvas import DPI, FAINT, INK, in_words, new_figure, save, shortened

ReadChip = Callable[[int], npt.NDArray[np.uint8]]

# Inches: side of a chip, space between chips, margin, height of the title and of a line below a chip.
_CHIP, _SPACE, _MARGIN, _TITLE, _LINE = 1.9, 0.25, 0.3, 0.75, 0.17
# Letters that fit below a chip.
_LETTERS = 33


def draw_worst_mistakes(predictions: Predictions, read_chip: ReadChip, count: int, path: Path) -> None:
    """Draw the wrongly classified chips whose predicted class is most probable.

    Each with its true and its predicted class, the probability of the latter, and its name. Where there are fewer
    mistakes than asked for, all are shown; where there is none, the picture says so.

    Args:
        predictions: of at least one chip.
        read_chip: gives a chip by its place in ``predictions``, (S, S, 3) uint8 RGB.
        count: chips to show at most.
        path: of the PNG.
    """
    mistakes = worst_mistakes(predictions)
    shown = mistakes[:count]
    total = f"{len(predictions.labels):,} chips"
    columns = max(math.ceil(math.sqrt(len(shown))), 1)
    lines = [_lines(predictions, int(index)) for index in shown]
    high = max((len(text) for text in lines), default=0) * _LINE + _CHIP
    rows = math.ceil(len(shown) / columns)
    width = 2 * _MARGIN + columns * _CHIP + (columns - 1) * _SPACE
    height = _TITLE + rows * (high + _SPACE)

    figure = new_figure(width, height)
    title = {0: "No mistakes", 1: "1 mistake"}.get(len(mistakes), f"{len(mistakes):,} mistakes")
    figure.text(_MARGIN / width, 1 - 0.2 / height, title, fontsize=14, weight="bold", color=INK, va="top")
    subtitle = f"among {total}"
    if len(shown) < len(mistakes):
        subtitle += f"; the {len(shown)} it was most sure of"
    elif len(shown) > 1:
        subtitle += ", the surest first"
    figure.text(_MARGIN / width, 1 - 0.5 / height, subtitle, fontsize=9, color=FAINT, va="top")
    for place, (index, text) in enumerate(zip(shown, lines, strict=True)):
        row, column = divmod(place, columns)
        left = _MARGIN + column * (_CHIP + _SPACE)
        top = height - _TITLE - row * (high + _SPACE)
        axes = figure.add_axes((left / width, (top - _CHIP) / height, _CHIP / width, _CHIP / height))
        _show(axes, read_chip(int(index)))
        for number, line in enumerate(text, start=1):
            figure.text(
                left / width,
                (top - _CHIP - number * _LINE) / height,
                line,
                fontsize=7.5,
                color=FAINT if number == len(text) else INK,
                parse_math=False,
            )
    save(figure, path)


def worst_mistakes(predictions: Predictions) -> npt.NDArray[np.int64]:
    """(M,) places of the wrongly classified chips, the most probable wrong class first."""
    wrong = np.flatnonzero(predictions.predicted != predictions.labels)
    probability = predictions.probabilities[wrong].max(axis=1)
    return np.asarray(wrong[np.argsort(-probability, kind="stable")], np.int64)


def _show(axes: Axes, chip: npt.NDArray[np.uint8]) -> None:
    axes.imshow(chip, interpolation="nearest" if chip.shape[0] < _CHIP * DPI else "antialiased")
    axes.set(xticks=[], yticks=[])
    axes.spines[:].set_color("#c9cfd3")


def _lines(predictions: Predictions, index: int) -> list[str]:
    """What stands below a chip: classes and probability in one line or two, and the name."""
    true = in_words(predictions.class_names[predictions.labels[index]])
    said = in_words(predictions.class_names[predictions.predicted[index]])
    probability = f"{predictions.probabilities[index].max():.2f}"
    one = f"{true} → {said}  {probability}"
    classes = (
        [one] if len(one) <= _LETTERS else [shortened(f"{true} →", _LETTERS), shortened(f"{said}  {probability}", _LETTERS)]
    )
    return [*classes, shortened(PurePath(predictions.names[index]).name, _LETTERS)]

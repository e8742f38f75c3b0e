"""Which classes are taken for which."""

from pathlib import Path

import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import PowerNorm
from matplotlib.patches import Rectangle

from isagrsc2.classification.predictions import Predictions
from isagrsc2.classification.scores import confusion_matrix
from isagrsc2.figures.canvas import CULTIVATED, FAINT, INK, in_words, new_figure, save, width_of

# Side of a cell (inches), letters inside and of class names (points), for up to so many classes.
_SIZES = ((3, 1.3, 13.0, 12.0), (10, 0.8, 9.5, 10.5), (20, 0.55, 8.0, 9.5), (10**6, 0.36, 6.5, 8.5))
# Inches: margin, space beside class names, height of title and subtitle, height of an axis label.
_MARGIN, _GAP, _TITLE, _LABEL = 0.25, 0.12, 0.75, 0.3
# The eye shall see a few per cent: colour follows the square root of the share.
_GAMMA = 0.5
# Shares from which the ground is so dark that letters must be light.
_DARK = 0.35


def draw_confusion_matrix(predictions: Predictions, path: Path) -> None:
    """Draw the chips of each true class (rows) by predicted class (columns).

    A cell gives the number of chips and, from 1 % on, their share of the row; colour follows the share. Cells without
    chips are blank. The names of cultivated classes are green.

    Args:
        predictions: of at least one chip.
        path: of the PNG.
    """
    counts = confusion_matrix(predictions)  # (K, K)
    of_class = counts.sum(axis=1)  # (K,)
    shares = counts / np.maximum(of_class, 1)[:, None]  # (K, K)
    count = len(counts)
    cell, inside, outside = next((side, small, large) for most, side, small, large in _SIZES if count <= most)
    columns = [in_words(name) for name in predictions.class_names]
    rows = [f"{name} ({number:,})" for name, number in zip(columns, of_class, strict=True)]
    right = int(counts.diagonal().sum())
    title = f"{right / of_class.sum():.1%} right: {right:,} of {of_class.sum():,} chips"

    flat = width_of(columns, outside) < cell * 0.95
    side = count * cell
    left = _MARGIN + _LABEL + width_of(rows, outside) + _GAP
    below = (outside / 72 if flat else width_of(columns, outside)) + 2 * _GAP + _LABEL + _MARGIN / 2
    width = max(left + side, _MARGIN + width_of([title], 14) * 1.15) + _MARGIN
    height = below + side + _GAP + _TITLE + _MARGIN / 2

    figure = new_figure(width, height)
    axes = figure.add_axes((left / width, below / height, side / width, side / height))
    axes.imshow(shares, cmap="Blues", norm=PowerNorm(_GAMMA, vmin=0, vmax=1), interpolation="nearest")
    axes.set_xticks(range(count), columns, rotation=0 if flat else 90, fontsize=outside, parse_math=False)
    axes.set_yticks(range(count), rows, fontsize=outside, parse_math=False)
    _mark(axes, predictions)
    for row, column in zip(*np.nonzero(counts), strict=True):
        share = shares[row, column]
        text = f"{counts[row, column]:,}" + (f"\n{_percent(share)}" if share >= 0.01 else "")
        colour = "white" if share > _DARK else INK
        axes.text(column, row, text, ha="center", va="center", fontsize=inside, color=colour, linespacing=1.1)

    top = height - _MARGIN
    figure.text(_MARGIN / width, top / height, title, fontsize=14, weight="bold", color=INK, va="top")
    subtitle = "chips, and their share of the row"
    if any(predictions.cultivated_columns):
        subtitle += "; green: cultivated"
    figure.text(_MARGIN / width, (top - 0.3) / height, subtitle, fontsize=10, color=FAINT, va="top")
    middle = (below + side / 2) / height
    figure.text(_MARGIN / width, middle, "true class", rotation=90, va="center", fontsize=11, color=FAINT)
    figure.text((left + side / 2) / width, _LABEL / 2 / height, "predicted class", ha="center", fontsize=11, color=FAINT)
    save(figure, path)


def _mark(axes: Axes, predictions: Predictions) -> None:
    """Draw the lines between cells and the frame of the diagonal, and colour the names."""
    count = len(predictions.class_names)
    axes.tick_params(length=0, pad=_GAP * 72 / 2)
    axes.spines[:].set_visible(False)
    lines = np.arange(count + 1) - 0.5
    axes.hlines(lines, -0.5, count - 0.5, color="#dfe3e6", linewidth=0.6)
    axes.vlines(lines, -0.5, count - 0.5, color="#dfe3e6", linewidth=0.6)
    for place in range(count):
        axes.add_patch(Rectangle((place - 0.5, place - 0.5), 1, 1, fill=False, edgecolor="#9aa5ad", linewidth=0.9))
    for labels in (axes.get_xticklabels(), axes.get_yticklabels()):
        for label, cultivated in zip(labels, predictions.cultivated_columns, strict=True):
            label.set_color(CULTIVATED if cultivated else INK)


def _percent(share: float) -> str:
    """A share in per cent; only the whole is 100 %."""
    return f"{min(share, 0.99):.0%}" if share < 1 else "100%"

"""What a probability of being cultivated is worth."""

from pathlib import Path

import numpy as np
from matplotlib.ticker import MaxNLocator

from isagrsc2.classification.predictions import Predictions
from isagrsc2.classification.scores import BINS, reliability
from isagrsc2.figures.canvas import BLUE, CULTIVATED, FAINT, INK, new_figure, save

# Area of the points of the bin with most chips, and of a bin with few, square points.
_LARGEST, _SMALLEST = 160.0, 14.0


def draw_reliability(predictions: Predictions, path: Path) -> None:
    """Draw how often land is cultivated over how probable it was said to be (Guo et al. 2017, figure 1).

    Above, one point for each bin of ``p_cultivated`` that has chips: mean probability and share of cultivated chips; the
    diagonal is a classifier whose probabilities mean what they say. Below, the chips of each bin.

    Args:
        predictions: of at least one chip.
        path: of the PNG.
    """
    bins = reliability(predictions)
    filled = bins.counts > 0
    total = int(bins.counts.sum())
    confidence, frequency, chips = bins.confidence[filled], bins.frequency[filled], bins.counts[filled]
    error = float(np.abs(frequency - confidence) @ chips) / total  # Guo et al. 2017, eq. 3

    figure = new_figure(6.4, 7.6)
    grid = figure.add_gridspec(2, 1, height_ratios=(3.2, 1), left=0.13, right=0.96, bottom=0.085, top=0.855, hspace=0.09)
    above, below = figure.add_subplot(grid[0]), figure.add_subplot(grid[1])
    above.plot((0, 1), (0, 1), color=FAINT, linewidth=1.2, linestyle=(0, (5, 4)), label="as it should be")
    above.vlines(confidence, confidence, frequency, color=CULTIVATED, alpha=0.3, linewidth=5, label="gap")
    above.plot(confidence, frequency, color=CULTIVATED, linewidth=1, alpha=0.6)
    label = f"{int(filled.sum())} of {BINS} bins, larger with more chips"
    area = np.maximum(_LARGEST * chips / chips.max(), _SMALLEST)
    above.scatter(confidence, frequency, area, CULTIVATED, label=label, zorder=3, clip_on=False)
    above.set(xlim=(0, 1), ylim=(-0.02, 1.02), ylabel="share of the chips that are cultivated")
    above.legend(
        loc="lower left", bbox_to_anchor=(-0.02, 0.995), ncols=3, frameon=False, fontsize=9.5, labelcolor=INK, columnspacing=1.5
    )
    above.tick_params(labelbottom=False)

    centres = (bins.edges[:-1] + bins.edges[1:]) / 2
    bars = below.bar(centres, bins.counts, width=np.diff(bins.edges) * 0.88, color=BLUE)
    below.bar_label(bars, [f"{number:,}" for number in bins.counts], padding=2, fontsize=7, color=INK)
    below.set(xlim=(0, 1), ylim=(0, bins.counts.max() * 1.2), xlabel="probability of being cultivated", ylabel="chips")
    for axes in (above, below):
        axes.tick_params(colors=INK)
        axes.set_xticks(np.linspace(0, 1, 6))
        axes.spines[["top", "right"]].set_visible(False)
        axes.grid(alpha=0.25, linewidth=0.6)
        axes.set_axisbelow(True)
    below.grid(visible=False)
    below.yaxis.set_major_locator(MaxNLocator(4, integer=True))

    figure.text(0.13, 0.965, f"Expected calibration error {error:.3f}", fontsize=14, weight="bold", color=INK, va="top")
    subtitle = f"{total:,} chips, {predictions.is_cultivated.mean():.0%} of them cultivated"
    figure.text(0.13, 0.927, subtitle, fontsize=10, color=FAINT, va="top")
    save(figure, path)

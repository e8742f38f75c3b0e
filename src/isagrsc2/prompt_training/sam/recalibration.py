"""Scores of a fine-tuned decoder that go with the thresholds of SAM.

SAM's users, and its own generator of automatic masks, keep masks whose predicted IoU is at least 0.88. A decoder that was
fine-tuned on parcels is more modest than SAM: drawn borders are never exact, so the best masks of a parcel may have a true IoU
of 0.8, and a regression never predicts the best, only the mean of what looks like it. Left as they are, its scores may never
reach 0.88, and automatic masks come back empty. So after training they go through a straight line, in two steps:

1. *Honest*: the true IoU over validation prompts is regressed on the score. Had the score meant IoU already, this would be the
   identity.
2. *Raised*: if too few good masks (true IoU >= ``good_iou``) now reach the threshold, all scores are multiplied by the one
   factor that lets the share ``passing`` of them through. A factor keeps their order and keeps 0 at 0, so that the looser
   thresholds of later rounds still keep bad masks out; the price is that scores above 1 occur. The share is of good masks:
   masks that are bad but look good pass as well, as they did before.
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from segment_anything.modeling import MaskDecoder

from isagrsc2.options import check_number, check_share, check_whole

FloatArray = npt.NDArray[np.floating]

# Scores are float32 later on: what is to pass a threshold is put this much above it.
MARGIN = 1e-4


@dataclass(frozen=True)
class ScoreLine:
    """``slope * score + offset``."""

    slope: float
    offset: float

    def __call__(self, scores: FloatArray) -> FloatArray:
        """Map scores of any shape."""
        return self.slope * scores + self.offset


IDENTITY = ScoreLine(1.0, 0.0)


@dataclass(frozen=True)
class Recalibration:
    """How the line is found; see the module.

    Attributes:
        threshold: score that good masks shall reach, above 0.
        good_iou: true IoU from which a mask is good, 0 to 1.
        passing: share of the good masks that shall reach the threshold, 0 to 1.
        bins: classes of scores with equal weight; see ``fit_line``.
        least_slope: see ``fit_line``.
    """

    threshold: float
    good_iou: float
    passing: float
    bins: int
    least_slope: float

    def __post_init__(self) -> None:
        """Check the numbers."""
        check_share("model.recalibration.threshold", self.threshold)
        check_share("model.recalibration.good_iou", self.good_iou)
        check_share("model.recalibration.passing", self.passing)
        check_whole("model.recalibration.bins", self.bins, 1)
        check_number("model.recalibration.least_slope", self.least_slope, 1e-3)

    def fit(self, scores: FloatArray, ious: FloatArray) -> ScoreLine:
        """Find the line.

        Args:
            scores: (K,) of K masks of validation prompts, K >= 1.
            ious: (K,) their true IoU, 0 to 1.

        Returns:
            The honest line where good masks pass already, or where there is no good mask to look at.
        """
        honest = fit_line(scores, ious, self.bins, self.least_slope)
        good = honest(scores[ious >= self.good_iou])
        if not len(good):
            return honest
        reached = float(np.quantile(good, 1 - self.passing, method="lower"))  # by at least the share `passing`
        wanted = self.threshold + MARGIN
        if not 0 < reached < wanted:
            return honest
        factor = wanted / reached
        return ScoreLine(honest.slope * factor, honest.offset * factor)

    def share_passing(self, scores: FloatArray, ious: FloatArray) -> float:
        """Share of the good masks that reach the threshold; NaN without any. Arguments as for ``fit``, mapped already."""
        good = scores[ious >= self.good_iou]
        return float((good >= self.threshold).mean()) if len(good) else float("nan")


def fit_line(scores: FloatArray, ious: FloatArray, bins: int, least_slope: float) -> ScoreLine:
    """Weighted least squares of the true IoU on the score.

    The range of the scores is cut into ``bins`` parts of equal width, and every part that holds any weighs the same, shared
    by its masks. Two of three nested masks are never the parcel; unweighted, these would decide where the line runs, and it
    is wanted where scores are high and rare. Weights that depend on the score alone do not bias a regression on the score.

    Args:
        scores: (K,), K >= 1.
        ious: (K,).
        bins: number of parts.
        least_slope: above 0, so that the order of the scores stays whatever the data say; a line less steep is replaced by
            the best one of this slope.
    """
    span = np.ptp(scores)
    if span == 0:  # nothing to fit a slope to
        return ScoreLine(1.0, float(ious.mean() - scores.mean()))
    part = np.minimum((scores - scores.min()) / span * bins, bins - 1).astype(int)  # (K,)
    weights = 1 / np.bincount(part, minlength=bins)[part].astype(np.float64)  # (K,)
    weights /= weights.sum()
    x, y = scores.astype(np.float64), ious.astype(np.float64)
    centre_x, centre_y = weights @ x, weights @ y
    slope = float(weights @ ((x - centre_x) * (y - centre_y)) / (weights @ (x - centre_x) ** 2))
    slope = max(slope, least_slope)
    return ScoreLine(slope, float(centre_y - slope * centre_x))


def fold(line: ScoreLine, decoder: MaskDecoder) -> None:
    """Let a decoder predict mapped scores, in place: the last layer of its score head is linear, and so is the line."""
    last = decoder.iou_prediction_head.layers[-1]
    last.weight.data.mul_(line.slope)
    last.bias.data.mul_(line.slope).add_(line.offset)

"""Matching at many IoUs: F1 from a loose to a strict demand on the outline."""

from dataclasses import dataclass

import numpy as np

from isagrsc2.metrics.objects import match_parcels
from isagrsc2.metrics.overlaps import Overlaps
from isagrsc2.metrics.ratio import Ratios

# 0.50, 0.55, ..., 0.95, as in COCO. Division gives the double nearest to each, as it does for an IoU of the same value.
THRESHOLDS = tuple(percent / 100 for percent in range(50, 100, 5))


@dataclass(frozen=True)
class ThresholdCounts:
    """Parcels matched at each of ``THRESHOLDS``, with IoU strictly above it. Adds over scenes.

    Attributes:
        predicted: number of predicted parcels.
        reference: number of reference parcels.
        matched: (10,) number of pairs above each threshold.
    """

    predicted: int
    reference: int
    matched: tuple[int, ...]

    def __add__(self, other: "ThresholdCounts") -> "ThresholdCounts":
        matched = tuple(mine + others for mine, others in zip(self.matched, other.matched, strict=True))
        return ThresholdCounts(self.predicted + other.predicted, self.reference + other.reference, matched)

    def ratios(self) -> Ratios:
        """F1 at every threshold, ``object_f1_50`` and so on, as part and whole."""
        parcels = self.predicted + self.reference
        pairs = zip(THRESHOLDS, self.matched, strict=True)
        return {f"object_f1_{round(100 * threshold)}": (2 * matched, parcels) for threshold, matched in pairs}

    def mean_ratio(self) -> Ratios:
        """The mean of F1 over the thresholds as part and whole: they all have the same whole."""
        return {"object_f1_50_95": (2 * sum(self.matched) / len(THRESHOLDS), self.predicted + self.reference)}


# Of nothing; adding it changes nothing.
NO_THRESHOLDS = ThresholdCounts(predicted=0, reference=0, matched=(0,) * len(THRESHOLDS))


def count_thresholds(overlaps: Overlaps) -> ThresholdCounts:
    """Match parcels at every threshold.

    Args:
        overlaps: of one whole scene, parcels without overlaps among themselves.
    """
    _, _, ious = match_parcels(overlaps, THRESHOLDS[0])
    return ThresholdCounts(
        predicted=len(overlaps.predicted_areas()[0]),
        reference=len(overlaps.reference_areas()[0]),
        matched=tuple(int(np.count_nonzero(ious > threshold)) for threshold in THRESHOLDS),
    )

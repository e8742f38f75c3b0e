"""Predicted against reference parcels, one by one."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from isagrsc2.metrics.overlaps import IntArray, Overlaps
from isagrsc2.metrics.ratio import Ratios, ratio


@dataclass(frozen=True)
class MatchCounts:
    """Parcels found and missed at one IoU threshold. Adds over scenes (over tiles the overlaps add, see ``Overlaps``).

    The qualities are those of Kirillov et al. 2019, *Panoptic Segmentation*, section 4.1, for one class.

    Attributes:
        predicted: number of predicted parcels.
        reference: number of reference parcels.
        matched: number of pairs above the threshold.
        matched_iou: sum of the IoUs of these pairs.
    """

    predicted: int
    reference: int
    matched: int
    matched_iou: float

    def __add__(self, other: "MatchCounts") -> "MatchCounts":
        return MatchCounts(
            self.predicted + other.predicted,
            self.reference + other.reference,
            self.matched + other.matched,
            self.matched_iou + other.matched_iou,
        )

    def ratios(self) -> Ratios:
        """Every score as part and whole."""
        parcels = self.predicted + self.reference  # = 2 * (TP + FP / 2 + FN / 2)
        return {
            "object_precision": (self.matched, self.predicted),
            "object_recall": (self.matched, self.reference),
            "object_f1": (2 * self.matched, parcels),
            "panoptic_quality": (2 * self.matched_iou, parcels),
            "segmentation_quality": (self.matched_iou, self.matched),
            "recognition_quality": (2 * self.matched, parcels),
        }

    @property
    def precision(self) -> float | None:
        """Share of the predicted parcels that are matched. None when nothing is predicted."""
        return ratio(*self.ratios()["object_precision"])

    @property
    def recall(self) -> float | None:
        """Share of the reference parcels that are matched. None when there is no reference."""
        return ratio(*self.ratios()["object_recall"])

    @property
    def f1(self) -> float | None:
        """Harmonic mean of precision and recall; None when there are no parcels at all."""
        return ratio(*self.ratios()["object_f1"])

    @property
    def recognition_quality(self) -> float | None:
        """RQ = TP / (TP + FP / 2 + FN / 2), which is F1."""
        return ratio(*self.ratios()["recognition_quality"])

    @property
    def segmentation_quality(self) -> float | None:
        """SQ = mean IoU of the matched pairs. None when nothing is matched."""
        return ratio(*self.ratios()["segmentation_quality"])

    @property
    def panoptic_quality(self) -> float | None:
        """PQ = SQ * RQ = sum of matched IoUs / (TP + FP / 2 + FN / 2). None when there are no parcels at all."""
        return ratio(*self.ratios()["panoptic_quality"])


@dataclass(frozen=True)
class BestIoUCounts:
    """For every reference parcel the IoU with the predicted parcel that fits it best (0 where none touches it).

    Adds over scenes.

    Attributes:
        reference: number of reference parcels.
        area: their area, px.
        best_iou: sum of the best IoUs.
        best_iou_area: sum of the best IoUs, each times the area of its reference parcel, px.
    """

    reference: int
    area: float
    best_iou: float
    best_iou_area: float

    def __add__(self, other: "BestIoUCounts") -> "BestIoUCounts":
        return BestIoUCounts(
            self.reference + other.reference,
            self.area + other.area,
            self.best_iou + other.best_iou,
            self.best_iou_area + other.best_iou_area,
        )

    def ratios(self) -> Ratios:
        """Both means as part and whole."""
        return {
            "mean_best_iou": (self.best_iou, self.reference),
            "mean_best_iou_by_area": (self.best_iou_area, self.area),
        }

    @property
    def mean(self) -> float | None:
        """Mean best IoU, every reference parcel counting the same. None without a reference."""
        return ratio(*self.ratios()["mean_best_iou"])

    @property
    def mean_by_area(self) -> float | None:
        """Mean best IoU weighted by the area of the reference parcels. None without a reference."""
        return ratio(*self.ratios()["mean_best_iou_by_area"])


# IoU above which two parcels are the same; the usual one.
MATCHING_IOU = 0.5

# What is counted where there are no objects to compare; adding them changes nothing.
NO_MATCHES = MatchCounts(predicted=0, reference=0, matched=0, matched_iou=0.0)
NO_BEST_IOUS = BestIoUCounts(reference=0, area=0, best_iou=0.0, best_iou_area=0.0)


def count_matches(overlaps: Overlaps, threshold: float) -> MatchCounts:
    """Match predicted and reference parcels whose IoU is above a threshold.

    Args:
        overlaps: of one whole scene, parcels without overlaps among themselves.
        threshold: as in ``match_parcels``.
    """
    _, _, ious = match_parcels(overlaps, threshold)
    return MatchCounts(
        predicted=len(overlaps.predicted_areas()[0]),
        reference=len(overlaps.reference_areas()[0]),
        matched=len(ious),
        matched_iou=float(ious.sum()),
    )


def match_parcels(overlaps: Overlaps, threshold: float) -> tuple[IntArray, IntArray, npt.NDArray[np.float64]]:
    """Find the pairs of predicted and reference parcels whose IoU is above a threshold.

    Above 0.5 two parcels share more than half of either, so each has at most one partner and nothing has to be
    optimised (Kirillov et al. 2019, section 4.1).

    Args:
        overlaps: as in ``count_matches``.
        threshold: a pair matches when its IoU is strictly greater; at least 0.5.

    Returns:
        Rows of the predicted parcels, rows of the reference parcels, IoUs, (M,) each; see ``Overlaps.ious``.
    """
    if threshold < 0.5:
        raise ValueError(f"matching is unique only for thresholds of at least 0.5, not {threshold}")
    rows, columns, ious = overlaps.ious()
    matched = ious > threshold
    return rows[matched], columns[matched], ious[matched]


def best_ious(overlaps: Overlaps) -> npt.NDArray[np.float64]:
    """Best IoU of every reference parcel, (R,), as they stand in ``reference_areas``; 0 where nothing touches it."""
    _, columns, ious = overlaps.ious()
    best = np.zeros(len(overlaps.reference_areas()[0]))
    np.maximum.at(best, columns, ious)
    return best


def count_best_ious(overlaps: Overlaps) -> BestIoUCounts:
    """Find the best IoU of every reference parcel.

    Args:
        overlaps: of one whole scene.
    """
    _, areas = overlaps.reference_areas()
    best = best_ious(overlaps)
    return BestIoUCounts(len(best), areas.sum().item(), float(best.sum()), float((best * areas).sum()))


def mostly_inside(overlaps: Overlaps) -> list[int]:
    """Ids of the predicted parcels of which more than half lies in reference parcels: a perfect classifier's choice.

    This is how segmentations without classes are compared in the literature.
    """
    ids, areas = overlaps.predicted_areas()
    inside = np.zeros(len(ids), areas.dtype)
    both = (overlaps.predicted > 0) & (overlaps.reference > 0)
    np.add.at(inside, np.searchsorted(ids, overlaps.predicted[both]), overlaps.pixels[both])
    return [int(number) for number in ids[2 * inside > areas]]

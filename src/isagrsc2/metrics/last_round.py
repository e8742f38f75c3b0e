"""What is counted of the parcels of the last round only, because it costs more than the figures of every round."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from isagrsc2.metrics.average_precision import NO_DETECTIONS, DetectionCounts, count_detections
from isagrsc2.metrics.boundaries import NO_BOUNDARIES, BoundaryCounts, count_boundaries, harmonic_mean
from isagrsc2.metrics.hausdorff import NO_HAUSDORFF, HausdorffCounts, count_hausdorff
from isagrsc2.metrics.objects import MATCHING_IOU, match_parcels
from isagrsc2.metrics.outlines import Outlines
from isagrsc2.metrics.overlaps import Overlaps
from isagrsc2.metrics.pooling import Samples, Scores
from isagrsc2.metrics.ratio import Ratios, ratio
from isagrsc2.metrics.resampling import resample_ratios
from isagrsc2.metrics.scale import PIXELS, Scale
from isagrsc2.metrics.size_classes import SizeClass, SizeCounts, add_sizes, count_sizes
from isagrsc2.metrics.thresholds import NO_THRESHOLDS, ThresholdCounts, count_thresholds


@dataclass(frozen=True)
class Measures:
    """The numbers that define the figures.

    Attributes:
        limits_m2: areas between size classes, m², ascending; of scenes with a CRS.
        limits_px: the same in px, of scenes without.
        tolerance: greatest distance between boundaries that are the same.
        tolerance_unit: ``px`` or ``m``.
    """

    limits_m2: tuple[float, ...]
    limits_px: tuple[float, ...]
    tolerance: float
    tolerance_unit: str

    def limits(self, scale: Scale) -> tuple[float, ...]:
        """Limits in the scale's unit of area."""
        return self.limits_m2 if scale.area_unit == "m2" else self.limits_px


@dataclass(frozen=True, eq=False)
class LastRoundCounts:
    """Everything counted after the last round only. Adds over scenes.

    Attributes:
        thresholds: matched parcels at IoU > 0.50, 0.55, ... 0.95.
        detections: the parcels with their scores.
        boundaries: boundary px found within the tolerance.
        hausdorff: distances of matched pairs.
        sizes: matches and best IoUs of each size class; no class where the reference has areas only.
    """

    thresholds: ThresholdCounts
    detections: DetectionCounts
    boundaries: BoundaryCounts
    hausdorff: HausdorffCounts
    sizes: Mapping[SizeClass, SizeCounts]

    def __add__(self, other: "LastRoundCounts") -> "LastRoundCounts":
        return LastRoundCounts(
            self.thresholds + other.thresholds,
            self.detections + other.detections,
            self.boundaries + other.boundaries,
            self.hausdorff + other.hausdorff,
            add_sizes(self.sizes, other.sizes),
        )

    def ratios(self) -> Ratios:
        """The scores that are a part of a whole."""
        return self.boundaries.ratios() | self.hausdorff.ratios() | self.thresholds.ratios()

    def scores(self) -> Scores:
        """Scores from 0 to 1, Hausdorff distances in m and px; None where undefined. Those of sizes stand apart."""
        return {
            **self.detections.average_precisions(),
            "boundary_f1": self.boundaries.f1,
            **{name: ratio(*parts) for name, parts in self.ratios().items()},
        }

    @classmethod
    def resample(cls, scenes: Sequence["LastRoundCounts"], weights: npt.NDArray[np.float64]) -> Samples:
        """See ``Counts``."""
        samples = resample_ratios([scene.ratios() for scene in scenes], weights)
        samples["boundary_f1"] = harmonic_mean(samples["boundary_precision"], samples["boundary_recall"])
        return DetectionCounts.resample([scene.detections for scene in scenes], weights) | samples


# Of a reference that has areas only; adding it changes nothing.
NO_LAST_ROUND = LastRoundCounts(NO_THRESHOLDS, NO_DETECTIONS, NO_BOUNDARIES, NO_HAUSDORFF, {})


def count_last_round(
    overlaps: Overlaps,
    outlines: tuple[Outlines, Outlines],
    scores: npt.NDArray[np.float64],
    scale: Scale,
    measures: Measures,
) -> LastRoundCounts:
    """Count everything that is reported once.

    Args:
        overlaps: of one whole scene, parcels without overlaps among themselves.
        outlines: of the predicted and of the reference parcels in the same pixels; those of predicted parcels that
            ``overlaps`` does not have are left out.
        scores: (P,) of the predicted parcels, as they stand in ``predicted_areas``; NaN where there is none.
        scale: size of a pixel.
        measures: limits and tolerance; a tolerance in m needs a scale in m.
    """
    if measures.tolerance_unit == "m" != scale.unit:
        raise ValueError("the boundary tolerance is in m, but the size of a pixel on the ground is not known")
    ids, reference_ids = overlaps.predicted_areas()[0], overlaps.reference_areas()[0]
    predicted, reference = outlines[0].keep(ids), outlines[1]
    rows, columns, _ = match_parcels(overlaps, MATCHING_IOU)
    distances = scale if measures.tolerance_unit == "m" else PIXELS
    return LastRoundCounts(
        count_thresholds(overlaps),
        count_detections(overlaps, scores),
        count_boundaries(predicted, reference, distances, measures.tolerance),
        count_hausdorff(predicted, reference, (ids[rows], reference_ids[columns]), scale),
        count_sizes(overlaps, scale, measures.limits(scale)),
    )

"""Scores by the size of the parcels."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from isagrsc2.metrics.objects import MATCHING_IOU, BestIoUCounts, MatchCounts, best_ious, match_parcels
from isagrsc2.metrics.overlaps import Overlaps
from isagrsc2.metrics.pooling import Samples, Scores
from isagrsc2.metrics.ratio import Ratios, ratio
from isagrsc2.metrics.resampling import resample_ratios
from isagrsc2.metrics.scale import Scale


@dataclass(frozen=True, order=True)
class SizeClass:
    """Parcels of ``lower`` <= area < ``upper``.

    Attributes:
        unit: ``m2`` or ``px``.
        lower: least area.
        upper: infinite in the last class.
    """

    unit: str
    lower: float
    upper: float

    def bounds(self) -> dict[str, str | float | None]:
        """As they stand in reports; an upper bound of None is none."""
        return {"unit": self.unit, "from": self.lower, "to": None if math.isinf(self.upper) else self.upper}


@dataclass(frozen=True)
class SizeCounts:
    """What is counted of one size class. Adds over scenes; over all classes of a scene it adds to the scene's own.

    Attributes:
        matches: at IoU > 0.5. A matched pair belongs to the class of its reference parcel, a predicted parcel without
            partner to the class of its own area.
        best_ious: of the reference parcels of the class.
    """

    matches: MatchCounts
    best_ious: BestIoUCounts

    def __add__(self, other: "SizeCounts") -> "SizeCounts":
        return SizeCounts(self.matches + other.matches, self.best_ious + other.best_ious)

    def ratios(self) -> Ratios:
        """Every score as part and whole."""
        return self.matches.ratios() | self.best_ious.ratios()

    def scores(self) -> Scores:
        """Scores from 0 to 1, None where undefined, and the numbers of parcels they rest on."""
        scores: Scores = {name: ratio(*parts) for name, parts in self.ratios().items()}
        return scores | {
            "predicted_parcels": self.matches.predicted,
            "reference_parcels": self.matches.reference,
            "matched_parcels": self.matches.matched,
        }

    @classmethod
    def resample(cls, scenes: Sequence["SizeCounts"], weights: npt.NDArray[np.float64]) -> Samples:
        """See ``Counts``."""
        return resample_ratios([scene.ratios() for scene in scenes], weights)


# Of nothing; adding it changes nothing.
NO_SIZES = SizeCounts(MatchCounts(0, 0, 0, 0.0), BestIoUCounts(0, 0, 0.0, 0.0))


def count_sizes(overlaps: Overlaps, scale: Scale, limits: Sequence[float]) -> dict[SizeClass, SizeCounts]:
    """Match parcels and find the best IoUs, size class by size class.

    Args:
        overlaps: of one whole scene, parcels without overlaps among themselves.
        scale: size of a pixel.
        limits: (C - 1,) areas between the classes, ascending, > 0, in the scale's unit of area.

    Returns:
        The counts of all C classes, smallest first.
    """
    predicted, reference = overlaps.predicted_areas()[1], overlaps.reference_areas()[1]
    predicted_class = np.digitize(predicted * scale.area, limits)  # (P,)
    reference_class = np.digitize(reference * scale.area, limits)  # (R,)
    rows, columns, ious = match_parcels(overlaps, MATCHING_IOU)
    predicted_class[rows] = reference_class[columns]
    best = best_ious(overlaps)  # (R,)
    counts = {}
    for number, (lower, upper) in enumerate(zip([0.0, *limits], [*limits, math.inf], strict=True)):
        inside = reference_class == number
        matched = ious[inside[columns]]
        areas = reference[inside]
        counts[SizeClass(scale.area_unit, lower, upper)] = SizeCounts(
            MatchCounts(int((predicted_class == number).sum()), int(inside.sum()), len(matched), float(matched.sum())),
            BestIoUCounts(len(areas), areas.sum().item(), float(best[inside].sum()), float((best[inside] * areas).sum())),
        )
    return counts


def add_sizes(first: Mapping[SizeClass, SizeCounts], second: Mapping[SizeClass, SizeCounts]) -> dict[SizeClass, SizeCounts]:
    """Add the counts of two scenes; classes that only one has stay as they are, so m² and px stand side by side."""
    classes = sorted({*first, *second})
    return {size: first.get(size, NO_SIZES) + second.get(size, NO_SIZES) for size in classes}

"""How far the outlines of matched parcels lie apart."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy.spatial import KDTree

from isagrsc2.metrics.outlines import Outlines
from isagrsc2.metrics.overlaps import IntArray
from isagrsc2.metrics.ratio import Ratios
from isagrsc2.metrics.scale import Scale

# Share of an outline, %, that must lie within the distance; a few odd pixels do not decide.
PERCENTILE = 95


@dataclass(frozen=True)
class HausdorffCounts:
    """95 % Hausdorff distances of matched pairs; those in m and those in px are kept apart. Adds over scenes.

    Attributes:
        pairs_m: matched pairs in scenes with a CRS.
        sum_m: sum of their distances, m.
        pairs_px: matched pairs in scenes without CRS.
        sum_px: sum of their distances, px.
    """

    pairs_m: int
    sum_m: float
    pairs_px: int
    sum_px: float

    def __add__(self, other: "HausdorffCounts") -> "HausdorffCounts":
        return HausdorffCounts(
            self.pairs_m + other.pairs_m,
            self.sum_m + other.sum_m,
            self.pairs_px + other.pairs_px,
            self.sum_px + other.sum_px,
        )

    def ratios(self) -> Ratios:
        """Both means over matched pairs as part and whole; these are lengths, the smaller the better."""
        return {"hausdorff_95_m": (self.sum_m, self.pairs_m), "hausdorff_95_px": (self.sum_px, self.pairs_px)}


# Of nothing; adding it changes nothing.
NO_HAUSDORFF = HausdorffCounts(0, 0.0, 0, 0.0)


def count_hausdorff(
    predicted: Outlines, reference: Outlines, pairs: tuple[IntArray, IntArray], scale: Scale
) -> HausdorffCounts:
    """Measure the distance of every matched pair.

    Args:
        predicted: outlines of the predicted parcels of one scene.
        reference: outlines of its reference parcels.
        pairs: ids of the predicted and of the reference parcel of each pair, (M,) each.
        scale: size of a pixel.
    """
    left, right = predicted.points(scale), reference.points(scale)
    total = 0.0
    for one, other in zip(*pairs, strict=True):
        mine = left[slice(*np.searchsorted(predicted.ids, [one, one + 1]))]
        others = right[slice(*np.searchsorted(reference.ids, [other, other + 1]))]
        total += hausdorff_distance(mine, others, PERCENTILE)
    count = len(pairs[0])
    return HausdorffCounts(count, total, 0, 0.0) if scale.unit == "m" else HausdorffCounts(0, 0.0, count, total)


def hausdorff_distance(first: npt.NDArray[np.float64], second: npt.NDArray[np.float64], percentile: float) -> float:
    """The greater of the two directed distances between sets of points.

    The directed distance is a percentile of the distances from each point to the nearest one of the other set; at 100 %
    the maximum, which is the Hausdorff distance proper (Huttenlocher et al. 1993, *Comparing Images Using the Hausdorff
    Distance*, where the percentile is the partial distance of section III).

    Args:
        first: (N, 2), N > 0.
        second: (M, 2), M > 0.
        percentile: %.
    """
    forth, _ = KDTree(second).query(first)
    back, _ = KDTree(first).query(second)
    return float(max(np.percentile(forth, percentile), np.percentile(back, percentile)))

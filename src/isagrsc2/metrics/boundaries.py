"""Boundaries found within a tolerance, whatever parcel they belong to."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy.spatial import KDTree

from isagrsc2.metrics.outlines import Outlines
from isagrsc2.metrics.ratio import Ratios
from isagrsc2.metrics.scale import Scale

# Share by which a distance may exceed the tolerance: it is the rounding of its square root.
ROUNDING = 1e-9


@dataclass(frozen=True)
class BoundaryCounts:
    """Boundary px near a boundary of the other side. Adds over scenes.

    Precision and recall are those of Csurka et al. 2013, *What is a good evaluation measure for semantic segmentation?*,
    section 3.2: the share of the predicted boundary that has reference boundary within the tolerance, and the reverse.

    Attributes:
        predicted: boundary px of predicted parcels.
        predicted_near: those with reference boundary within the tolerance.
        reference: boundary px of reference parcels.
        reference_near: those with predicted boundary within the tolerance.
    """

    predicted: int
    predicted_near: int
    reference: int
    reference_near: int

    def __add__(self, other: "BoundaryCounts") -> "BoundaryCounts":
        return BoundaryCounts(
            self.predicted + other.predicted,
            self.predicted_near + other.predicted_near,
            self.reference + other.reference,
            self.reference_near + other.reference_near,
        )

    def ratios(self) -> Ratios:
        """Precision and recall as part and whole."""
        return {
            "boundary_precision": (self.predicted_near, self.predicted),
            "boundary_recall": (self.reference_near, self.reference),
        }

    @property
    def f1(self) -> float | None:
        """Harmonic mean of precision and recall; 0 where one side has no boundary, None where neither has."""
        samples = {name: np.array([part / whole if whole else np.nan]) for name, (part, whole) in self.ratios().items()}
        (value,) = harmonic_mean(samples["boundary_precision"], samples["boundary_recall"]).tolist()
        return None if np.isnan(value) else value


# Of nothing; adding it changes nothing.
NO_BOUNDARIES = BoundaryCounts(0, 0, 0, 0)


def harmonic_mean(precision: npt.NDArray[np.float64], recall: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """Element by element, (N,); an undefined (NaN) precision or recall counts as 0, NaN where both are undefined."""
    left, right = np.nan_to_num(precision), np.nan_to_num(recall)
    product, total = 2 * left * right, left + right
    mean = np.divide(product, total, out=np.zeros_like(total), where=total > 0)
    mean[np.isnan(precision) & np.isnan(recall)] = np.nan
    return mean


def count_boundaries(predicted: Outlines, reference: Outlines, scale: Scale, tolerance: float) -> BoundaryCounts:
    """Count the boundary pixels that have one of the other side within the tolerance.

    The distance is the Euclidean one between the centres of pixels. It comes from a k-d tree of the boundary pixels: the
    number a distance transform gives, with no raster in memory.

    Args:
        predicted: outlines of the predicted parcels of one scene.
        reference: outlines of its reference parcels.
        scale: in which distances are measured.
        tolerance: greatest distance, in the unit of the scale, >= 0.
    """
    left, right = predicted.points(scale)[predicted.boundary], reference.points(scale)[reference.boundary]
    return BoundaryCounts(len(left), _count_near(left, right, tolerance), len(right), _count_near(right, left, tolerance))


def _count_near(points: npt.NDArray[np.float64], others: npt.NDArray[np.float64], tolerance: float) -> int:
    """How many of the points (N, 2) have one of the others (M, 2) within the tolerance."""
    if not len(points) or not len(others):
        return 0
    # Pixels lie on a grid: a tree that splits at midpoints is built much faster and searched as fast.
    tree = KDTree(others, balanced_tree=False, compact_nodes=False)
    limit = tolerance * (1 + ROUNDING) + ROUNDING
    distances, _ = tree.query(points, distance_upper_bound=limit)
    return int(np.isfinite(distances).sum())

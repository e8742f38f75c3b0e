"""Over- and under-segmentation: is a reference parcel cut up, or does it run together with its neighbours?"""

from dataclasses import dataclass

import numpy as np

from isagrsc2.metrics.overlaps import Areas, IntArray, Overlaps
from isagrsc2.metrics.ratio import Ratios, ratio


@dataclass(frozen=True)
class SegmentationErrorCounts:
    """Segmentation errors of reference parcels. Adds over scenes.

    For a reference parcel O and the predicted parcel S that shares most area with it (Persello & Bruzzone 2010, *A Novel
    Protocol for Accuracy Assessment in Classification of Very High Resolution Images*, IEEE TGRS 48(3), geometric
    indices)::

        over-segmentation   OS = 1 - |O & S| / |O|      0: all of O lies in S
        under-segmentation  US = 1 - |O & S| / |S|      0: all of S lies in O
        total               sqrt((OS^2 + US^2) / 2)     (Clinton et al. 2010, PERS 76(3), index D)

    A parcel that no predicted parcel touches has no S; it is left out, and the recall tells of it.

    Attributes:
        reference: number of reference parcels that are touched.
        area: their area, px.
        over: sum of OS.
        under: sum of US.
        total: sum of the total errors.
        over_area: sum of OS, each times the area of its reference parcel, px.
        under_area: the same of US.
        total_area: the same of the total errors.
    """

    reference: int
    area: float
    over: float
    under: float
    total: float
    over_area: float
    under_area: float
    total_area: float

    def __add__(self, other: "SegmentationErrorCounts") -> "SegmentationErrorCounts":
        return SegmentationErrorCounts(
            self.reference + other.reference,
            self.area + other.area,
            self.over + other.over,
            self.under + other.under,
            self.total + other.total,
            self.over_area + other.over_area,
            self.under_area + other.under_area,
            self.total_area + other.total_area,
        )

    def ratios(self) -> Ratios:
        """Every mean, plain and weighted by area, as part and whole."""
        return {
            "over_segmentation": (self.over, self.reference),
            "under_segmentation": (self.under, self.reference),
            "segmentation_error": (self.total, self.reference),
            "over_segmentation_by_area": (self.over_area, self.area),
            "under_segmentation_by_area": (self.under_area, self.area),
            "segmentation_error_by_area": (self.total_area, self.area),
        }

    @property
    def mean_over(self) -> float | None:
        """Mean over-segmentation error. None where no reference parcel is touched."""
        return ratio(*self.ratios()["over_segmentation"])

    @property
    def mean_under(self) -> float | None:
        """Mean under-segmentation error. None where no reference parcel is touched."""
        return ratio(*self.ratios()["under_segmentation"])

    @property
    def mean_total(self) -> float | None:
        """Mean total error. None where no reference parcel is touched."""
        return ratio(*self.ratios()["segmentation_error"])


# Of nothing; adding it changes nothing.
NO_SEGMENTATION_ERRORS = SegmentationErrorCounts(0, 0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0)


def count_segmentation_errors(overlaps: Overlaps) -> SegmentationErrorCounts:
    """Measure the segmentation errors of every reference parcel.

    Args:
        overlaps: of one whole scene.
    """
    rows, touched, shared = largest_shares(overlaps)
    area = overlaps.reference_areas()[1][touched]
    over = 1 - shared / area
    under = 1 - shared / overlaps.predicted_areas()[1][rows]
    total = np.sqrt((over**2 + under**2) / 2)
    sums = [float(error.sum()) for error in (over, under, total, over * area, under * area, total * area)]
    return SegmentationErrorCounts(len(touched), area.sum().item(), *sums)


def largest_shares(overlaps: Overlaps) -> tuple[IntArray, IntArray, Areas]:
    """Find for every reference parcel that is touched the predicted parcel that shares most area with it.

    Of predicted parcels that share the same area the smallest is taken, so that ids make no difference.

    Args:
        overlaps: of one whole scene.

    Returns:
        Rows of the predicted parcels, rows of the reference parcels (ascending), areas they share, (T,) each; rows as in
        ``Overlaps.shared``.
    """
    rows, columns, shared = overlaps.shared()
    order = np.lexsort((overlaps.predicted_areas()[1][rows], -shared, columns))
    touched, first = np.unique(columns[order], return_index=True)  # (T,): the best pair of each
    best = order[first]
    return rows[best], touched, shared[best]

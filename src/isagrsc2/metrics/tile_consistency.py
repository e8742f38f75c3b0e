"""Does the same scene give the same parcels when it is cut into tiles elsewhere?"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import shapely

from isagrsc2.metrics.objects import MATCHING_IOU, BestIoUCounts, MatchCounts, count_best_ious, count_matches
from isagrsc2.metrics.overlaps import Overlaps, count_overlaps, gather_overlaps, sum_overlaps
from isagrsc2.metrics.pooling import Samples, Scores
from isagrsc2.metrics.ratio import Ratios, ratio
from isagrsc2.metrics.resampling import resample_ratios
from isagrsc2.scene.burning import Burner, blocks


@dataclass(frozen=True)
class ConsistencyCounts:
    """Agreement of two segmentations of one scene, neither of which is the truth. Adds over scenes.

    Attributes:
        matches: parcels that are the same in both, at IoU > 0.5.
        forth: best IoU of every parcel of the second among those of the first.
        back: best IoU of every parcel of the first among those of the second.
    """

    matches: MatchCounts
    forth: BestIoUCounts
    back: BestIoUCounts

    def __add__(self, other: "ConsistencyCounts") -> "ConsistencyCounts":
        return ConsistencyCounts(self.matches + other.matches, self.forth + other.forth, self.back + other.back)

    def ratios(self) -> Ratios:
        """Every score as part and whole."""
        both = self.forth + self.back
        return {
            "consistency_f1": (2 * self.matches.matched, self.matches.predicted + self.matches.reference),
            "consistency_iou": (both.best_iou, both.reference),
            "consistency_iou_by_area": (both.best_iou_area, both.area),
        }

    def scores(self) -> Scores:
        """Object F1; mean best IoU over the parcels of both, plain and by area. None where neither has a parcel."""
        return {name: ratio(*parts) for name, parts in self.ratios().items()}

    @classmethod
    def resample(cls, scenes: Sequence["ConsistencyCounts"], weights: npt.NDArray[np.float64]) -> Samples:
        """See ``Counts``."""
        return resample_ratios([scene.ratios() for scene in scenes], weights)


def overlay_segmentations(
    first: Sequence[shapely.Geometry], second: Sequence[shapely.Geometry], shape: tuple[int, int]
) -> Overlaps:
    """Count the overlaps of two segmentations, block by block.

    Args:
        first: polygons without overlaps among themselves, scene px; an id is a position from 1.
        second: the same.
        shape: (H, W) of the scene, px.
    """
    one, two = (Burner(polygons, range(1, len(polygons) + 1)) for polygons in (first, second))
    return sum_overlaps(count_overlaps(one.burn(block), two.burn(block)) for block in blocks(shape))


def count_consistency(overlaps: Overlaps) -> ConsistencyCounts:
    """Compare two segmentations of a scene; swapping them changes no score.

    Args:
        overlaps: of one whole scene, see ``count_overlaps``, on pixels that are valid in both.
    """
    swapped = gather_overlaps(overlaps.reference, overlaps.predicted, overlaps.pixels)
    return ConsistencyCounts(count_matches(overlaps, MATCHING_IOU), count_best_ious(overlaps), count_best_ious(swapped))

"""Does the same scene give the same parcels when it is cut into tiles elsewhere?"""

from dataclasses import dataclass

from isagrsc2.metrics.objects import MATCHING_IOU, BestIoUCounts, MatchCounts, count_best_ious, count_matches
from isagrsc2.metrics.overlaps import Overlaps, gather_overlaps
from isagrsc2.metrics.pooling import Scores
from isagrsc2.metrics.ratio import Ratios, ratio


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


def count_consistency(overlaps: Overlaps) -> ConsistencyCounts:
    """Compare two segmentations of a scene; swapping them changes no score.

    Args:
        overlaps: of one whole scene, see ``count_overlaps``, on pixels that are valid in both.
    """
    swapped = gather_overlaps(overlaps.reference, overlaps.predicted, overlaps.pixels)
    return ConsistencyCounts(count_matches(overlaps, MATCHING_IOU), count_best_ious(overlaps), count_best_ious(swapped))

"""What became of every reference parcel, in one word, and which predicted parcels are of nothing: what pictures colour."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from isagrsc2.metrics.objects import MATCHING_IOU, match_parcels, mostly_inside
from isagrsc2.metrics.overlaps import IntArray, Overlaps
from isagrsc2.metrics.segmentation_errors import largest_shares

# Of a reference parcel; an outcome is a position here.
OUTCOMES = ("found", "merged", "split", "missed")
FOUND, MERGED, SPLIT, MISSED = range(len(OUTCOMES))


@dataclass(frozen=True, eq=False)
class Outcomes:
    """The outcome of every reference parcel of a scene, and the inventions among the predicted ones.

    Every reference parcel O has exactly one outcome, the first of these that is true, S being the predicted parcel that
    shares most area with it (as in ``SegmentationErrorCounts``)::

        found    IoU(O, S) > 0.5: the pairs that object F1 counts
        missed   predicted parcels cover no more than half of O
        merged   S is at least as large as O: O ran together with its neighbours or with other land
        split    S is smaller than O: O was cut up

    A predicted parcel is invented when no more than half of it lies in reference parcels; never, so, when it is the S of a
    pair that is found. After Hoover et al. 1996, *An Experimental Comparison of Range Image Segmentation Algorithms*, IEEE
    TPAMI 18(7), whose classes (correct, missed, over- and under-segmented, noise) leave some regions without any.

    Attributes:
        reference: (R,) ids, ascending.
        outcome: (R,) uint8, position in ``OUTCOMES``.
        invented: (I,) ids of predicted parcels, ascending.
    """

    reference: IntArray
    outcome: npt.NDArray[np.uint8]
    invented: IntArray

    def counts(self) -> dict[str, int]:
        """Number of reference parcels of each outcome, and ``invented``."""
        numbers = np.bincount(self.outcome, minlength=len(OUTCOMES)).tolist()
        return dict(zip(OUTCOMES, numbers, strict=True)) | {"invented": len(self.invented)}


def find_outcomes(overlaps: Overlaps) -> Outcomes:
    """Find the outcome of every reference parcel.

    Args:
        overlaps: of one whole scene, parcels without overlaps among themselves.
    """
    predicted, (reference_ids, reference) = overlaps.predicted_areas()[1], overlaps.reference_areas()
    _, columns, shared = overlaps.shared()
    covered = np.bincount(columns, shared, minlength=len(reference))  # (R,)
    rows, touched, _ = largest_shares(overlaps)
    outcome = np.full(len(reference), MISSED, np.uint8)  # (R,)
    outcome[touched] = np.where(predicted[rows] >= reference[touched], MERGED, SPLIT)
    outcome[2 * covered <= reference] = MISSED
    outcome[match_parcels(overlaps, MATCHING_IOU)[1]] = FOUND
    invented = np.setdiff1d(overlaps.predicted_areas()[0], np.asarray(mostly_inside(overlaps), np.int64))
    return Outcomes(reference_ids, outcome, invented)

"""From overlapping segments to a partition: every pixel of a tile belongs to one segment or to none (method, section 4)."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy import ndimage

from isagrsc2.delineation.components import components, label_components, split_components
from isagrsc2.delineation.duplicates import drop_duplicates
from isagrsc2.delineation.prompts import depth_inside
from isagrsc2.delineation.segments import Segments
from isagrsc2.options import check_choice, check_number, check_share

BoolArray = npt.NDArray[np.bool_]
Labels = npt.NDArray[np.int32]

OVERLAP_RULES = ("finer", "score", "coarser")


@dataclass(frozen=True)
class Partition:
    """Segments that do not overlap, one 4-connected region each.

    Attributes:
        labels: (H, W) int32, 0 = nothing, k = row k - 1 of the arrays.
        scores: (N,) float32.
        stability: (N,) float32.
        rounds: (N,) int16.
    """

    labels: Labels
    scores: npt.NDArray[np.float32]
    stability: npt.NDArray[np.float32]
    rounds: npt.NDArray[np.int16]


@dataclass(frozen=True)
class Merging:
    """How overlapping segments become a partition.

    Attributes:
        duplicate_iou: of two segments with a larger mask IoU the smaller one goes.
        overlap: who keeps shared pixels: the ``finer`` segment, the one with the better ``score``, or the ``coarser`` one. A
            finer one below the minimum mapping unit is a hole, and goes in any case.
        min_width: a region that nowhere is this wide is a sliver and is given to its neighbours, px. Measured between pixel
            centres: an even width counts as one less. The tile's frame is no outline: what it cuts may be wider beyond.
    """

    duplicate_iou: float
    overlap: str
    min_width: float

    def __post_init__(self) -> None:
        """Check the rule and the numbers."""
        check_choice("merging.overlap", self.overlap, OVERLAP_RULES)
        check_share("merging.duplicate_iou", self.duplicate_iou)
        check_number("merging.min_width", self.min_width, 0)

    def merge(self, segments: Segments, valid: BoolArray, min_area: float) -> Partition:
        """Make a partition.

        Args:
            segments: may overlap, tile px.
            valid: (H, W) bool; nothing is returned where it is False.
            min_area: minimum mapping unit, px: smaller segments go, smaller holes are filled.
        """
        segments = drop_duplicates(segments, self.duplicate_iou)
        segments = split_components(segments, min_area)
        painted = np.zeros(segments.shape, np.int32)
        for row in self._painting_order(segments).tolist():
            (box, crop) = segments.box(row), segments.crops[row]
            painted[box][crop] = row + 1
        pieces, owner = label_components(np.where(valid, painted, 0))
        labels, owner = self._drop_slivers(pieces, owner, min_area)
        # Beyond its own width a sliver would only make a tail of its neighbour.
        labels = give_to_nearest(labels, (labels == 0) & (pieces > 0), self.min_width)
        labels = fill_gaps(labels, valid, min_area)
        rows = owner[1:] - 1
        return Partition(labels, segments.scores[rows], segments.stability[rows], segments.rounds[rows])

    def _painting_order(self, segments: Segments) -> npt.NDArray[np.int64]:
        """Rows, first painted first; later ones keep shared pixels."""
        areas = segments.areas
        if self.overlap == "score":
            return np.lexsort((-areas, segments.scores))
        return np.lexsort((segments.scores, -areas if self.overlap == "finer" else areas))

    def _drop_slivers(self, pieces: Labels, owner: Labels, min_area: float) -> tuple[Labels, Labels]:
        """Give up pieces that are too small or nowhere wide enough; renumbers what stays."""
        areas = np.bincount(pieces.ravel(), minlength=len(owner))
        # Half the width of a region is its largest distance from its own outline.
        half = np.zeros(len(owner), np.float32)
        np.maximum.at(half, pieces.ravel(), _depth_in_label(pieces).ravel())
        stays = (areas >= min_area) & (half * 2 >= self.min_width)
        stays[0] = False
        number = np.where(stays, np.cumsum(stays), 0).astype(np.int32)
        return number[pieces], np.concatenate([owner[:1], owner[stays]])


def fill_gaps(labels: Labels, valid: BoolArray, max_area: float) -> Labels:
    """Give unlabelled valid regions smaller than ``max_area`` px to the nearest label.

    Args:
        labels: (H, W) int32, 0 = nothing.
        valid: (H, W) bool; stays 0 where False.
        max_area: px; larger regions stay unlabelled.

    Returns:
        (H, W) int32. A gap that shares an edge with no label stays unlabelled.
    """
    while (empty := (labels == 0) & valid).any():
        gaps, areas = components(empty)
        small = areas < max_area
        small[0] = False
        if not small.any():
            break
        filled = give_to_nearest(labels, small[gaps], np.inf)
        if np.array_equal(filled, labels):
            break
        labels = filled  # again: a pixel whose nearest label lies across a corner is next to another one now
    return labels


def give_to_nearest(labels: Labels, wanted: BoolArray, reach: float) -> Labels:
    """Give pixels to the nearest label, as far as they are then 4-connected to it.

    Args:
        labels: (H, W) int32, 0 = nothing.
        wanted: (H, W) bool, pixels to give away; True only where ``labels`` is 0.
        reach: no farther than this, px.
    """
    if not (wanted.any() and labels.any()):
        return labels
    distance, nearest = ndimage.distance_transform_edt(labels == 0, return_indices=True)
    return _keep_connected(np.where(wanted & (distance <= reach), labels[tuple(nearest)], labels), labels)


def _keep_connected(filled: Labels, before: Labels) -> Labels:
    """Undo filling that is not connected to the label it was given."""
    pieces, owner = label_components(filled)
    rooted = np.zeros(len(owner), bool)
    rooted[np.unique(pieces[before > 0])] = True
    rooted[0] = False
    return np.where(rooted[pieces], owner[pieces], 0).astype(np.int32)


def _depth_in_label(labels: Labels) -> npt.NDArray[np.float32]:
    """Distance (H, W) of every pixel's centre to the outline of its own label, px; at least 0.5 inside."""
    inner = np.ones(labels.shape, bool)
    inner[:-1] &= labels[:-1] == labels[1:]
    inner[1:] &= labels[1:] == labels[:-1]
    inner[:, :-1] &= labels[:, :-1] == labels[:, 1:]
    inner[:, 1:] &= labels[:, 1:] == labels[:, :-1]
    return (depth_inside(inner & (labels > 0)) + 0.5) * (labels > 0)

"""Masks that show the same thing: by boxes as SAM does, and by the masks themselves."""

from typing import Any

import numpy as np
import numpy.typing as npt
import shapely

from isagrsc2.delineation.segments import Segments

IntArray = npt.NDArray[np.integer[Any]]


def box_nms(boxes: npt.NDArray[Any], scores: npt.NDArray[np.floating[Any]], max_iou: float) -> IntArray:
    """Greedy non-maximum suppression on boxes, as ``torchvision.ops.nms``.

    Deletes diagonal strip fields, whose boxes overlap and masks do not: only ``single_pass`` and ``whitened``, which
    reproduce others, use it.

    Args:
        boxes: (N, 4) x0, y0, x1, y1.
        scores: (N,), the higher one of two stays.
        max_iou: boxes with a larger IoU with a better one are dropped.

    Returns:
        Rows kept, best first.
    """
    boxes = boxes.astype(np.float64)
    areas = (boxes[:, 2] - boxes[:, 0]) * (boxes[:, 3] - boxes[:, 1])
    waiting = np.argsort(-scores, kind="stable")
    kept = []
    while len(waiting):
        best, waiting = waiting[0], waiting[1:]
        kept.append(best)
        low = np.maximum(boxes[best, :2], boxes[waiting, :2])  # (W, 2)
        high = np.minimum(boxes[best, 2:], boxes[waiting, 2:])
        common = np.prod(np.clip(high - low, 0, None), axis=1)
        waiting = waiting[common <= max_iou * (areas[best] + areas[waiting] - common)]
    return np.array(kept, np.int64)


def overlaps_across(one: Segments, two: Segments) -> tuple[IntArray, IntArray, IntArray]:
    """Pairs of a segment of ``one`` and a segment of ``two`` that share pixels: rows in each, and the shared pixels."""
    count = len(one)
    both = Segments.concatenate(one, two)
    first, second, _ = _pairs(both)
    across = (first < count) & (second >= count)
    first, second, shared = _overlapping(both, first[across], second[across])
    return first, second - count, shared


def drop_duplicates(segments: Segments, max_iou: float) -> Segments:
    """Of two segments with a mask IoU above ``max_iou`` the smaller one goes (the published rule), of equal ones the worse."""
    areas = segments.areas
    first, second, common = _pairs(segments)
    # Two segments share at most the smaller one, and at most what their boxes share: most pairs need no look at the masks.
    most = np.minimum(np.minimum(areas[first], areas[second]), common)
    possible = most > max_iou * (areas[first] + areas[second] - most)
    first, second, shared = _overlapping(segments, first[possible], second[possible])
    alike = shared > max_iou * (areas[first] + areas[second] - shared)
    place = np.empty(len(segments), np.int64)  # from the largest to the smallest
    place[np.lexsort((-segments.scores, -areas))] = np.arange(len(segments))
    better, worse = np.where(place[first] < place[second], (first, second), (second, first))[:, alike]
    dropped = np.zeros(len(segments), bool)
    # Best first, so that a segment already dropped takes no other with it.
    for row in np.argsort(place[better], kind="stable").tolist():
        dropped[worse[row]] |= not dropped[better[row]]
    return segments[~dropped]


def _pairs(segments: Segments) -> tuple[IntArray, IntArray, IntArray]:
    """Pairs of segments whose boxes overlap: rows ``first < second`` in ascending order, and the pixels the boxes share."""
    rectangles = shapely.box(*segments.boxes.T.astype(float)) if len(segments) else np.zeros(0, object)
    first, second = shapely.STRtree(rectangles).query(rectangles, predicate="intersects")
    once = first < second
    first, second = first[once], second[once]
    order = np.lexsort((second, first))
    first, second = first[order], second[order]
    boxes = segments.boxes.astype(np.int64)
    sides = np.minimum(boxes[first, 2:], boxes[second, 2:]) - np.maximum(boxes[first, :2], boxes[second, :2])  # (P, 2)
    overlap = (sides > 0).all(axis=1)  # boxes that only touch share nothing
    return first[overlap], second[overlap], sides[overlap].prod(axis=1)


def _overlapping(segments: Segments, first: IntArray, second: IntArray) -> tuple[IntArray, IntArray, IntArray]:
    """Those of the pairs that share pixels, with their number."""
    pairs = zip(first.tolist(), second.tolist(), strict=True)
    shared = np.array([_shared(segments, a, b) for a, b in pairs], np.int64)
    return first[shared > 0], second[shared > 0], shared[shared > 0]


def _shared(segments: Segments, a: int, b: int) -> int:
    """Count the pixels two segments share whose boxes overlap."""
    ax0, ay0, ax1, ay1 = segments.boxes[a].tolist()
    bx0, by0, bx1, by1 = segments.boxes[b].tolist()
    x0, y0, x1, y1 = max(ax0, bx0), max(ay0, by0), min(ax1, bx1), min(ay1, by1)
    one = segments.crops[a][y0 - ay0 : y1 - ay0, x0 - ax0 : x1 - ax0]
    two = segments.crops[b][y0 - by0 : y1 - by0, x0 - bx0 : x1 - bx0]
    return int(np.count_nonzero(one & two))

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


def mask_overlaps(segments: Segments) -> tuple[IntArray, IntArray, IntArray]:
    """Pairs of segments that share pixels: rows ``first < second`` (P,), and the shared pixels (P,).

    Only pairs whose boxes overlap are looked at, and only inside the overlap of the boxes.
    """
    rectangles = shapely.box(*segments.boxes.T.astype(float)) if len(segments) else np.zeros(0, object)
    first, second = shapely.STRtree(rectangles).query(rectangles, predicate="intersects")
    pairs = sorted((a, b) for a, b in zip(first.tolist(), second.tolist(), strict=True) if a < b)
    found = [(a, b, shared) for a, b in pairs if (shared := _shared(segments, a, b))]
    if not found:
        none = np.zeros(0, np.int64)
        return none, none, none
    one, two, shared = np.array(found, np.int64).T
    return one, two, shared


def drop_duplicates(segments: Segments, max_iou: float) -> Segments:
    """Of two segments with a mask IoU above ``max_iou`` the smaller one goes (the published rule); later ones on a tie."""
    first, second, shared = mask_overlaps(segments)
    areas = segments.areas
    alike = shared > max_iou * (areas[first] + areas[second] - shared)
    dropped = np.zeros(len(segments), bool)
    # Largest first, so that a segment already dropped takes no other with it.
    order = np.argsort(-np.maximum(areas[first], areas[second])[alike], kind="stable")
    for a, b in zip(first[alike][order].tolist(), second[alike][order].tolist(), strict=True):
        if not dropped[a] and not dropped[b]:
            dropped[b if areas[a] >= areas[b] else a] = True
    return segments[~dropped]


def _shared(segments: Segments, a: int, b: int) -> int:
    """Count the pixels two segments share."""
    ax0, ay0, ax1, ay1 = segments.boxes[a].tolist()
    bx0, by0, bx1, by1 = segments.boxes[b].tolist()
    x0, y0, x1, y1 = max(ax0, bx0), max(ay0, by0), min(ax1, bx1), min(ay1, by1)
    if x0 >= x1 or y0 >= y1:
        return 0
    one = segments.crops[a][y0 - ay0 : y1 - ay0, x0 - ax0 : x1 - ax0]
    two = segments.crops[b][y0 - by0 : y1 - by0, x0 - bx0 : x1 - bx0]
    return int(np.count_nonzero(one & two))

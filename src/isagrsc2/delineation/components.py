"""Connected components of masks and of label rasters. Neighbours share an edge (4-connectivity), as polygons do."""

import cv2
import numpy as np
import numpy.typing as npt
from scipy import ndimage
from skimage import measure

from isagrsc2.delineation.segments import Segments

BoolArray = npt.NDArray[np.bool_]
Labels = npt.NDArray[np.int32]


def components(mask: BoolArray) -> tuple[Labels, npt.NDArray[np.int64]]:
    """Number the components of (H, W) bool from 1; returns labels (H, W) and areas (N + 1,), row 0 the background."""
    count, found = cv2.connectedComponents(mask.astype(np.uint8), connectivity=4, ltype=cv2.CV_32S)
    labels = np.asarray(found, np.int32)  # (H, W)
    return labels, np.bincount(labels.ravel(), minlength=count).astype(np.int64)


def drop_small(mask: BoolArray, min_area: float) -> BoolArray:
    """Keep the components of (H, W) bool that have at least ``min_area`` px."""
    labels, areas = components(mask)
    keep = areas >= min_area
    keep[0] = False
    return keep[labels]


def label_components(labels: Labels) -> tuple[Labels, Labels]:
    """Split labels into connected components.

    Args:
        labels: (H, W) int32, 0 = nothing.

    Returns:
        pieces (H, W) int32, numbered from 1 in raster order of their first pixel; owner (P + 1,) int32, the label each piece
        comes from (0 for piece 0).
    """
    pieces = measure.label(labels, background=0, connectivity=1).astype(np.int32)  # (H, W)
    owner = np.zeros(int(pieces.max(initial=0)) + 1, np.int32)
    owner[pieces.ravel()] = labels.ravel()
    return pieces, owner


def split_components(segments: Segments, min_area: float) -> Segments:
    """Make every connected component of at least ``min_area`` px a segment of its own."""
    boxes, crops, source = [], [], []
    for row, ((y, x), crop) in enumerate(segments):
        labels, areas = components(crop)
        for label, place in enumerate(ndimage.find_objects(labels), start=1):
            if areas[label] < min_area:
                continue
            rows, columns = place
            boxes.append((x.start + columns.start, y.start + rows.start, x.start + columns.stop, y.start + rows.stop))
            crops.append(labels[place] == label)
            source.append(row)
    chosen = segments[np.array(source, np.int64)]
    return Segments(
        segments.shape,
        np.array(boxes, np.int32).reshape(-1, 4),
        tuple(crops),
        chosen.scores,
        chosen.stability,
        chosen.rounds,
    )

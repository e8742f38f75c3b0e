"""From enlarged pixels back to those of the scene: the inverse of the enlargement, for labels and masks."""

import numpy as np
import numpy.typing as npt
from skimage import measure

Labels = npt.NDArray[np.int32]
Mask = npt.NDArray[np.bool_]


def reduce_mask(mask: Mask, scale: int) -> Mask:
    """Reduce a mask by majority.

    Args:
        mask: (s H, s W) bool.
        scale: s.

    Returns:
        (H, W) bool, True where at least half of a block is.
    """
    inside = _blocks(mask, scale).sum(axis=-1)  # (H, W)
    return np.asarray(2 * inside >= scale**2)


def reduce_labels(labels: Labels, scale: int) -> Labels:
    """Reduce a label raster by majority: every pixel gets the label that most of its block has.

    In a tie a label comes before nothing, and the smaller label before the larger, so nothing depends on the order of pixels.

    Args:
        labels: (s H, s W) int32, 0 = nothing.
        scale: s.

    Returns:
        (H, W) int32.
    """
    if scale == 1:
        return labels
    nothing = np.iinfo(np.int32).max
    values = np.sort(_blocks(np.where(labels == 0, nothing, labels), scale), axis=-1)  # (H, W, s²), equal ones together
    # How many of its own kind came before each: the last of the longest run has the most, and the first such run wins.
    counts = np.zeros(values.shape, np.int32)
    for place in range(1, values.shape[-1]):
        counts[..., place] = np.where(values[..., place] == values[..., place - 1], counts[..., place - 1] + 1, 0)
    most = np.take_along_axis(values, counts.argmax(axis=-1)[..., None], axis=-1)[..., 0]  # (H, W)
    return np.where(most == nothing, 0, most).astype(np.int32)


def reduce_partition(labels: Labels, scale: int, min_area: float) -> tuple[Labels, npt.NDArray[np.int64]]:
    """Reduce a partition, and see that its segments are still connected and large enough.

    A segment whose thin part is lost in the majority becomes several; crumbs of it go, and leave gaps for
    ``isagrsc2.delineation.merging.fill_gaps``.

    Args:
        labels: (s H, s W) int32, 0 = nothing, k = row k - 1 of the segments.
        scale: s.
        min_area: minimum mapping unit, px of the result.

    Returns:
        labels (H, W) int32, 0 = nothing, one 4-connected region each; rows (N,) int64: of label k, the row of the segment it
        comes from stands at k - 1.
    """
    if scale == 1:
        return labels, np.arange(int(labels.max(initial=0)), dtype=np.int64)
    reduced = reduce_labels(labels, scale)  # (H, W)
    pieces = measure.label(reduced, background=0, connectivity=1)  # (H, W), from 1 in raster order
    areas = np.bincount(pieces.ravel())
    stays = areas >= min_area
    stays[0] = False
    rows = np.zeros(len(areas), np.int64)
    rows[pieces.ravel()] = reduced.ravel() - 1
    number = np.where(stays, np.cumsum(stays), 0).astype(np.int32)
    return number[pieces], rows[stays]


def _blocks(raster: npt.NDArray[np.generic], scale: int) -> npt.NDArray[np.generic]:
    """(s H, s W) as (H, W, s²): the values behind each pixel of the result."""
    height, width = raster.shape[0] // scale, raster.shape[1] // scale
    return raster.reshape(height, scale, width, scale).swapaxes(1, 2).reshape(height, width, scale**2)

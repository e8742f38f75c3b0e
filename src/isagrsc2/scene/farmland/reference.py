"""Exact reference parcels: what is left of every cell when all else is drawn."""

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
from skimage.measure import label

from isagrsc2.scene.farmland.palette import Material
from isagrsc2.scene.farmland.site import Canvas
from isagrsc2.scene.farmland.surface import Surface

_VISIBLE = 4.0  # 8-bit levels between neighbours that share a border without anything on it


def reference_parcels(canvas: Canvas, least: float) -> npt.NDArray[np.int32]:
    """Number the 4-connected pieces of cropland, cell by cell; pieces that are too small become grass on the canvas.

    Args:
        canvas: the finished drawing; ``surface`` is changed where a piece is too small.
        least: smallest parcel, px.

    Returns:
        (H, W) int32, 0 = no parcel, 1..N.
    """
    owned = np.where(canvas.surface == Surface.CROP, canvas.cells + 1, 0)
    pieces = label(owned, background=0, connectivity=1)
    large = np.bincount(pieces.ravel()) >= least
    large[0] = False
    numbers = np.where(large, np.cumsum(large), 0).astype(np.int32)
    parcels: npt.NDArray[np.int32] = numbers[pieces]
    canvas.surface[(parcels == 0) & (owned > 0)] = Surface.MARGIN
    return parcels


def tell_apart(canvas: Canvas, fields: Sequence[Material]) -> None:
    """Where two cells touch and look the same, turn the rows of one and change its brightness a little.

    Without this the reference would hold borders that nobody can see.

    Args:
        canvas: the finished drawing.
        fields: material of each cell; changed.
    """
    pairs = []
    cropped = canvas.surface == Surface.CROP
    for first, second in (((slice(None), slice(1, None)), (slice(None), slice(None, -1))), (slice(1, None), slice(None, -1))):
        touch = (canvas.cells[first] != canvas.cells[second]) & cropped[first] & cropped[second]
        pairs.append(np.stack([canvas.cells[first][touch], canvas.cells[second][touch]], -1))
    neighbours = np.unique(np.sort(np.concatenate(pairs), axis=1), axis=0)  # (P, 2)
    for one, other in neighbours:
        a, b = fields[one], fields[other]
        step = b.colour - a.colour
        visible = 2 * _VISIBLE if a.follows and b.follows else _VISIBLE  # bent rows look like borders themselves
        if np.abs(step).max() > visible:
            continue
        if abs(np.sin(a.heading - b.heading)) < 0.3:
            b.heading += np.pi / 2
        change = visible if step.mean() >= 0 else -visible
        b.colour, b.other = b.colour + change, b.other + change

"""The outer pixels of every parcel in a label raster."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from isagrsc2.metrics.overlaps import IntArray
from isagrsc2.metrics.scale import Scale

# Label of pixels that count nowhere: those that are not valid, and those beyond the raster.
OUTSIDE = -1

# Rows looked at together in a raster that is whole in memory.
BAND = 512


@dataclass(frozen=True, eq=False)
class Outlines:
    """Outline pixels: those with one of their four neighbours in another parcel, in none, or outside.

    Attributes:
        ids: (N,) parcel of each, ascending, > 0.
        places: (N, 2) row and column of each.
        boundary: (N,) bool, whether a neighbour that is valid belongs to something else. Where a parcel only ends with the
            raster or with the valid area, it is cut off and has no boundary that could be found.
    """

    ids: IntArray
    places: npt.NDArray[np.int32]
    boundary: npt.NDArray[np.bool_]

    def keep(self, ids: npt.NDArray[np.integer[Any]]) -> "Outlines":
        """The outlines of these parcels only."""
        kept = np.isin(self.ids, ids)
        return Outlines(self.ids[kept], self.places[kept], self.boundary[kept])

    def points(self, scale: Scale) -> npt.NDArray[np.float64]:
        """Places in the unit of the scale, (N, 2)."""
        return self.places * np.array([scale.height, scale.width])


def join_outlines(parts: Iterable[Outlines]) -> Outlines:
    """Put the outlines of any number of tiles together."""
    tables = [_NOTHING, *parts]
    ids = np.concatenate([part.ids for part in tables])
    order = np.argsort(ids, kind="stable")
    places = np.concatenate([part.places for part in tables])
    boundary = np.concatenate([part.boundary for part in tables])
    return Outlines(ids[order], places[order], boundary[order])


_NOTHING = Outlines(np.zeros(0, np.int64), np.zeros((0, 2), np.int32), np.zeros(0, bool))


def find_outlines(labels: npt.NDArray[np.integer[Any]], valid: npt.NDArray[np.bool_] | None = None) -> Outlines:
    """Find the outlines in a label raster that is whole in memory; what is looked at together is one band of rows.

    Args:
        labels: (H, W) ids, 0 = no parcel.
        valid: (H, W) bool; pixels where it is False count nowhere. All pixels by default.
    """
    if valid is not None and valid.shape != labels.shape:
        raise ValueError(f"label raster {labels.shape} and valid mask {valid.shape} differ in shape")
    height, width = labels.shape
    parts = []
    for start in range(0, height, BAND):
        stop = min(start + BAND, height)
        above, below = max(start - 1, 0), min(stop + 1, height)
        rimmed = np.full((stop - start + 2, width + 2), OUTSIDE, np.int64)  # (h + 2, W + 2)
        band = rimmed[above - start + 1 : below - start + 1, 1:-1]
        band[...] = labels[above:below]
        if valid is not None:
            band[~valid[above:below]] = OUTSIDE
        parts.append(outlines_of_block(rimmed, (start, 0)))
    return join_outlines(parts)


def outlines_of_block(rimmed: npt.NDArray[np.signedinteger[Any]], origin: tuple[int, int]) -> Outlines:
    """Find the outline pixels of one block of a scene.

    Args:
        rimmed: (h + 2, w + 2) ids of the block and of one pixel more on every side; 0 = no parcel, ``OUTSIDE`` = not valid
            or beyond the scene.
        origin: row and column of the block in the scene, without the rim.
    """
    edge = np.zeros((rimmed.shape[0] - 2, rimmed.shape[1] - 2), bool)  # (h, w)
    down = rimmed[1:, 1:-1] != rimmed[:-1, 1:-1]  # (h + 1, w)
    edge |= down[1:]
    edge |= down[:-1]
    right = rimmed[1:-1, 1:] != rimmed[1:-1, :-1]  # (h, w + 1)
    edge |= right[:, 1:]
    edge |= right[:, :-1]
    edge &= rimmed[1:-1, 1:-1] > 0
    rows, columns = np.nonzero(edge)  # (N,)
    own = rimmed[rows + 1, columns + 1]
    boundary = np.zeros(len(rows), bool)
    for row, column in ((0, 1), (2, 1), (1, 0), (1, 2)):
        neighbour = rimmed[rows + row, columns + column]
        boundary |= (neighbour != own) & (neighbour != OUTSIDE)
    order = np.argsort(own, kind="stable")
    places = np.stack([rows + origin[0], columns + origin[1]], axis=1).astype(np.int32)
    return Outlines(own[order].astype(np.int64), places[order], boundary[order])

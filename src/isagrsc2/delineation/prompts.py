"""Where to ask: point prompts, x and y in tile px."""

from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt

from isagrsc2.options import check_number, check_whole

BoolArray = npt.NDArray[np.bool_]
FloatArray = npt.NDArray[np.floating[Any]]
IntArray = npt.NDArray[np.integer[Any]]


# In which order the cells of a block of 4 x 4 are asked: those that come soon after each other lie far apart (Bayer 1973).
TURNS = np.array([[0, 8, 2, 10], [12, 4, 14, 6], [3, 11, 1, 9], [15, 7, 13, 5]])


@dataclass(frozen=True)
class GridPoints:
    """SAM's regular grid of ``side`` x ``side`` points, whatever has been found (Kirillov et al. 2023, appendix B).

    Attributes:
        side: points along each side of the tile.
    """

    side: int

    def __post_init__(self) -> None:
        """Check the number."""
        check_whole("search.prompts.side", self.side, 1)

    def points(self, residual: BoolArray) -> FloatArray:
        """Return (side * side, 2) float; as segment-anything's ``build_point_grid``, scaled to the tile."""
        height, width = residual.shape
        centres = (np.arange(self.side) + 0.5) / self.side
        x, y = np.meshgrid(centres * width, centres * height)
        return np.stack([x.ravel(), y.ravel()], axis=1)  # (side * side, 2)


@dataclass(frozen=True)
class ResidualPoints:
    """One point in every cell of a grid that still holds something: the pixel farthest from what is settled.

    The distance transform of the residual is cut off at half a cell, so that in the open the point is the cell's centre, and
    near borders it moves to the middle of what is left. A component of the residual that gets no point this way, because a
    deeper one shares its cells, is asked at its deepest pixel.

    Attributes:
        spacing: side of a cell, px.
        min_depth: a point must be at least this far from anything settled, px; thinner remains are not asked.
    """

    spacing: int
    min_depth: float

    def __post_init__(self) -> None:
        """Check the numbers."""
        check_whole("search.prompts.spacing", self.spacing, 1)
        check_number("search.prompts.min_depth", self.min_depth, 0)

    def points(self, residual: BoolArray) -> FloatArray:
        """Return (N, 2) float; of every 4 x 4 cells one after the other, in each turn the deepest first."""
        depth = depth_inside(residual)  # (H, W)
        height, width = depth.shape
        cell = self.spacing
        rows, columns = -(-height // cell), -(-width // cell)
        # A slight preference for the cell's centre decides between equal depths; it never outweighs half a pixel.
        y = (np.arange(rows * cell) % cell - (cell - 1) / 2) / cell
        x = (np.arange(columns * cell) % cell - (cell - 1) / 2) / cell
        padded = np.zeros((rows * cell, columns * cell), np.float32)
        padded[:height, :width] = np.minimum(depth, cell / 2)
        preferred = padded - (y[:, None] ** 2 + x[None, :] ** 2)
        deep = np.zeros(padded.shape, bool)
        deep[:height, :width] = residual & (depth >= self.min_depth)  # not of the cut-off depth: a cell may be small
        preferred[~deep] = -np.inf
        cells = preferred.reshape(rows, cell, columns, cell).swapaxes(1, 2).reshape(rows, columns, cell * cell)
        best = cells.argmax(axis=2)  # (rows, columns)
        row = np.arange(rows)[:, None] * cell + best // cell
        column = np.arange(columns)[None, :] * cell + best % cell
        asked = deep[row, column]
        row, column = row[asked], column[asked]  # (N,)
        missed = _deepest_of_missed(residual, depth, row, column, self.min_depth)  # (K, 2)
        row, column = np.append(row, missed[:, 0]), np.append(column, missed[:, 1])
        # Neighbours come far apart: what one of them yields makes the others needless. So do the largest remains before small
        # ones; their depth is not cut off.
        turn = TURNS[row // cell % len(TURNS), column // cell % len(TURNS)]
        order = np.lexsort((-depth[row, column], turn))
        return np.stack([column[order] + 0.5, row[order] + 0.5], axis=1)


def _deepest_of_missed(residual: BoolArray, depth: FloatArray, row: IntArray, column: IntArray, min_depth: float) -> IntArray:
    """Row and column (K, 2) of the deepest pixel of every component at least ``min_depth`` deep that has no point yet."""
    count, labels = cv2.connectedComponents(residual.astype(np.uint8), connectivity=4, ltype=cv2.CV_32S)
    missed = np.ones(count, bool)
    missed[labels[row, column]] = False
    missed[0] = False
    y, x = np.nonzero((depth >= min_depth) & missed[labels])  # few
    label = labels[y, x]
    order = np.lexsort((-depth[y, x], label))  # by component, the deepest first
    first = order[np.unique(label[order], return_index=True)[1]]
    return np.stack([y[first], x[first]], axis=1)


def depth_inside(mask: BoolArray) -> npt.NDArray[np.float32]:
    """Distance (H, W) of every True pixel to the nearest False one or to the frame, px, within 3 %; 0 where False."""
    framed = np.pad(mask.astype(np.uint8), 1)
    return np.asarray(cv2.distanceTransform(framed, cv2.DIST_L2, 5), np.float32)[1:-1, 1:-1]

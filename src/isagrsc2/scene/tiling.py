"""Tiles: overlapping windows of a raster, each with a core; the cores partition the raster."""

from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from rasterio.windows import Window

from isagrsc2.errors import InputError
from isagrsc2.options import check_whole


@dataclass(frozen=True)
class Tile:
    """One window of a scene.

    Attributes:
        row: row of the tile in the grid of tiles, from 0.
        column: column of the tile in the grid of tiles, from 0.
        window: what is read and segmented, scene px.
        core: the part of the window this tile answers for, scene px.
    """

    row: int
    column: int
    window: Window
    core: Window

    @property
    def name(self) -> str:
        """Names the tile's files: ``tile_r00002_c00013``."""
        return f"tile_r{self.row:05d}_c{self.column:05d}"

    @property
    def bounds(self) -> tuple[int, int, int, int]:
        """x0, y0, x1, y1 of the window, scene px, the last two exclusive."""
        return window_bounds(self.window)

    @property
    def core_bounds(self) -> tuple[int, int, int, int]:
        """x0, y0, x1, y1 of the core, scene px, the last two exclusive."""
        return window_bounds(self.core)


@dataclass(frozen=True)
class Tiling:
    """How a raster is cut.

    Attributes:
        size: side of a tile's window, px.
        overlap: smallest overlap of neighbouring windows, px.
    """

    size: int
    overlap: int

    def __post_init__(self) -> None:
        """Check that tiles advance."""
        check_whole("tiling.size", self.size, 1)
        check_whole("tiling.overlap", self.overlap, 0)
        if self.overlap >= self.size:
            raise InputError(f"tiling.size={self.size} must be larger than tiling.overlap={self.overlap}; change one of them.")

    def tiles(self, width: int, height: int) -> list[Tile]:
        """Cut a raster of ``width`` x ``height`` px; row by row."""
        columns, rows = _spans(width, self.size, self.overlap), _spans(height, self.size, self.overlap)
        return [
            Tile(row, column, Window(x0, y0, x1 - x0, y1 - y0), Window(cx0, cy0, cx1 - cx0, cy1 - cy0))
            for row, (y0, y1, cy0, cy1) in enumerate(rows)
            for column, (x0, x1, cx0, cx1) in enumerate(columns)
        ]


def window_bounds(window: Window) -> tuple[int, int, int, int]:
    """x0, y0, x1, y1 of a window with whole numbers; the last two exclusive."""
    x0, y0 = int(window.col_off), int(window.row_off)
    return x0, y0, x0 + int(window.width), y0 + int(window.height)


def _spans(length: int, size: int, overlap: int) -> list[tuple[int, int, int, int]]:
    """Start and end of windows and of cores along one axis.

    Windows all have the full size (no ragged last tile: a thin rest would be segmented without its surroundings) and are
    spread evenly; cores meet in the middle of each overlap.
    """
    if length <= size:
        return [(0, length, 0, length)]
    count = int(np.ceil((length - overlap) / (size - overlap)))
    starts = np.linspace(0, length - size, count).round().astype(int).tolist()
    meetings = [(left + size + right) // 2 for left, right in pairwise(starts)]
    edges = [0, *meetings, length]
    return [(start, start + size, edges[k], edges[k + 1]) for k, start in enumerate(starts)]

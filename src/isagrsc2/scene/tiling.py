"""Tiles: overlapping windows of a raster, each with a core; the cores partition the raster."""

from dataclasses import dataclass, replace
from itertools import pairwise
from typing import Self

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
        size: side of a tile's window, px of what the segmenter sees: scene px, unless tiles are enlarged for it.
        overlap: smallest overlap of neighbouring windows, px likewise.
    """

    size: int
    overlap: int

    def __post_init__(self) -> None:
        """Check that tiles advance."""
        check_whole("tiling.size", self.size, 1)
        check_whole("tiling.overlap", self.overlap, 0)
        if self.overlap >= self.size:
            raise InputError(f"tiling.size={self.size} must be larger than tiling.overlap={self.overlap}; change one of them.")

    def enlarged_by(self, scale: int) -> Self:
        """The tiling of the scene whose tiles have the size of this one when they are enlarged ``scale`` times.

        Raises:
            InputError: tiles would be smaller than a scene px, or would not advance.
        """
        return replace(self, **self._reduced(scale))

    def tiles(self, width: int, height: int) -> list[Tile]:
        """Cut a raster of ``width`` x ``height`` px; row by row."""
        columns, rows = self._spans(width), self._spans(height)
        return [
            Tile(row, column, Window(x0, y0, x1 - x0, y1 - y0), Window(cx0, cy0, cx1 - cx0, cy1 - cy0))
            for row, (y0, y1, cy0, cy1) in enumerate(rows)
            for column, (x0, x1, cx0, cx1) in enumerate(columns)
        ]

    def _reduced(self, scale: int) -> dict[str, int]:
        """The attributes where a px is ``scale`` times as large."""
        # Rounded so that tiles are not larger than asked, and overlap no less.
        size, overlap = self.size // scale, -(-self.overlap // scale)
        if overlap >= size:
            raise InputError(
                f"tiling.size={self.size} and tiling.overlap={self.overlap} are {size} and {overlap} scene px where tiles are "
                f"enlarged {scale} times; choose a larger size, a smaller overlap, or superres=none."
            )
        return {"size": size, "overlap": overlap}

    def _spans(self, length: int) -> list[tuple[int, int, int, int]]:
        """Start and end of windows and of cores along one axis; cores meet in the middle of each overlap."""
        starts = self._starts(length)
        size = min(self.size, length)
        meetings = [(left + size + right) // 2 for left, right in pairwise(starts)]
        edges = [0, *meetings, length]
        return [(start, start + size, edges[k], edges[k + 1]) for k, start in enumerate(starts)]

    def _starts(self, length: int) -> list[int]:
        """First px of the windows along one axis.

        Windows all have the full size (no ragged last tile: a thin rest would be segmented without its surroundings) and are
        spread evenly.
        """
        if length <= self.size:
            return [0]
        count = int(np.ceil((length - self.overlap) / (self.size - self.overlap)))
        starts: list[int] = np.linspace(0, length - self.size, count).round().astype(int).tolist()
        return starts


@dataclass(frozen=True)
class ShiftedTiling(Tiling):
    """The windows of ``Tiling`` elsewhere: all but those at the far edges are shifted, and one more begins at 0.

    To see whether parcels depend on where tiles begin. A raster of one tile stays one.

    Attributes:
        shift: to the right and down, px.
    """

    shift: int

    def __post_init__(self) -> None:
        """Check that windows still overlap as they should."""
        super().__post_init__()
        check_whole("tile_consistency.tiling.shift", self.shift, 1)
        if self.shift > self.size - self.overlap:
            raise InputError(
                f"tile_consistency.tiling.shift={self.shift} must not be larger than tiling.size - tiling.overlap = "
                f"{self.size - self.overlap}; change one of them."
            )

    def _reduced(self, scale: int) -> dict[str, int]:
        reduced = super()._reduced(scale)
        # Rounding may not bring it beyond its limits.
        return reduced | {"shift": min(max(1, self.shift // scale), reduced["size"] - reduced["overlap"])}

    def _starts(self, length: int) -> list[int]:
        even = super()._starts(length)
        return sorted({0, *(min(start + self.shift, even[-1]) for start in even)})


def window_bounds(window: Window) -> tuple[int, int, int, int]:
    """x0, y0, x1, y1 of a window with whole numbers; the last two exclusive."""
    x0, y0 = int(window.col_off), int(window.row_off)
    return x0, y0, x0 + int(window.width), y0 + int(window.height)

"""Polygons to label rasters."""

from collections.abc import Iterable, Iterator, Sequence

import numpy as np
import numpy.typing as npt
import shapely
from affine import Affine
from rasterio.features import rasterize
from rasterio.windows import Window

# Side of a block, px: one block's labels, image and mask take about 60 MB.
BLOCK = 2048


class Burner:
    """Burns polygons into any window of a raster; an index finds those the window touches.

    A pixel belongs to the polygon its centre lies in; where polygons overlap, to the first in order.

    Args:
        polygons: (Multi)Polygons, scene px.
        values: what each burns, from 1 to 2^31 - 1; 0 is left for the background.
    """

    def __init__(self, polygons: Sequence[shapely.Geometry], values: Iterable[int]) -> None:
        self._polygons = np.asarray(polygons, dtype=object)  # (N,)
        self._values = np.asarray(list(values), np.int32)  # (N,)
        self._tree = shapely.STRtree(self._polygons)

    def burn(self, window: Window) -> npt.NDArray[np.int32]:
        """Label raster (h, w) of a window given in scene px."""
        column, row, width, height = window.col_off, window.row_off, window.width, window.height
        inside = shapely.box(column, row, column + width, row + height)
        touched = np.sort(self._tree.query(inside))[::-1]  # rasterize lets the last win, so the first comes last
        labels = np.zeros((int(height), int(width)), np.int32)
        if len(touched):
            pairs = zip(self._polygons[touched], self._values[touched].tolist(), strict=True)
            rasterize(pairs, out=labels, transform=Affine.translation(column, row))
        return labels


def blocks(shape: tuple[int, int], side: int = BLOCK) -> Iterator[Window]:
    """Windows of at most ``side`` x ``side`` px that partition a raster of ``shape`` (H, W)."""
    height, width = shape
    for row in range(0, height, side):
        for column in range(0, width, side):
            yield Window(column, row, min(side, width - column), min(side, height - row))

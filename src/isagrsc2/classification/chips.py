"""Chips: what a classifier sees of a segment. Its bounding square, everything outside it zero, at one size.

A chip depends on the raster, the polygon and the size, and on nothing else: not on the batch, not on neighbours.
"""

import math
from dataclasses import dataclass
from typing import Any, Protocol

import cv2
import numpy as np
import numpy.typing as npt
from affine import Affine
from rasterio.features import rasterize
from rasterio.windows import Window
from shapely.geometry.base import BaseGeometry

# A segment larger than its chip is read and masked at this many times the chip's resolution and then averaged, so that
# its outline is drawn as faithfully as that of a small one. Memory follows the chip, never the parcel.
OVERSAMPLING = 2


class Raster(Protocol):
    """What chips need of a raster; ``isagrsc2.scene.raster.Scene`` is one."""

    @property
    def width(self) -> int:
        """Columns, scene px."""
        ...

    @property
    def height(self) -> int:
        """Rows, scene px."""
        ...

    def read(
        self, window: Window | None = None, out_shape: tuple[int, int] | None = None
    ) -> tuple[npt.NDArray[np.uint8], npt.NDArray[np.bool_]]:
        """See ``Scene.read``."""
        ...


@dataclass(frozen=True)
class Square:
    """A square of pixels, scene px; may exceed the raster.

    Attributes:
        x: column of the left edge.
        y: row of the upper edge.
        side: length of an edge.
    """

    x: int
    y: int
    side: int


def bounding_square(bounds: tuple[float, float, float, float]) -> Square:
    """Square on the longer side of a bounding box, centred on it.

    Where the sides differ by an odd number the surplus pixel lies to the right or below.

    Args:
        bounds: (min x, min y, max x, max y), scene px; grown to whole pixels.
    """
    left, top = math.floor(bounds[0]), math.floor(bounds[1])
    width, height = math.ceil(bounds[2]) - left, math.ceil(bounds[3]) - top
    side = max(width, height)
    return Square(left - (side - width) // 2, top - (side - height) // 2, side)


def render_chip(image: npt.NDArray[np.uint8], mask: npt.NDArray[np.bool_], size: int) -> npt.NDArray[np.uint8]:
    """Blacken what lies outside and resize: average when it shrinks, bilinear when it grows.

    Args:
        image: (W, W, 3) uint8.
        mask: (W, W) bool, the segment.
        size: side of the chip, px, S.

    Returns:
        (S, S, 3) uint8.
    """
    masked = np.where(mask[..., None], image, np.uint8(0))
    method = cv2.INTER_AREA if size < len(masked) else cv2.INTER_LINEAR
    return np.asarray(cv2.resize(masked, (size, size), interpolation=method), np.uint8)


def cut_chip(raster: Raster, polygon: BaseGeometry, size: int) -> npt.NDArray[np.uint8]:
    """Cut the chip of a segment.

    Args:
        raster: where to read.
        polygon: the segment, scene px, not empty; pixel-exact outlines are masked exactly up to a side of
            ``OVERSAMPLING * size``.
        size: side of the chip, px, S; 0 asks for no pixels, and none are read.

    Returns:
        (S, S, 3) uint8 RGB; zero outside the segment, outside the raster and where the raster has no data.
    """
    if size == 0:
        return np.zeros((0, 0, 3), np.uint8)
    square = bounding_square(polygon.bounds)
    work = min(square.side, OVERSAMPLING * size)  # side at which is read and masked, px
    step = square.side / work  # scene px per work px
    to_scene = Affine(step, 0, square.x, 0, step, square.y)
    mask = rasterize([polygon], (work, work), transform=to_scene, dtype=np.uint8)  # 1 where a pixel's centre is inside
    return render_chip(_read_square(raster, square, work), mask.astype(bool), size)


def _read_square(raster: Raster, square: Square, work: int) -> npt.NDArray[np.uint8]:
    """(work, work, 3) uint8, zero outside the raster."""
    canvas = np.zeros((work, work, 3), np.uint8)
    x0, x1 = max(square.x, 0), min(square.x + square.side, raster.width)
    y0, y1 = max(square.y, 0), min(square.y + square.side, raster.height)
    scale = work / square.side
    columns = slice(round((x0 - square.x) * scale), round((x1 - square.x) * scale))
    rows = slice(round((y0 - square.y) * scale), round((y1 - square.y) * scale))
    target: tuple[Any, ...] = (rows, columns)
    shape = canvas[target].shape[:2]
    if x0 < x1 and y0 < y1 and min(shape) > 0:
        image, _ = raster.read(Window(x0, y0, x1 - x0, y1 - y0), (shape[0], shape[1]))
        canvas[target] = image
    return canvas


def chip_of_region(image: npt.NDArray[np.uint8], region: npt.NDArray[np.bool_], size: int) -> npt.NDArray[np.uint8]:
    """Cut the chip of a segment that is given as a mask, from an image in memory.

    Equals ``cut_chip`` of the region's outline up to a side of ``OVERSAMPLING * size``.

    Args:
        image: (H, W, 3) uint8.
        region: (H, W) bool, True somewhere.
        size: side of the chip, px, S.

    Returns:
        (S, S, 3) uint8.
    """
    rows, columns = np.flatnonzero(region.any(axis=1)), np.flatnonzero(region.any(axis=0))
    top, left = rows[0], columns[0]
    height, width = rows[-1] + 1 - top, columns[-1] + 1 - left
    square = bounding_square((left, top, left + width, top + height))
    inner = np.s_[top - square.y : top - square.y + height, left - square.x : left - square.x + width]
    outer = np.s_[top : top + height, left : left + width]
    canvas, mask = np.zeros((square.side, square.side, 3), np.uint8), np.zeros((square.side, square.side), bool)
    canvas[inner], mask[inner] = image[outer], region[outer]
    return render_chip(canvas, mask, size)

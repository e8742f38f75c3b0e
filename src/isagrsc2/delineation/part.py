"""Parts: what tiles contribute to a scene."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import shapely

from isagrsc2.scene.polygons import rasterise

Bounds = tuple[int, int, int, int]
Geometries = npt.NDArray[np.object_]
Labels = npt.NDArray[np.int32]
IntArray = npt.NDArray[np.integer[Any]]


@dataclass(frozen=True)
class Part:
    """What one tile contributes: its partition as pixel-exact polygons.

    Attributes:
        bounds: x0, y0, x1, y1 of the tile's window, scene px, the last two exclusive.
        core: the same of its core.
        valid: (H, W) bool of the window.
        polygons: (N,), scene px.
        scores: (N,) float32.
        stability: (N,) float32.
        rounds: (N,) int16.
    """

    bounds: Bounds
    core: Bounds
    valid: npt.NDArray[np.bool_]
    polygons: Geometries
    scores: npt.NDArray[np.float32]
    stability: npt.NDArray[np.float32]
    rounds: npt.NDArray[np.int16]


def cut_by_edge(part: Part, size: tuple[int, int]) -> npt.NDArray[np.bool_]:
    """Tell (N,) which segments touch an edge of their window that is not an edge of the scene: these are seen in part only."""
    if not len(part.polygons):
        return np.zeros(0, bool)
    box = shapely.bounds(part.polygons)  # (N, 4)
    x0, y0, x1, y1 = part.bounds
    return (
        ((box[:, 0] <= x0) & (x0 > 0))
        | ((box[:, 1] <= y0) & (y0 > 0))
        | ((box[:, 2] >= x1) & (x1 < size[0]))
        | ((box[:, 3] >= y1) & (y1 < size[1]))
    )


def burnt(part: Part, values: IntArray, frame: Bounds) -> Labels:
    """Values (N,) of a part's segments inside a frame, 0 where there is none."""
    return rasterise(values, part.polygons, (frame[3] - frame[1], frame[2] - frame[0]), frame[:2])


def common(one: Bounds, two: Bounds) -> Bounds:
    """What two boxes share; empty boxes have a side of no length or less."""
    return max(one[0], two[0]), max(one[1], two[1]), min(one[2], two[2]), min(one[3], two[3])


def within(box: Bounds, frame: Bounds) -> tuple[slice, slice]:
    """Rows and columns of a box in the raster of a frame that holds it."""
    x, y = frame[:2]
    return slice(box[1] - y, max(box[3], box[1]) - y), slice(box[0] - x, max(box[2], box[0]) - x)


def grown(box: Bounds, margin: int, limit: Bounds) -> Bounds:
    """Grow a box by a margin, at most to a limit."""
    return (
        max(box[0] - margin, limit[0]),
        max(box[1] - margin, limit[1]),
        min(box[2] + margin, limit[2]),
        min(box[3] + margin, limit[3]),
    )

"""Polygons as the report draws them: coarser, shorter, and the smallest as a picture."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt
import shapely

Geometries = npt.NDArray[np.object_]
Nested = list[list[list[list[float]]]]

# Binary places of coordinates that OpenCV draws: a sixteenth of a pixel.
SHIFT = 4
# Coordinates are rounded to a power of ten no larger than this share of a pixel of the image in the page.
ROUNDING = 0.5


@dataclass(frozen=True)
class Shapes:
    """Polygons to draw one by one, largest first.

    Attributes:
        rows: (K,) rows of the table the polygons came from, numbered through all batches.
        xs: K lists of parts, of rings (shell first, then holes), of x, in the map's frame; rings are not closed.
        ys: the same of y, downwards.
    """

    rows: npt.NDArray[np.int64]
    xs: list[Nested]
    ys: list[Nested]


def shapes(batches: Sequence[Geometries], pixel: float, tolerance: float, max_parcels: int, max_points: int) -> Shapes:
    """Choose and simplify polygons for the page; of all others only the areas are in memory.

    Args:
        batches: Polygons or MultiPolygons, in the map's frame.
        pixel: side of a pixel of the image in the page, units of the map.
        tolerance: how far a border may move, px on the page.
        max_parcels: most polygons that are drawn one by one.
        max_points: most corners that these have together; one polygon is drawn whatever it has.
    """
    areas = np.concatenate([shapely.area(geometries) for geometries in batches])
    candidates = np.argsort(-areas, kind="stable")[:max_parcels]
    polygons = _pick(batches, candidates)
    # Topology is kept per polygon: no ring disappears. Neighbours may part by the tolerance, which nobody sees.
    simple = np.asarray(shapely.simplify(polygons, tolerance * pixel), dtype=object)
    points = np.cumsum(shapely.get_num_coordinates(simple))
    room = max(1, int(np.searchsorted(points, max_points, side="right")))
    decimals = max(0, int(np.ceil(-np.log10(ROUNDING * pixel))))
    xs, ys = _nested(simple[:room], decimals)
    return Shapes(candidates[:room], xs, ys)


def _pick(batches: Sequence[Geometries], rows: npt.NDArray[np.int64]) -> Geometries:
    """(K,) polygons of (K,) rows, different ones, in the order of the rows."""
    order = np.argsort(rows)
    ascending, start, found = rows[order], 0, [np.zeros(0, object)]
    for geometries in batches:
        within = slice(*np.searchsorted(ascending, [start, start + len(geometries)]))
        found.append(geometries[ascending[within] - start])
        start += len(geometries)
    picked = np.empty(len(rows), object)
    picked[order] = np.concatenate(found)
    return picked


def _nested(geometries: Geometries, decimals: int) -> tuple[list[Nested], list[Nested]]:
    """Coordinates as nested lists: geometry, part, ring."""
    parts, geometry = shapely.get_parts(geometries, return_index=True)
    rings, part = shapely.get_rings(parts, return_index=True)
    coordinates, ring = shapely.get_coordinates(rings, return_index=True)
    xs: list[Nested] = [[] for _ in geometries]
    ys: list[Nested] = [[] for _ in geometries]
    starts = np.searchsorted(ring, np.arange(len(rings) + 1))
    last = -1
    for index, owner in enumerate(part):
        x, y = coordinates[starts[index] : starts[index + 1] - 1].T  # without the closing point
        row = geometry[owner]
        if owner != last:
            xs[row].append([])
            ys[row].append([])
            last = owner
        xs[row][-1].append(_short(x, decimals))
        ys[row][-1].append(_short(y, decimals))
    return xs, ys


def _short(values: npt.NDArray[np.float64], decimals: int) -> list[float]:
    """Rounded, and as integers where they are: what a JSON file has to hold."""
    return [int(value) if value == int(value) else value for value in np.round(values, decimals).tolist()]


def outlines(
    batches: Sequence[Geometries],
    without: npt.NDArray[np.int64],
    size: tuple[int, int],
    pixel: float,
    colour: tuple[int, int, int],
) -> npt.NDArray[Any]:
    """Draw outlines on a transparent picture.

    Args:
        batches: Polygons or MultiPolygons, in the map's frame.
        without: rows, numbered through all batches, that are left out.
        size: width and height of the picture, px.
        pixel: side of its pixels, units of the map.
        colour: RGB of the lines.

    Returns:
        (height, width, 4) uint8 RGBA.
    """
    picture = np.zeros((size[1], size[0], 4), np.uint8)
    picture[..., :3] = colour
    opacity, start = np.zeros(picture.shape[:2], np.uint8), 0
    for geometries in batches:
        drawn = geometries[~np.isin(np.arange(start, start + len(geometries)), without)]
        start += len(geometries)
        coordinates, ring = shapely.get_coordinates(shapely.get_rings(shapely.get_parts(drawn)), return_index=True)
        fixed = np.rint((coordinates / pixel - 0.5) * 2**SHIFT).astype(np.int32)  # OpenCV's origin is a pixel's centre
        lines = np.split(fixed, np.flatnonzero(np.diff(ring)) + 1)
        cv2.polylines(opacity, lines, True, 255, 1, cv2.LINE_AA, shift=SHIFT)
    picture[..., 3] = opacity
    return picture

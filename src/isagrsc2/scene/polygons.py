"""Between label rasters and pixel-exact polygons, in both directions and without loss.

A label raster is (H, W) int32, 0 where nothing is. Polygons run along pixel edges; pixel (row r, column c) covers the square
[c, c + 1] x [r, r + 1] of the frame.
"""

import numpy as np
import numpy.typing as npt
import rasterio.features
import shapely
from affine import Affine

Labels = npt.NDArray[np.int32]
Geometries = npt.NDArray[np.object_]


def polygonise(labels: Labels, offset: tuple[int, int] = (0, 0)) -> tuple[npt.NDArray[np.int32], Geometries]:
    """Outline every label exactly.

    Args:
        labels: (H, W) int32, 0 = nothing.
        offset: x and y of the raster's upper left corner in the frame of the result.

    Returns:
        ids (N,) int32 ascending; polygons (N,), MultiPolygon where a label has several 4-connected components.
    """
    found = rasterio.features.shapes(
        labels, mask=labels > 0, connectivity=4, transform=Affine.translation(offset[0], offset[1])
    )
    rings, owner, values = [], [], []  # of all pieces: a shell, then its holes
    for number, (shape, value) in enumerate(found):
        values.append(int(value))
        for ring in shape["coordinates"]:
            rings.append(np.array(ring))
            owner.append(number)
    if not rings:
        return np.zeros(0, np.int32), np.zeros(0, object)
    linear = shapely.linearrings(np.concatenate(rings), indices=np.repeat(np.arange(len(rings)), [len(ring) for ring in rings]))
    pieces = shapely.polygons(linear, indices=np.array(owner))  # (P,)
    order = np.argsort(values, kind="stable")
    ids, first = np.unique(np.array(values)[order], return_index=True)
    groups = np.split(pieces[order], first[1:])
    polygons = np.empty(len(ids), object)
    polygons[:] = [group[0] if len(group) == 1 else shapely.MultiPolygon(list(group)) for group in groups]
    return ids.astype(np.int32), polygons


def rasterise(
    ids: npt.NDArray[np.integer], polygons: Geometries, shape: tuple[int, int], offset: tuple[int, int] = (0, 0)
) -> Labels:
    """Burn pixel-exact polygons that do not overlap; the same as GDAL's, many times faster.

    Every vertical edge of an outline adds its label to all that lies right of it, or takes it away again, so the cost is that
    of the outlines near the raster and of one sum over it.

    Args:
        ids: (N,) labels, not 0.
        polygons: (N,) of whole numbers, edges horizontal or vertical; valid.
        shape: (H, W) of the result.
        offset: x and y of the result's upper left corner in the polygons' frame.

    Returns:
        (H, W) int32.
    """
    height, width = shape
    low, high = np.hsplit(shapely.bounds(polygons) - [*offset, *offset], 2)  # (N, 2) each
    near = np.flatnonzero(((low < (width, height)) & (high > 0)).all(axis=1))
    parts, owner = shapely.get_parts(polygons[near], return_index=True)
    rings, part = shapely.get_rings(parts, return_index=True)
    is_shell = np.diff(part, prepend=-1) > 0
    points, ring = shapely.get_coordinates(rings, return_index=True)
    x, y = (points - offset).round().astype(np.int64).T
    # Edges that go up or down, as far as their rows are shown; what lies left of the raster begins at its edge.
    edge = np.flatnonzero((ring[1:] == ring[:-1]) & (y[1:] != y[:-1]) & (x[1:] < width))
    upper = np.minimum(y[edge], y[edge + 1]).clip(0, height)
    count = np.maximum(y[edge], y[edge + 1]).clip(0, height) - upper
    # With the inside on its left, an edge of growing y has the inside at smaller x.
    leaves = (y[edge + 1] > y[edge]) == (shapely.is_ccw(rings) == is_shell)[ring[edge]]
    step = np.where(leaves, -1, 1) * np.asarray(ids, np.int64)[near[owner[part[ring[edge]]]]]
    row = np.repeat(upper - np.cumsum(count) + count, count) + np.arange(count.sum())
    cell = row * width + np.repeat(x[edge].clip(0), count)
    steps = np.zeros((height, width), np.int32)
    np.add.at(steps.ravel(), cell, np.repeat(step, count).astype(np.int32))
    return np.cumsum(steps, axis=1, dtype=np.int32, out=steps)

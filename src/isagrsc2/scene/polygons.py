"""Between label rasters and pixel-exact polygons, in both directions and without loss.

A label raster is (H, W) int32, 0 where nothing is. Polygons run along pixel edges; pixel (row r, column c) covers the square
[c, c + 1] x [r, r + 1] of the frame.
"""

from collections.abc import Sequence

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
    pieces: dict[int, list[shapely.Polygon]] = {}
    for shape, value in found:
        shell, *holes = shape["coordinates"]
        pieces.setdefault(int(value), []).append(shapely.Polygon(shell, holes))
    ids = np.array(sorted(pieces), np.int32)
    polygons = np.empty(len(ids), object)
    for row, label in enumerate(ids):
        parts = pieces[int(label)]
        polygons[row] = parts[0] if len(parts) == 1 else shapely.MultiPolygon(parts)
    return ids, polygons


def rasterise(
    ids: Sequence[int] | npt.NDArray[np.integer],
    polygons: Sequence[shapely.Geometry] | Geometries,
    shape: tuple[int, int],
    offset: tuple[int, int] = (0, 0),
) -> Labels:
    """Burn polygons into a label raster; where polygons overlap, the later one wins.

    Args:
        ids: (N,) labels > 0.
        polygons: (N,) in a frame whose pixel edges are whole numbers.
        shape: (H, W) of the result.
        offset: x and y of the result's upper left corner in the polygons' frame.

    Returns:
        (H, W) int32; a pixel belongs to the polygon that holds its centre.
    """
    if len(ids) == 0:
        return np.zeros(shape, np.int32)
    pairs = zip(polygons, (int(value) for value in ids), strict=True)
    return rasterio.features.rasterize(
        pairs, out_shape=shape, transform=Affine.translation(offset[0], offset[1]), dtype="int32"
    )

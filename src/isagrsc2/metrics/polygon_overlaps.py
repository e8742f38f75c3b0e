"""Overlaps of polygons, exact: no pixel decides."""

import numpy as np
import numpy.typing as npt
import shapely

from isagrsc2.metrics.overlaps import Overlaps, gather_overlaps

Polygons = npt.NDArray[np.object_]


def count_polygon_overlaps(predicted: Polygons, reference: Polygons, extent: shapely.Geometry) -> Overlaps:
    """Count the overlaps of two sets of polygons.

    Within one set an area belongs to the first polygon that holds it, as when they are burnt into a label raster.

    Args:
        predicted: (P,) valid (Multi)Polygons; a polygon's id is its position from 1.
        reference: (R,) the same.
        extent: (Multi)Polygon, the area that counts; what lies outside is cut off.

    Returns:
        Areas in the square of the polygons' unit.
    """
    left, right = _partition(predicted, extent), _partition(reference, extent)
    rows, columns = shapely.STRtree(right).query(left, predicate="intersects")
    shared = shapely.area(shapely.intersection(left[rows], right[columns]))  # (K,)
    alone_left = shapely.area(left) - np.bincount(rows, shared, minlength=len(left))
    alone_right = shapely.area(right) - np.bincount(columns, shared, minlength=len(right))
    neither = shapely.area(extent) - shared.sum() - alone_left.sum() - alone_right.sum()
    nobody = [np.zeros(len(part), np.int64) for part in (alone_left, alone_right)]
    first = np.concatenate([rows + 1, np.arange(1, len(left) + 1), nobody[1], [0]])
    second = np.concatenate([columns + 1, nobody[0], np.arange(1, len(right) + 1), [0]])
    areas = np.concatenate([shared, alone_left, alone_right, [neither]])
    # Differences of equal areas leave a rounding error of either sign.
    there = areas > np.finfo(float).eps * shapely.area(extent)
    return gather_overlaps(first[there], second[there], areas[there])


def _partition(polygons: Polygons, extent: shapely.Geometry) -> Polygons:
    """Polygons cut to the extent, each without what an earlier one holds, (N,); empty where nothing is left."""
    given = shapely.intersection(np.asarray(polygons, dtype=object), extent)  # (N,)
    later, earlier = shapely.STRtree(given).query(given, predicate="intersects")
    ordered = (later > earlier) & ~shapely.touches(given[later], given[earlier])
    later, earlier = later[ordered], earlier[ordered]
    parted = given.copy()
    for row in np.unique(later):
        parted[row] = shapely.difference(given[row], shapely.union_all(given[earlier[later == row]]))
    return parted

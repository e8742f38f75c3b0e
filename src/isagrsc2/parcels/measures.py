"""Areas and lengths in metres, whatever the CRS: on its ellipsoid, never in its plane.

Areas in the plane of Web Mercator are four times too large at 60° N, and a degree is no length at all. Geodesics do not
care: Karney (2013), "Algorithms for geodesics", Journal of Geodesy 87, as implemented in PROJ.
"""

import math
from typing import Any

import numpy as np
import numpy.typing as npt
import pyproj
import shapely
from affine import Affine

from isagrsc2.errors import InputError
from isagrsc2.parcels.frames import move

FloatArray = npt.NDArray[np.float64]


def area_and_perimeter(geometries: npt.NDArray[np.object_], crs: pyproj.CRS) -> tuple[FloatArray, FloatArray]:
    """Measure polygons.

    Args:
        geometries: (N,) Polygon or MultiPolygon in map units.
        crs: geographic or projected (also with heights, or bound to another datum): measured on its ellipsoid. A local
            (engineering) CRS has none: measured in its plane, times its unit in metres.

    Returns:
        areas (N,) in m², holes taken off; perimeters (N,) in m, holes included. NaN where a coordinate has no place on
        the ellipsoid.
    """
    if crs.geodetic_crs is None:
        unit = _metres_per_unit(crs)
        return shapely.area(geometries) * unit**2, shapely.length(geometries) * unit
    parts, geometry = shapely.get_parts(geometries, return_index=True)
    rings, part = shapely.get_rings(parts, return_index=True)
    geometry = geometry[part]  # (R,) geometry of every ring
    shell = np.ones(len(rings), bool)
    shell[1:] = part[1:] != part[:-1]  # the first ring of a part is its shell
    coordinates, ring = shapely.get_coordinates(rings, return_index=True)
    degrees = _lon_lat(coordinates, crs, crs.geodetic_crs)  # (P, 2)
    geod = _geod(crs)
    areas, perimeters = np.zeros(len(geometries)), np.zeros(len(geometries))
    starts = np.searchsorted(ring, np.arange(len(rings) + 1))
    for index in range(len(rings)):
        lon, lat = degrees[starts[index] : starts[index + 1]].T
        area, perimeter = geod.polygon_area_perimeter(lon, lat)
        areas[geometry[index]] += abs(area) if shell[index] else -abs(area)
        perimeters[geometry[index]] += perimeter
    return areas, perimeters


def length_m(line: shapely.LineString, crs: Any) -> float:
    """Length of a line in map units, m; measured like parcels, NaN where a point has no place on the ellipsoid.

    Args:
        line: its points should be close: between them it is a geodesic.
        crs: anything pyproj reads, rasterio's CRS too.
    """
    crs = pyproj.CRS.from_user_input(crs)
    if crs.geodetic_crs is None:
        return float(line.length) * _metres_per_unit(crs)
    degrees = _lon_lat(shapely.get_coordinates(line), crs, crs.geodetic_crs)
    return float(_geod(crs).line_length(*degrees.T))


def pixel_area_m2(transform: Affine, crs: Any, centre: tuple[float, float]) -> float:
    """Area of one pixel.

    Args:
        transform: scene px to map units.
        crs: anything pyproj reads, rasterio's CRS too.
        centre: x and y of the pixel's centre, scene px.

    Raises:
        InputError: the place is not on the ellipsoid, or the pixel has no size: the raster's georeference is wrong.
    """
    x, y = centre
    pixel = move(shapely.box(x - 0.5, y - 0.5, x + 0.5, y + 0.5), transform)
    area = float(area_and_perimeter(np.array([pixel], dtype=object), pyproj.CRS.from_user_input(crs))[0][0])
    if not (math.isfinite(area) and area > 0):
        raise InputError(
            f"the raster's georeference is wrong: at pixel {centre} its coordinates are no place in its CRS; "
            "correct it (gdal_edit.py -a_srs, -a_ullr) or give areas in px."
        )
    return area


def min_area_px(min_area_m2: float, transform: Affine, crs: Any, centre: tuple[float, float]) -> float:
    """A minimum mapping unit in pixels.

    Args:
        min_area_m2: m².
        transform: scene px to map units.
        crs: anything pyproj reads, rasterio's CRS too.
        centre: x and y, scene px; the raster's centre, where the scale of a large raster is typical.

    Returns:
        px²; not rounded.

    Raises:
        InputError: as ``pixel_area_m2``.
    """
    return min_area_m2 / pixel_area_m2(transform, crs, centre)


def _lon_lat(coordinates: FloatArray, crs: pyproj.CRS, geographic: pyproj.CRS) -> FloatArray:
    """Map units to longitude and latitude in degrees on the same datum, (P, 2); NaN where there is no such place."""
    transformer = pyproj.Transformer.from_crs(crs, geographic, always_xy=True)
    lon_lat = np.stack(transformer.transform(*coordinates.T), axis=1)
    # Some old datums count in grads.
    lon_lat = np.degrees(lon_lat * geographic.axis_info[0].unit_conversion_factor)
    lon_lat[~np.isfinite(lon_lat).all(axis=1) | (np.abs(lon_lat[:, 1]) > 90.0 + 1e-9)] = np.nan
    return lon_lat


def _geod(crs: pyproj.CRS) -> pyproj.Geod:
    ellipsoid = crs.ellipsoid
    if ellipsoid is None:
        raise ValueError(f"{crs.name} has a geographic CRS but no ellipsoid")
    return pyproj.Geod(a=ellipsoid.semi_major_metre, b=ellipsoid.semi_minor_metre)


def _metres_per_unit(crs: pyproj.CRS) -> float:
    """Of a local CRS; one that names no unit is taken to count metres."""
    return float(crs.axis_info[0].unit_conversion_factor) if crs.axis_info else 1.0

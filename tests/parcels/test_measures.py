import math

import numpy as np
import pyproj
import pytest
import shapely
from affine import Affine
from rasterio.crs import CRS
from shapely import box

from isagrsc2.errors import InputError
from isagrsc2.parcels import area_and_perimeter, length_m, min_area_px, pixel_area_m2

WGS84 = pyproj.CRS(4326)


def measure(*geometries, crs):
    return area_and_perimeter(np.array(geometries, dtype=object), pyproj.CRS(crs))


def test_utm_square_near_the_central_meridian():
    # Lengths on the map are 0.9996 of those on the ellipsoid there: 100 m² on the map are 100 / 0.9996² m².
    area, perimeter = measure(box(500_000, 6_200_000, 500_010, 6_200_010), crs=32632)
    assert area[0] == pytest.approx(100 / 0.9996**2, rel=1e-4)
    assert perimeter[0] == pytest.approx(40 / 0.9996, rel=1e-4)


def test_degrees_at_60_north():
    # One second of arc. On the ellipsoid WGS 84 at 60° N: M = 6 383 454 m along, N cos(60°) = 3 197 104 m across;
    # 1" = 4.848137e-6 rad, so 30.948 m x 15.500 m.
    second = 1 / 3600
    area, perimeter = measure(box(10, 60 - second / 2, 10 + second, 60 + second / 2), crs=4326)
    assert area[0] == pytest.approx(30.948 * 15.500, rel=1e-4)
    assert perimeter[0] == pytest.approx(2 * (30.948 + 15.500), rel=1e-4)


def test_web_mercator_at_60_north_is_four_times_too_large():
    # y of 60° N is R ln(tan(75°)) = 6 378 137 * 1.3169579 = 8 399 738 m. The scale is 1 / cos(60°) = 2 on the sphere, and
    # on the ellipsoid a / (N cos φ) = 1.99498 across and a / (M cos φ) = 1.99833 along: 3.9866 in area.
    area, perimeter = measure(box(0, 8_399_688, 100, 8_399_788), crs=3857)
    assert area[0] == pytest.approx(100 * 100 / 4, rel=5e-3)
    assert area[0] == pytest.approx(100 * 100 / (1.99498 * 1.99833), rel=1e-4)
    assert perimeter[0] == pytest.approx(200 / 1.99498 + 200 / 1.99833, rel=1e-4)


def test_the_crs_does_not_matter():
    # A quadrangle of 0.01° near Copenhagen in four systems, one of them in US feet, one with heights, one of them in grads.
    lon_lat = shapely.segmentize(box(12.50, 55.60, 12.51, 55.61), 0.001)
    expected, around = measure(lon_lat, crs=4326)
    for crs in (32632, 32633, 3857, 3035, "EPSG:25832+5799", "+proj=utm +zone=32 +ellps=WGS84 +units=us-ft"):
        to_map = pyproj.Transformer.from_crs(4326, crs, always_xy=True)
        there = shapely.transform(lon_lat, lambda points, to_map=to_map: np.stack(to_map.transform(*points.T), axis=1))
        area, perimeter = measure(there, crs=crs)
        assert area[0] == pytest.approx(expected[0], rel=1e-6)
        assert perimeter[0] == pytest.approx(around[0], rel=1e-6)


def test_grads():
    # NTF (Paris) counts in grads: 0.01 grad are 0.009°.
    degrees, _ = measure(box(2.0, 45.0, 2.009, 45.009), crs="+proj=longlat +ellps=clrk80ign")
    grads, _ = measure(box(2.0, 50.0, 2.01, 50.01), crs=4807)
    assert grads[0] == pytest.approx(degrees[0], rel=1e-6)


def test_holes_and_parts():
    # 3 x 3 px with a hole of one, and one px elsewhere: 8 + 1 px; edges 12 + 4 + 4. Pixels of 10 m.
    square = shapely.Polygon(box(0, 0, 30, 30).exterior, [box(10, 10, 20, 20).exterior])
    both = shapely.union(square, box(50, 0, 60, 10))
    both = shapely.transform(both, lambda points: np.add(points, (500_000, 6_200_000)))
    area, perimeter = measure(both, both.geoms[0], crs=32632)
    np.testing.assert_allclose(area, np.array([900, 800]) / 0.9996**2, rtol=1e-4)
    np.testing.assert_allclose(perimeter, np.array([200, 160]) / 0.9996, rtol=1e-4)


def test_a_local_crs_is_measured_in_its_plane():
    # Feet of 0.3048 m: 10 x 10 feet are 9.290304 m².
    area, perimeter = measure(box(0, 0, 10, 10), crs='LOCAL_CS["site",UNIT["foot",0.3048]]')
    assert area[0] == pytest.approx(9.290304)
    assert perimeter[0] == pytest.approx(12.192)
    line = shapely.LineString([(0, 0), (10, 0)])
    assert length_m(line, 'LOCAL_CS["site",UNIT["foot",0.3048]]') == pytest.approx(3.048)


def test_length_of_a_meridian():
    # The quarter meridian of WGS 84 is 10 001 965.73 m.
    assert length_m(shapely.LineString([(10, 0), (10, 90)]), WGS84) == pytest.approx(10_001_965.73, abs=0.01)


def test_pixels_at_the_centre():
    transform = Affine(10, 0, 500_000, 0, -10, 6_200_000)
    assert pixel_area_m2(transform, CRS.from_epsg(32632), (50, 50)) == pytest.approx(100.08, rel=1e-4)
    assert min_area_px(1000.0, transform, CRS.from_epsg(32632), (50, 50)) == pytest.approx(1000 / 100.08, rel=1e-4)
    # 0.1 m pixels of Web Mercator at 60° N.
    fine = Affine(0.1, 0, 0, 0, -0.1, 8_399_738)
    assert pixel_area_m2(fine, 3857, (0, 0)) == pytest.approx(0.01 / (1.99498 * 1.99833), rel=1e-4)


@pytest.mark.parametrize(
    ("transform", "crs"),
    [
        (Affine(10, 0, 500_000, 0, -10, 6_200_000), 4326),  # metres called degrees
        (Affine(0, 0, 500_000, 0, 0, 6_200_000), 32632),  # pixels without size
    ],
)
def test_a_wrong_georeference_is_an_error(transform, crs):
    with pytest.raises(InputError, match="georeference is wrong"):
        pixel_area_m2(transform, crs, (50, 50))


def test_no_place_on_the_ellipsoid_is_nan():
    area, perimeter = measure(box(500_000, 6_200_000, 500_010, 6_200_010), crs=4326)
    assert math.isnan(area[0])
    assert math.isnan(perimeter[0])


def test_nothing():
    area, perimeter = measure(crs=32632)
    assert area.shape == perimeter.shape == (0,)

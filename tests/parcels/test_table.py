import geopandas
import numpy as np
import pytest
import shapely
from affine import Affine
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays
from rasterio.crs import CRS

from isagrsc2.parcels import empty_segments, parcel_columns, to_parcels
from isagrsc2.scene.polygons import polygonise

UTM = CRS.from_epsg(32632)
TRANSFORM = Affine(10, 0, 500_000, 0, -10, 6_200_000)
DTYPES = {"parcel_id": "int64", "class_name": "str", "p_cultivated": "float64", "score": "float64", "round": "int64"}


def make_segments(labels):
    ids, polygons = polygonise(np.asarray(labels, np.int32))
    if len(ids) == 0:
        return empty_segments()
    count = len(ids)
    return geopandas.GeoDataFrame(
        {
            "parcel_id": ids.astype(np.int64),
            "class_name": ["cultivated"] * count,
            "p_cultivated": np.linspace(0, 1, count, dtype=np.float32),
            "score": np.linspace(1, 0, count, dtype=np.float32),
            "round": np.ones(count, np.int16),
        },
        geometry=list(polygons),
    )


def test_unit_squares_in_utm():
    # Four pixels of 10 m: 100 m² each within 0.1 %, as the map's scale is 0.9996.
    (parcels,) = to_parcels([make_segments([[1, 2], [3, 4]])], TRANSFORM, UTM, 1.5)
    assert list(parcels.columns) == [
        "parcel_id",
        "geometry",
        "class_name",
        "p_cultivated",
        "score",
        "round",
        "area_m2",
        "perimeter_m",
    ]
    np.testing.assert_allclose(parcels["area_m2"], 100, rtol=1e-3)
    np.testing.assert_allclose(parcels["perimeter_m"], 40, rtol=1e-3)
    assert parcels.crs.to_epsg() == 32632
    # Parcel 4 is column 1, row 1.
    assert parcels.geometry[3].equals(shapely.box(500_010, 6_199_980, 500_020, 6_199_990))
    assert parcels["parcel_id"].tolist() == [1, 2, 3, 4]


def test_without_crs_sizes_are_pixels():
    (parcels,) = to_parcels([make_segments([[1, 1], [3, 1]])], TRANSFORM, None, 0.0)
    assert list(parcels.columns) == parcel_columns(georeferenced=False)
    assert parcels["area_px"].tolist() == [3, 1]
    assert parcels["perimeter_px"].tolist() == [8, 4]
    assert parcels.crs is None
    assert parcels.geometry[1].equals(shapely.box(0, 1, 1, 2))


@pytest.mark.parametrize(
    ("transform", "crs"),
    [
        (Affine(1e-4, 0, 10, 0, -1e-4, 60), CRS.from_epsg(4326)),
        (Affine(20, 0, 0, 0, -20, 8_399_738), CRS.from_epsg(3857)),
        (Affine(8, 6, 500_000, 6, -8, 6_200_000), UTM),  # rotated
    ],
)
def test_sizes_on_the_ellipsoid(transform, crs):
    # At 60° N 0.0001° are 5.580 m x 11.141 m = 62.17 m²; 20 m of Web Mercator 400 / 3.9866 = 100.33 m²;
    # the rotated pixel's sides are 10 m: 100.08 m².
    (parcels,) = to_parcels([make_segments([[1, 1], [1, 2]])], transform, crs, 0.0)
    pixel = {4326: 62.17, 3857: 100.33, 32632: 100.08}[crs.to_epsg()]
    np.testing.assert_allclose(parcels["area_m2"], [3 * pixel, pixel], rtol=1e-3)


def test_shells_are_anticlockwise_in_the_map():
    labels = np.ones((5, 5), int)
    labels[2, 2] = 2
    for crs in (UTM, None):
        (parcels,) = to_parcels([make_segments(labels)], TRANSFORM, crs, 0.0)
        assert parcels.geometry[0].exterior.is_ccw
        assert not parcels.geometry[0].interiors[0].is_ccw


@settings(max_examples=50, deadline=None)
@given(
    arrays.arrays(np.int32, st.tuples(st.integers(1, 10), st.integers(1, 10)), elements=st.integers(0, 3)),
    st.sampled_from([(UTM, TRANSFORM), (CRS.from_epsg(4326), Affine(1e-6, 0, 10, 0, -1e-6, 60)), (None, TRANSFORM)]),
)
def test_any_partition(labels, frame):
    crs, transform = frame
    (parcels,) = to_parcels([make_segments(labels)], transform, crs, 1.5)
    geometries = parcels.geometry.to_numpy()
    assert shapely.is_valid(geometries).all()
    assert shapely.coverage_is_valid(geometries)
    assert shapely.area(geometries).sum() == pytest.approx(shapely.union_all(geometries).area, rel=1e-6)
    assert parcels.dtypes.drop("geometry").astype(str).to_dict() == DTYPES | dict.fromkeys(parcels.columns[-2:], "float64")


@pytest.mark.parametrize("crs", [UTM, None])
def test_no_parcel_keeps_the_schema(crs):
    (empty,) = to_parcels([empty_segments()], TRANSFORM, crs, 1.5)
    (some,) = to_parcels([make_segments([[1]])], TRANSFORM, crs, 1.5)
    assert len(empty) == 0
    assert list(empty.columns) == list(some.columns)
    assert (empty.dtypes == some.dtypes).all()
    assert empty.crs == some.crs

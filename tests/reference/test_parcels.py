import geopandas as gpd
import numpy as np
import pytest
import shapely
from hypothesis import given, settings
from hypothesis import strategies as st
from rasterio.windows import Window

from isagrsc2.errors import InputError
from isagrsc2.reference.parcels import reference_from_polygons

SHAPE = (8, 10)  # rows, columns
WHOLE = Window(0, 0, 10, 8)

coordinates = st.tuples(st.floats(-5, 15), st.floats(-5, 13))
triangles = st.lists(coordinates, min_size=3, max_size=3).map(shapely.Polygon)


def test_a_pixel_belongs_to_the_parcel_its_centre_lies_in():
    # Columns 1.6 to 4.4 hold the centres 2.5 and 3.5; rows 0.4 to 2 hold 0.5 and 1.5.
    reference = reference_from_polygons([shapely.box(1.6, 0.4, 4.4, 2)], [7], SHAPE, "test")
    expected = np.zeros(SHAPE, np.int32)
    expected[0:2, 2:4] = 7
    labels = reference.burner().burn(WHOLE)
    assert labels.dtype == np.int32
    np.testing.assert_array_equal(labels, expected)
    np.testing.assert_array_equal(reference.burner().burn(Window(3, 1, 4, 5)), expected[1:6, 3:7])


def test_earlier_parcels_keep_what_they_share_with_later_ones():
    polygons = [shapely.box(0, 0, 4, 4), shapely.box(2, 0, 6, 4), shapely.box(6, 0, 8, 4), shapely.box(1, 1, 3, 3)]
    reference = reference_from_polygons(polygons, [1, 2, 3, 4], SHAPE, "test")
    # 2 lies partly and 4 entirely on earlier ones; 3 only touches 2.
    assert reference.counts() == {"areas_only": False, "parcels": 4, "repaired": 0, "overlapping": 2, "outside": 0}
    assert reference.burner().burn(WHOLE)[2].tolist() == [1, 1, 1, 1, 2, 2, 3, 3, 0, 0]


def test_parcels_are_clipped_to_the_scene():
    polygons = [shapely.box(-5, -5, 2, 2), shapely.box(20, 20, 30, 30), shapely.box(8, 6, 99, 99)]
    reference = reference_from_polygons(polygons, [1, 2, 3], SHAPE, "test")
    assert reference.parcels["ref_id"].tolist() == [1, 3]
    assert reference.parcels.area.tolist() == [4, 4]
    assert reference.outside == 1


def test_a_parcel_cut_in_two_by_the_edge_stays_one():
    horseshoe = shapely.box(-4, 1, 3, 7) - shapely.box(-2, 3, 9, 5)
    reference = reference_from_polygons([horseshoe], [1], SHAPE, "test")
    assert reference.parcels.geometry[0].geom_type == "MultiPolygon"
    assert reference.parcels.area.tolist() == [3 * 2 * 2]


def test_invalid_polygons_are_repaired_and_counted():
    bow_tie = shapely.Polygon([(0, 0), (4, 4), (4, 0), (0, 4)])  # two triangles of 4 px²
    # An outline that runs over itself: a 6 x 4 box with a loop; nothing inside may become a hole.
    loop = shapely.Polygon([(0, 4), (6, 4), (6, 8), (3, 8), (3, 5), (5, 5), (5, 7), (0, 7)])
    reference = reference_from_polygons([bow_tie, loop, shapely.box(8, 0, 9, 1)], [1, 2, 3], SHAPE, "test")
    assert reference.repaired == 2
    assert reference.parcels.is_valid.all()
    assert reference.parcels.area[0] == 8
    labels = reference.burner().burn(WHOLE)
    assert labels[6, 4] == 2  # enclosed twice


def test_only_areas_are_parcels():
    mixed = shapely.GeometryCollection([shapely.box(0, 0, 2, 2), shapely.LineString([(0, 0), (9, 7)])])
    reference = reference_from_polygons([shapely.Point(1, 1), mixed], [1, 2], SHAPE, "test")
    assert reference.parcels["ref_id"].tolist() == [2]
    assert reference.parcels.area.tolist() == [4]
    with pytest.raises(InputError, match=r"lines\.gpkg holds no polygons"):
        reference_from_polygons([shapely.Point(1, 1)], [1], SHAPE, "lines.gpkg")


def test_third_coordinates_are_dropped():
    reference = reference_from_polygons([shapely.force_3d(shapely.box(0, 0, 2, 2), 5.0)], [1], SHAPE, "test")
    assert not reference.parcels.has_z.any()


def test_a_scene_may_have_no_parcels():
    reference = reference_from_polygons([], [], SHAPE, "test")
    assert isinstance(reference.parcels, gpd.GeoDataFrame)
    assert reference.counts() == {"areas_only": False, "parcels": 0, "repaired": 0, "overlapping": 0, "outside": 0}
    assert not reference.burner().burn(WHOLE).any()


def test_what_does_not_reach_into_the_scene_is_refused_with_both_extents():
    message = r"far.gpkg does not overlap.* 20, 30, 25, 32 .*, the scene 0, 0, 10, 8;"
    with pytest.raises(InputError, match=message):
        reference_from_polygons([shapely.box(20, 30, 25, 32)], [1], SHAPE, "far.gpkg")
    with pytest.raises(InputError, match="does not overlap"):  # longitude and latitude taken for pixels
        reference_from_polygons([shapely.box(9.1, 5.2, 9.2, 5.3)], [1], SHAPE, "degrees.geojson")


@settings(max_examples=50, deadline=None)
@given(st.lists(triangles, min_size=1, max_size=5), st.integers(1, 9))
def test_windows_are_cut_from_the_whole(polygons, side):
    try:
        reference = reference_from_polygons(polygons, range(1, len(polygons) + 1), SHAPE, "test")
    except InputError:
        return  # less than a pixel
    whole = reference.burner().burn(WHOLE)
    for row in range(0, 8, side):
        for column in range(0, 10, side):
            window = Window(column, row, min(side, 10 - column), min(side, 8 - row))
            np.testing.assert_array_equal(reference.burner().burn(window), whole[window.toslices()])


@settings(max_examples=50, deadline=None)
@given(triangles)
def test_shapely_finds_the_same_pixels(triangle):
    try:
        reference = reference_from_polygons([triangle], [1], SHAPE, "test")
    except InputError:
        return
    columns, rows = np.meshgrid(np.arange(10) + 0.5, np.arange(8) + 0.5)
    distance = shapely.distance(triangle.boundary, shapely.points(columns, rows))
    inside = shapely.contains_xy(triangle, columns, rows)
    clear = distance > 1e-6  # a centre on the border may go either way
    np.testing.assert_array_equal((reference.burner().burn(WHOLE) == 1)[clear], inside[clear])

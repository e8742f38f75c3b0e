import numpy as np
import shapely
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from isagrsc2.reference.keyholes import keyhole_ring, open_keyholes
from isagrsc2.scene.polygons import polygonise

SQUARE = shapely.box(0, 0, 10, 10)


def same(one, other):
    """Whether the rings are the same, wherever they begin."""
    return shapely.equals_exact(shapely.normalize(one), shapely.normalize(other), 0)


def twice(ring):
    """Vertices that a ring passes more than once."""
    vertices, passes = np.unique(ring, axis=0, return_counts=True)
    return {tuple(vertex) for vertex in vertices[passes > 1].tolist()}


def slit_of(polygon):
    return twice(keyhole_ring(polygon))


def test_without_holes_it_is_the_shell():
    assert sorted(keyhole_ring(SQUARE).tolist()) == [[0, 0], [0, 10], [10, 0], [10, 10]]
    assert same(open_keyholes(keyhole_ring(SQUARE)), SQUARE)


def test_the_slit_joins_the_nearest_vertices():
    polygon = SQUARE.difference(shapely.box(6, 6, 9, 9))
    assert slit_of(polygon) == {(10.0, 10.0), (9.0, 9.0)}
    assert len(keyhole_ring(polygon)) == 4 + 4 + 2
    assert tuple(keyhole_ring(polygon)[0]) not in slit_of(polygon)


def test_the_ring_covers_what_the_polygon_covers():
    polygon = SQUARE.difference(shapely.MultiPolygon([shapely.box(1, 1, 2, 2), shapely.box(4, 4, 8, 7)]))
    ring = keyhole_ring(polygon)
    assert shapely.Polygon(ring).area == polygon.area
    steps = zip(ring, np.roll(ring, -1, axis=0), strict=True)
    assert all(polygon.covers(shapely.LineString(step)) for step in steps)


def test_holes_that_touch_need_no_slit():
    # The second hole touches the first in a corner, the third touches the shell in one of its vertices.
    holes = [shapely.box(4, 4, 5, 5), shapely.box(5, 5, 6, 6), shapely.Polygon([(0, 0), (2, 1), (1, 2)])]
    polygon = shapely.Polygon(SQUARE.exterior, [hole.exterior for hole in holes])
    assert polygon.is_valid
    assert len(keyhole_ring(polygon)) == 4 + 3 + (4 + 2) + 4  # one slit, of two vertices
    assert same(open_keyholes(keyhole_ring(polygon)), polygon)


def test_it_does_not_matter_where_the_ring_begins_which_way_it_goes_and_whether_it_is_closed():
    polygon = SQUARE.difference(shapely.MultiPolygon([shapely.box(1, 1, 2, 2), shapely.box(4, 4, 8, 7)]))
    ring = keyhole_ring(polygon)
    for start in range(len(ring)):
        turned = np.roll(ring, start, axis=0)
        for one in (turned, turned[::-1], np.vstack([turned, turned[:1]])):
            assert same(open_keyholes(one), polygon)


def test_a_slit_that_was_pulled_open_is_still_a_hole():
    polygon = SQUARE.difference(shapely.box(6, 6, 9, 9))
    ring = keyhole_ring(polygon)
    corner = np.flatnonzero((ring == [10, 10]).all(axis=1))
    ring[corner[0]] = [10, 9.5]
    opened = open_keyholes(ring)
    assert opened.is_valid
    assert not opened.contains(shapely.Point(7, 7))
    assert polygon.area - 1 < opened.area < polygon.area


def test_outlines_drawn_by_hand_that_meet_themselves():
    # Two squares in one outline, and the same with the second gone round the other way.
    parts = [shapely.box(0, 0, 5, 5), shapely.box(5, 5, 9, 9)]
    eight = [(0, 0), (5, 0), (5, 5), (9, 5), (9, 9), (5, 9), (5, 5), (0, 5)]
    crossing = [(0, 0), (5, 0), (5, 5), (5, 9), (9, 9), (9, 5), (5, 5), (0, 5)]
    for outline in (eight, crossing):
        assert same(open_keyholes(np.array(outline, float)), shapely.MultiPolygon(parts))
    doubled = np.array([(0, 0), (0, 0), (5, 0), (5, 5), (5, 5), (0, 5), (0, 0)], float)
    assert same(open_keyholes(doubled), parts[0])
    line = np.array([(0, 0), (5, 5), (9, 9), (5, 5)], float)
    assert open_keyholes(line).area == 0


@given(arrays.arrays(bool, st.tuples(st.integers(1, 12), st.integers(1, 12))))
def test_every_polygon_comes_back_exactly(mask):
    """Shapes of pixels have all that can happen: holes in holes' corners, holes at the shell's corners."""
    _, polygons = polygonise(mask.astype(np.int32))
    for part in shapely.get_parts(polygons):
        ring = keyhole_ring(part)
        assert same(open_keyholes(ring), part)
        assert {tuple(vertex) for vertex in ring.tolist()} == {tuple(c) for c in shapely.get_coordinates(part).tolist()}
        assert tuple(ring[0].tolist()) not in twice(ring) or len(twice(ring)) == len(np.unique(ring, axis=0))


def test_many_holes():
    centres = [(x, y) for x in range(20) for y in range(20)]
    holes = [shapely.Point(10 * x + 5.3, 10 * y + 4.9).buffer(3, quad_segs=3).exterior for x, y in centres]
    polygon = shapely.Polygon([(0, 0), (200, 0), (200, 200), (0, 200)], holes)
    assert same(open_keyholes(keyhole_ring(polygon)), polygon)

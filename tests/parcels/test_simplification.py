import numpy as np
import pytest
import shapely
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays
from shapely import MultiPolygon, Polygon, box

from isagrsc2.parcels import simplify_batches, simplify_together
from isagrsc2.scene.polygons import polygonise


def outline(labels):
    return polygonise(np.asarray(labels, np.int32))[1]


def check(before, after, tolerance):
    """What must hold for every partition; GEOS's coverage validator is the oracle."""
    assert len(after) == len(before)
    assert shapely.is_valid(after).all()
    assert not shapely.is_empty(after).any()
    assert (shapely.area(after) > 0).all()
    assert shapely.coverage_is_valid(after)
    assert shapely.area(after).sum() == pytest.approx(shapely.union_all(after).area, rel=1e-6)
    frame = box(*shapely.total_bounds(before))
    assert shapely.covers(frame, after).all()
    np.testing.assert_array_equal(shapely.get_num_geometries(after), shapely.get_num_geometries(before))
    for one, two in zip(before, after, strict=True):
        assert one.boundary.hausdorff_distance(two.boundary) <= tolerance + 1e-9


def turned_fields(degrees, size=160, length=50, width=35):
    y, x = np.mgrid[:size, :size] + 0.5
    angle = np.radians(degrees)
    along = (x * np.cos(angle) + y * np.sin(angle) + size) // length
    across = (-x * np.sin(angle) + y * np.cos(angle) + size) // width
    return np.unique(along * 1000 + across, return_inverse=True)[1].reshape(size, size) + 1


def test_a_square_loses_its_superfluous_points():
    ragged = Polygon([(0, 0), (2, 0), (4, 0), (4, 4), (0, 4), (0, 1)])
    (square,) = simplify_together(np.array([ragged], dtype=object), 0.0)
    assert square.equals(box(0, 0, 4, 4))


def test_a_staircase_becomes_a_line():
    # Two parcels on either side of the diagonal of 40 x 40 px, their steps 1 px high: corners are at most 1 / sqrt(2) px
    # off the diagonal from corner to corner.
    size = 40
    labels = 1 + (np.add.outer(np.arange(size), np.arange(size)) >= size)
    below, above = simplify_together(outline(labels), 1.0)
    shared = shapely.intersection(below, above)
    assert shapely.get_num_coordinates(shapely.line_merge(shared)) <= 4
    assert shapely.get_num_coordinates(below) <= 7
    assert below.area + above.area == size * size


@pytest.mark.parametrize("degrees", [1, 2, 7, 20, 33, 45])
def test_turned_fields_have_straight_borders(degrees):
    before = outline(turned_fields(degrees))
    after = simplify_together(before, 1.5)
    check(before, after, 1.5)
    # A field in the middle has 4 corners, each a point of up to 4 parcels, and little more.
    inside = shapely.covered_by(after, box(1, 1, 159, 159))
    assert np.median(shapely.get_num_coordinates(after[inside])) <= 12


def test_exact_without_tolerance():
    before = outline(turned_fields(20))
    after = simplify_together(before, 0.0)
    check(before, after, 0.0)
    assert shapely.equals(before, after).all()


def test_neighbours_without_common_points_are_no_gap():
    # T-junctions: the large parcel has no point where the two small ones meet.
    before = np.array([box(0, 0, 4, 8), box(4, 0, 8, 3), box(4, 3, 8, 8)], dtype=object)
    assert not shapely.coverage_is_valid(before)
    after = simplify_together(before, 2.0)
    check(before, after, 2.0)
    assert shapely.equals(before, after).all()


@pytest.mark.parametrize("tolerance", [0.0, 1.0, 3.0, 50.0])
def test_tiny_parcels_stay(tolerance):
    # One pixel in the middle of a parcel, one in a corner, two on both sides of a corner, a strip of one pixel.
    labels = np.ones((12, 12), int)
    labels[5, 5] = 2
    labels[0, 0] = 3
    labels[8, 8] = labels[9, 9] = 4
    labels[:, 11] = 5
    labels[2:10, 2] = 6
    before = outline(labels)
    after = simplify_together(before, tolerance)
    check(before, after, tolerance)
    assert isinstance(after[3], MultiPolygon)


def test_islands_do_not_change_sides():
    # A parcel of one pixel stands free in a notch 3 px deep. At a tolerance of 3 px the notch could be closed: no border
    # would touch another, but the island would lie inside the other parcel.
    labels = [
        [1, 0, 0, 0, 0, 1],
        [1, 0, 0, 2, 0, 1],
        [1, 0, 0, 0, 0, 1],
        [1, 1, 1, 1, 1, 1],
    ]
    before = outline(labels)
    after = simplify_together(before, 3.0)
    check(before, after, 3.0)


def test_the_frame_stays_straight():
    before = outline(turned_fields(20))
    after = simplify_together(before, 4.0)
    assert shapely.union_all(after).equals(box(0, 0, 160, 160))


def test_groups_that_do_not_touch_and_rings_in_rings():
    labels = np.zeros((40, 60), int)
    labels[2:20, 2:20] = 1
    labels[5:17, 5:17] = 2
    labels[8:14, 8:14] = 0
    labels[10:12, 10:12] = 3
    y, x = np.mgrid[:40, :60]
    labels[(x - 42) ** 2 + (y - 20) ** 2 < 16**2] = 4
    labels[(x - 42) ** 2 + (y - 20) ** 2 < 6**2] = 5
    before = outline(labels)
    after = simplify_together(before, 1.5)
    check(before, after, 1.5)
    # The circle of radius 16 keeps its shape with few points: sagitta 1.5 px is a chord of 2 * sqrt(2 * 16 * 1.5) = 14 px.
    assert shapely.get_num_coordinates(after[3]) < 40 < shapely.get_num_coordinates(before[3])
    assert after[3].area == pytest.approx(before[3].area, rel=0.08)


@settings(max_examples=150, deadline=None)
@given(
    arrays.arrays(np.int32, st.tuples(st.integers(1, 12), st.integers(1, 12)), elements=st.integers(0, 4)),
    st.sampled_from([0.0, 0.7, 1.0, 1.5, 3.0, 20.0]),
)
def test_any_partition(labels, tolerance):
    before = outline(labels)
    after = simplify_together(before, tolerance)
    if len(before):
        check(before, after, tolerance)


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 2**32 - 1), st.integers(2, 25), st.sampled_from([1.0, 2.0, 5.0]))
def test_any_smooth_partition(seed, parcels, tolerance):
    # Voronoi cells with crooked borders, some of them left out, one in two pieces.
    random = np.random.default_rng(seed)
    points = random.uniform(0, 60, (parcels, 2))
    y, x = np.mgrid[:50, :60]
    x, y = x + 2 * np.sin(y / 3), y + 2 * np.cos(x / 4)
    nearest = ((x[..., None] - points[:, 0]) ** 2 + (y[..., None] - points[:, 1]) ** 2).argmin(axis=2)  # (50, 60)
    labels = np.maximum(nearest, 0) % max(parcels - 1, 1)
    before = outline(labels)
    after = simplify_together(before, tolerance)
    if len(before):
        check(before, after, tolerance)


def test_many_parcels():
    # 3600 parcels; nothing here is quadratic.
    labels = turned_fields(13, size=600, length=10, width=10)
    before = outline(labels)
    assert len(before) > 3000
    after = simplify_together(before, 1.5)
    assert shapely.is_valid(after).all()
    assert shapely.coverage_is_valid(after)


def test_what_is_not_along_pixels_is_refused():
    with pytest.raises(ValueError, match="not an integer"):
        simplify_together(np.array([box(0, 0, 1.5, 1)], dtype=object), 1.0)
    with pytest.raises(ValueError, match="neither horizontal nor vertical"):
        simplify_together(np.array([Polygon([(0, 0), (2, 0), (2, 2)])], dtype=object), 1.0)
    with pytest.raises(ValueError, match="must be polygons"):
        simplify_together(np.array([shapely.LineString([(0, 0), (2, 0)])], dtype=object), 1.0)


def test_nothing():
    assert len(simplify_together(np.array([], dtype=object), 1.0)) == 0


def in_batches(geometries, numbers, tolerance):
    """Simplify in batches given by a number for each polygon; the answer in the order of the polygons."""
    batches = [geometries[numbers == number] for number in range(numbers.max() + 1)]
    after = np.empty(len(geometries), object)
    for number, simplified in enumerate(simplify_batches(batches, tolerance)):
        after[numbers == number] = simplified
    return after


@given(
    labels=arrays.arrays(np.int32, arrays.array_shapes(min_dims=2, max_dims=2, max_side=9), elements=st.integers(0, 4)),
    tolerance=st.sampled_from([0.0, 0.75, 1.5, 4.0]),
    seed=st.integers(0, 20),
)
@settings(max_examples=200, deadline=None)
def test_any_partition_in_any_batches(labels, tolerance, seed):
    before = outline(np.kron(labels, np.ones((2, 2), np.int32)) if labels.size < 30 else labels)
    if len(before):
        numbers = np.random.default_rng(seed).integers(0, 3, len(before))
        check(before, in_batches(before, numbers, tolerance), tolerance)


@pytest.mark.parametrize("degrees", [2, 20, 33])
def test_batches_change_nothing_where_borders_keep_their_distance(degrees):
    before = outline(turned_fields(degrees))
    numbers = (shapely.bounds(before)[:, 1] // 40).astype(int)
    after = in_batches(before, numbers, 1.5)
    check(before, after, 1.5)
    assert shapely.equals_exact(shapely.normalize(after), shapely.normalize(simplify_together(before, 1.5))).all()


def test_batches_of_ragged_parcels_close_together():
    # Stripes 1 px wide whose steps lie side by side: borders would meet when simplified, also across batches.
    rng = np.random.default_rng(1)
    shift = np.cumsum(rng.integers(-1, 2, 120)) + 40
    labels = np.stack([(np.arange(80) > s).astype(int) + (np.arange(80) > s + 1) + (np.arange(80) > s + 2) + 1 for s in shift])
    before = outline(labels)
    for numbers in ([0, 1, 2, 3], [3, 1, 0, 2], [0, 1, 0, 1]):
        check(before, in_batches(before, np.array(numbers), 3.0), 3.0)


def test_batches_without_polygons_are_passed_over():
    square = np.array([box(0, 0, 2, 2)], object)
    first, second, third = simplify_batches([np.zeros(0, object), square, np.zeros(0, object)], 1.0)
    assert (len(first), len(third)) == (0, 0)
    assert second[0].equals(square[0])

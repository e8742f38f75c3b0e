"""Small regions go to their neighbours, whatever the order in which the scene becomes known."""

from collections.abc import Sequence

import numpy as np
import shapely
from hypothesis import given
from hypothesis import strategies as st

from isagrsc2.delineation.components import label_components
from isagrsc2.delineation.settling import Settling, polygonal, unite
from isagrsc2.scene.polygons import polygonise

COLUMN = 10.0  # px


def settle_at_once(regions: Sequence[shapely.Polygon], min_area: float) -> dict[int, shapely.Polygon]:
    settling = Settling(min_area, COLUMN)
    for label, region in enumerate(regions):
        settling.add(label, region)
    return dict(settling.settled([], np.inf))


def by_hand(regions: Sequence[shapely.Polygon], min_area: float) -> dict[int, shapely.Polygon]:
    """An oracle: pair by pair, in words of the definition."""
    large = {label: [region] for label, region in enumerate(regions) if region.area >= min_area}
    for region in regions:
        if region.area < min_area:
            borders = {label: region.intersection(own[0]).length for label, own in large.items()}
            longest = max(borders.values(), default=0)
            if longest > 0:
                tied = [label for label in borders if borders[label] == longest]
                large[min(tied, key=lambda label: (*regions[label].bounds[1::-1], regions[label].area))].append(region)
    return {label: shapely.union_all(np.array(own, object)) for label, own in large.items()}


def noise(seed: int, height: int, width: int) -> list[shapely.Polygon]:
    """A planar partition with holes and regions of a pixel; some pixels belong to none."""
    labels, _ = label_components(np.random.default_rng(seed).integers(0, 3, (height, width)).astype(np.int32))
    return list(polygonise(labels, (0, 0))[1])


def test_a_small_one_goes_where_its_border_is_longest() -> None:
    large, other = shapely.box(0, 0, 4, 4), shapely.box(4, 1, 8, 6)
    rest, lonely = shapely.box(4, 0, 6, 1), shapely.box(20, 20, 21, 21)  # the rest shares 1 px with one and 2 px with the other
    settled = settle_at_once([large, other, rest, lonely], min_area=5)
    assert settled.keys() == {0, 1}
    assert settled[0].equals(large)
    assert settled[1].equals(other.union(rest))


def test_of_equally_long_borders_the_upper_one_counts() -> None:
    large, other, rest = shapely.box(0, 0, 4, 4), shapely.box(4, 2, 8, 6), shapely.box(4, 0, 6, 2)
    assert settle_at_once([large, other, rest], min_area=5)[0].area == 20


def test_nothing_settles_beside_what_is_unfinished() -> None:
    settling = Settling(5, COLUMN)
    settling.add(1, shapely.box(0, 0, 4, 4))
    settling.add(2, shapely.box(4, 0, 6, 2))  # small
    settling.add(3, shapely.box(0, 4, 4, 8))  # large, and no small one beside it
    piece = shapely.box(6, 0, 8, 2)
    # The small one may yet share a longer border with the piece, so who could get it waits, too.
    assert [label for label, _ in settling.settled([piece], np.inf)] == [3]
    settling.add(4, shapely.box(6, 0, 9, 2))
    assert {label: region.area for label, region in settling.settled([], np.inf)} == {1: 16 + 4, 4: 6}


def test_nothing_settles_at_the_bottom() -> None:
    settling = Settling(5, COLUMN)
    settling.add(1, shapely.box(0, 0, 4, 4))
    assert list(settling.settled([], 4)) == []
    assert [label for label, _ in settling.settled([], 5)] == [1]
    assert list(settling.settled([], np.inf)) == []


def test_bands_go_to_the_right_and_back_again() -> None:
    settling = Settling(0, COLUMN)
    for label, (x, y) in enumerate([(25, 0), (12, 4), (8, 5), (14, 2), (0, 7)]):
        settling.add(label, shapely.box(x, y, x + 1, y + 1))
    assert [label for label, _ in settling.settled([], 20)] == [2, 4, 3, 1, 0]  # by columns, from top to bottom in each
    for label, x in enumerate([0, 12, 25]):
        settling.add(label, shapely.box(x, 20, x + 1, 21))
    assert [label for label, _ in settling.settled([], np.inf)] == [2, 1, 0]


@given(st.integers(0, 10_000), st.integers(1, 14), st.integers(1, 14), st.floats(0, 9))
def test_is_what_the_definition_says(seed: int, height: int, width: int, min_area: float) -> None:
    regions = noise(seed, height, width)
    expected, settled = by_hand(regions, min_area), settle_at_once(regions, min_area)
    assert settled.keys() == expected.keys()
    assert all(settled[label].equals(expected[label]) for label in expected)


@given(st.integers(0, 10_000), st.integers(2, 30), st.integers(1, 12), st.floats(0, 9), st.integers(1, 6))
def test_from_top_to_bottom_is_as_at_once(seed: int, height: int, width: int, min_area: float, step: int) -> None:
    """Bands of rows become known one after the other; a region is whole when the last of its rows is."""
    regions = noise(seed, height, width)
    settling, settled = Settling(min_area, COLUMN), {}
    known = 0
    for bottom in [*range(step, height, step), np.inf]:
        above = shapely.box(0, 0, width, min(bottom, height))
        unfinished = []
        for label, region in enumerate(regions):
            if known < region.bounds[3] <= bottom:
                settling.add(label, region)
            elif region.bounds[1] < bottom < region.bounds[3]:
                unfinished += list(shapely.get_parts(polygonal(region.intersection(above))))
        known = bottom
        settled |= dict(settling.settled(unfinished, bottom))
    expected = settle_at_once(regions, min_area)
    assert settled.keys() == expected.keys()
    assert all(settled[label].equals(expected[label]) for label in expected)


def test_vertices_in_the_middle_of_an_edge_go() -> None:
    (region,) = unite([shapely.box(0, 0, 2, 2), shapely.box(2, 0, 3, 2)])
    assert shapely.get_num_coordinates(region) == 5
    assert unite([]) == []
    parts = unite([shapely.box(0, 0, 1, 1), shapely.box(5, 5, 7, 7)])
    assert [part.area for part in parts] == [4, 1]

"""Polygons are the labels, without loss: hand cases, then rasterising what was polygonised."""

import numpy as np
import pytest
import shapely
from affine import Affine
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from rasterio.features import rasterize

from isagrsc2.scene.polygons import polygonise, rasterise

LABELS = arrays(np.int32, st.tuples(st.integers(1, 9), st.integers(1, 9)), elements=st.integers(0, 3))
OFFSETS = st.tuples(st.integers(-50, 5000), st.integers(-50, 5000))


def test_one_pixel_is_a_unit_square() -> None:
    labels = np.zeros((4, 5), np.int32)
    labels[1, 3] = 7  # row 1, column 3: x from 3 to 4, y from 1 to 2
    ids, polygons = polygonise(labels, (10, 20))
    assert ids.tolist() == [7]
    assert polygons[0].equals(shapely.box(13, 21, 14, 22))


def test_a_hole_is_a_hole() -> None:
    labels = np.ones((3, 3), np.int32)
    labels[1, 1] = 0
    _, (polygon,) = polygonise(labels)
    assert polygon.geom_type == "Polygon"
    assert polygon.equals(shapely.box(0, 0, 3, 3) - shapely.box(1, 1, 2, 2))
    assert polygon.area == 8


def test_pixels_that_meet_at_a_corner_are_two_parts() -> None:
    _, (polygon,) = polygonise(np.array([[1, 0], [0, 1]], np.int32))
    assert polygon.geom_type == "MultiPolygon"
    assert polygon.area == 2
    assert polygon.is_valid


def test_holes_that_meet_at_a_corner_are_valid() -> None:
    labels = np.ones((4, 4), np.int32)
    labels[1, 1] = labels[2, 2] = 0
    _, (polygon,) = polygonise(labels)
    assert polygon.is_valid
    assert polygon.area == 14


def test_nothing() -> None:
    ids, polygons = polygonise(np.zeros((3, 3), np.int32))
    assert ids.tolist() == []
    assert polygons.shape == (0,)
    assert not rasterise(ids, polygons, (3, 3)).any()


def test_a_window_shows_its_part() -> None:
    box = np.array([shapely.box(10, 10, 12, 12)])
    assert rasterise(np.ones(1, int), box, (3, 3), offset=(11, 9)).tolist() == [[0, 0, 0], [1, 0, 0], [1, 0, 0]]


def test_large_labels_survive() -> None:
    labels = np.array([[2**31 - 1, 2**24 + 1, 2**24 + 2]], np.int32)
    ids, polygons = polygonise(labels)
    assert ids.tolist() == sorted(labels[0].tolist())
    assert np.array_equal(rasterise(ids, polygons, labels.shape), labels)


@given(LABELS, OFFSETS)
def test_rasterising_the_polygons_gives_the_labels(labels: np.ndarray, offset: tuple[int, int]) -> None:
    ids, polygons = polygonise(labels, offset)
    assert ids.tolist() == [value for value in (1, 2, 3) if (labels == value).any()]
    assert shapely.is_valid(polygons).all()
    assert shapely.area(polygons).tolist() == [(labels == value).sum() for value in ids]
    assert np.array_equal(rasterise(ids, polygons, labels.shape, offset), labels)
    # Pixel edges are whole numbers: no vertex is rounded.
    assert all(np.array_equal(corners, np.round(corners)) for corners in map(shapely.get_coordinates, polygons))


@given(LABELS)
def test_polygons_of_different_labels_share_no_area(labels: np.ndarray) -> None:
    _, polygons = polygonise(labels)
    assert shapely.area(polygons).sum() == pytest.approx(shapely.union_all(polygons).area)


@given(LABELS, OFFSETS, st.integers(-3, 6), st.integers(-3, 6), st.integers(1, 12), st.integers(1, 12))
def test_a_partition_is_burnt_the_same_in_any_window(
    labels: np.ndarray, offset: tuple[int, int], dx: int, dy: int, height: int, width: int
) -> None:
    ids, polygons = polygonise(labels, offset)
    ids[ids == 2] *= -1  # below zero too
    # Whichever way round outlines are written.
    polygons = np.array([polygon.reverse() if row % 2 else polygon for row, polygon in enumerate(polygons)] + [None], object)[
        :-1
    ]
    window = offset[0] + dx, offset[1] + dy
    burnt = rasterise(ids, polygons, (height, width), window)
    expected = np.zeros((height, width), np.int32)
    if len(ids):
        pairs = zip(polygons, ids.tolist(), strict=True)
        rasterize(pairs, out=expected, transform=Affine.translation(*window))
    assert np.array_equal(burnt, expected)
    assert burnt.dtype == np.int32


def test_an_empty_partition() -> None:
    assert not rasterise(np.zeros(0, int), np.zeros(0, object), (2, 3)).any()

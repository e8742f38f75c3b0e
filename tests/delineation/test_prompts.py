"""Where to ask: by hand in small residuals, then what holds for every residual."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from scipy import ndimage

from isagrsc2.delineation.prompts import TURNS, GridPoints, ResidualPoints, depth_inside

# Blocks of 3 x 3 px: residuals with some depth.
RESIDUALS = arrays(np.bool_, st.tuples(st.integers(1, 8), st.integers(1, 8))).map(
    lambda blocks: np.repeat(np.repeat(blocks, 3, axis=0), 3, axis=1)
)


def exact_depth(mask: np.ndarray) -> np.ndarray:
    return ndimage.distance_transform_edt(np.pad(mask, 1))[1:-1, 1:-1]


def test_grid_of_two_by_two() -> None:
    # Cells of 10 x 5 px: centres at 5, 15 and 2.5, 7.5; row by row, x first.
    points = GridPoints(2).points(np.ones((10, 20), bool))
    assert points.tolist() == [[5, 2.5], [15, 2.5], [5, 7.5], [15, 7.5]]


def test_grid_asks_whatever_is_left() -> None:
    assert len(GridPoints(3).points(np.zeros((6, 6), bool))) == 9


def test_depth_of_a_bar() -> None:
    # Three rows inside five: 1 from the edge, 2 in the middle; 1 and 2 from the frame at both ends.
    mask = np.zeros((5, 5), bool)
    mask[1:4] = True
    assert depth_inside(mask).tolist() == [[0] * 5, [1] * 5, [1, 2, 2, 2, 1], [1] * 5, [0] * 5]


@given(RESIDUALS)
def test_depth_is_the_euclidean_distance(mask: np.ndarray) -> None:
    np.testing.assert_allclose(depth_inside(mask), exact_depth(mask), rtol=0.03)


def test_depth_far_inside() -> None:
    depth = depth_inside(np.ones((301, 201), bool))
    assert depth.max() == pytest.approx(101)  # from the middle column to the frame
    np.testing.assert_allclose(depth, exact_depth(np.ones((301, 201), bool)), rtol=0.03)


def test_in_the_open_points_are_the_centres_of_cells() -> None:
    # 8 x 16 px in cells of 8: near the frame the depth is cut off at 4, reached at rows and columns 3, 4 (counted from 0).
    points = ResidualPoints(spacing=8, min_depth=1).points(np.ones((8, 16), bool))
    assert sorted(points.tolist()) == [[3.5, 3.5], [11.5, 3.5]]


def test_in_what_is_left_points_go_to_the_middle() -> None:
    residual = np.zeros((9, 16), bool)
    residual[2:7] = True  # a band of five rows: the middle is row 4
    points = ResidualPoints(spacing=16, min_depth=2).points(residual)
    assert points.tolist() == [[7.5, 4.5]]  # the cell's middle columns are 7 and 8


def test_what_is_thin_is_not_asked() -> None:
    residual = np.zeros((9, 16), bool)
    residual[3:6] = True  # three rows: depth 2 in the middle
    assert len(ResidualPoints(spacing=16, min_depth=2).points(residual)) == 1
    assert len(ResidualPoints(spacing=16, min_depth=2.1).points(residual)) == 0


def test_of_cells_whose_turn_it_is_the_deepest_comes_first() -> None:
    residual = np.zeros((20, 100), bool)
    residual[5:10, 2:10] = True  # depth 3
    residual[2:18, 82:98] = True  # depth 8, four cells on
    first, second = ResidualPoints(spacing=20, min_depth=2).points(residual).tolist()
    assert (first[0] // 20, second[0] // 20) == (4, 0)


def test_neighbours_come_far_apart() -> None:
    points = ResidualPoints(spacing=4, min_depth=0).points(np.ones((32, 32), bool))
    cells = (points // 4).astype(int)  # 8 x 8 cells, four to a turn
    assert sorted(TURNS.ravel().tolist()) == list(range(16))
    for first in range(0, 64, 4):
        apart = np.abs(cells[first : first + 4, None] - cells[None, first : first + 4]).max(axis=2)
        assert sorted(apart[~np.eye(4, dtype=bool)].tolist()) == [4] * 12
    # One turn after the other: half of the time, two cells on in both directions.
    on = np.abs(np.diff(cells[::4] % 4, axis=0))
    assert (on == 2).all(axis=1).sum() == 8


def test_two_strips_in_one_cell_are_both_asked() -> None:
    residual = np.zeros((16, 16), bool)
    residual[1:8, 1:15] = True  # 7 rows
    residual[9:14, 1:15] = True  # 5 rows, not as deep
    points = ResidualPoints(spacing=16, min_depth=2).points(residual)
    assert points[:, 1].tolist() == [4.5, 11.5]


def test_points_deeper_than_half_a_cell_are_asked() -> None:
    assert len(ResidualPoints(spacing=4, min_depth=5).points(np.ones((20, 20), bool))) > 0


def test_nothing_left_nothing_asked() -> None:
    assert ResidualPoints(spacing=8, min_depth=0).points(np.zeros((10, 10), bool)).shape == (0, 2)


@given(RESIDUALS, st.integers(2, 12), st.sampled_from([0.0, 1.0, 2.0, 3.0]))
def test_points_lie_deep_in_the_residual(residual: np.ndarray, spacing: int, min_depth: float) -> None:
    points = ResidualPoints(spacing, min_depth).points(residual)
    columns, rows = points.astype(int).T
    assert residual[rows, columns].all()
    depth = exact_depth(residual)[rows, columns]
    assert (depth >= 0.97 * min_depth).all()
    assert len(np.unique(points, axis=0)) == len(points)
    # In each turn the deepest first, within what depth_inside is exact to.
    turns = TURNS[rows // spacing % 4, columns // spacing % 4]
    assert (np.diff(turns) >= 0).all()
    assert (depth[1:] <= 1.04 * depth[:-1])[np.diff(turns) == 0].all()


@given(RESIDUALS, st.integers(2, 12), st.sampled_from([1.0, 2.0, 3.0]))
def test_every_component_deep_enough_gets_a_point(residual: np.ndarray, spacing: int, min_depth: float) -> None:
    points = ResidualPoints(spacing, min_depth).points(residual)
    columns, rows = points.astype(int).T
    asked = np.zeros(residual.shape, bool)
    asked[rows, columns] = True
    labels, count = ndimage.label(residual)
    deep = depth_inside(residual) >= min_depth
    for component in range(1, count + 1):
        assert asked[labels == component].any() == deep[labels == component].any()


@given(st.integers(1, 40), st.integers(1, 40), st.integers(2, 12))
def test_no_more_points_than_cells_in_one_component(height: int, width: int, spacing: int) -> None:
    points = ResidualPoints(spacing, 0.0).points(np.ones((height, width), bool))
    cells = (points // spacing).astype(int)
    assert len(np.unique(cells, axis=0)) == len(points) == -(-height // spacing) * -(-width // spacing)

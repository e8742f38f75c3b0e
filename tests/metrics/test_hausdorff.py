import numpy as np
import pytest
from scipy.spatial.distance import directed_hausdorff

from isagrsc2.metrics.hausdorff import HausdorffCounts, count_hausdorff, hausdorff_distance
from isagrsc2.metrics.outlines import find_outlines
from isagrsc2.metrics.scale import PIXELS, Scale


def squares(*corners):
    raster = np.zeros((30, 40), int)
    for number, (row, column) in enumerate(corners, 1):
        raster[row : row + 8, column : column + 8] = number
    return find_outlines(raster)


def test_squares_that_are_moved():
    pairs = np.array([1, 2]), np.array([1, 2])
    predicted, reference = squares((2, 2), (10, 20)), squares((2, 5), (10, 20))
    # Moved by 3 px: the columns at the sides, 8 of 28 px each way, have no other outline nearer than 3 px.
    assert count_hausdorff(predicted, reference, pairs, PIXELS) == HausdorffCounts(0, 0.0, 2, 3.0)
    metres = Scale("m", height=5, width=10, area=50)
    counts = count_hausdorff(predicted, reference, pairs, metres)
    assert counts == HausdorffCounts(2, 30.0, 0, 0.0)
    assert counts.ratios() == {"hausdorff_95_m": (30.0, 2), "hausdorff_95_px": (0.0, 0)}
    assert counts + HausdorffCounts(1, 2.0, 3, 4.0) == HausdorffCounts(3, 32.0, 3, 4.0)


def test_a_few_odd_pixels_do_not_decide():
    straight = np.stack([np.zeros(100), np.arange(100)], axis=1)
    spike = np.concatenate([straight, [[50.0, 20]]])
    assert hausdorff_distance(spike, straight, 95) == 0
    assert hausdorff_distance(spike, straight, 100) == hausdorff_distance(straight, spike, 100) == 50


def test_scipy_says_the_same_of_the_maximum():
    rng = np.random.default_rng(0)
    for _ in range(20):
        one, other = rng.normal(size=(rng.integers(1, 40), 2)), rng.normal(size=(rng.integers(1, 40), 2))
        expected = max(directed_hausdorff(one, other)[0], directed_hausdorff(other, one)[0])
        assert hausdorff_distance(one, other, 100) == pytest.approx(expected, abs=1e-12)


def test_no_pairs():
    nobody = np.zeros(0, int), np.zeros(0, int)
    assert count_hausdorff(squares((2, 2)), squares((2, 2)), nobody, PIXELS) == HausdorffCounts(0, 0.0, 0, 0.0)

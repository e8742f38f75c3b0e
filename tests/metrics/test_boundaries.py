import numpy as np
import pytest

from isagrsc2.metrics.boundaries import NO_BOUNDARIES, BoundaryCounts, count_boundaries
from isagrsc2.metrics.outlines import find_outlines
from isagrsc2.metrics.scale import PIXELS, Scale


def count(predicted, reference, tolerance, scale=PIXELS):
    return count_boundaries(find_outlines(np.array(predicted)), find_outlines(np.array(reference)), scale, tolerance)


def line(parts):
    """One row: (id, length), ..."""
    ids, lengths = zip(*parts, strict=True)
    return np.repeat(ids, lengths)[None]


def test_a_border_that_is_off_by_two_pixels():
    reference, predicted = line([(1, 5), (2, 5)]), line([(1, 7), (2, 3)])  # borders 4|5 and 6|7
    assert count(predicted, reference, 0) == BoundaryCounts(2, 0, 2, 0)
    assert count(predicted, reference, 1) == BoundaryCounts(2, 1, 2, 1)  # px 5 and 6
    assert count(predicted, reference, 2) == BoundaryCounts(2, 2, 2, 2)
    assert [count(predicted, reference, tolerance).f1 for tolerance in (0, 1, 2)] == [0, 0.5, 1]


def test_the_tolerance_is_a_length_and_pixels_may_be_oblong():
    reference, predicted = line([(1, 5), (2, 5)]), line([(1, 7), (2, 3)])
    wide = Scale("m", height=1, width=10, area=10)
    assert count(predicted, reference, 10, wide).f1 == 0.5
    assert count(predicted.T, reference.T, 2, wide).f1 == 1


def test_precision_and_recall():
    reference, predicted = line([(1, 5), (2, 5)]), line([(1, 5), (2, 2), (3, 3)])  # one border found, one invented
    counts = count(predicted, reference, 0)
    assert counts.ratios() == {"boundary_precision": (2, 4), "boundary_recall": (2, 2)}
    assert counts.f1 == pytest.approx(2 / 3)
    assert count(reference, predicted, 0).ratios() == {"boundary_precision": (2, 2), "boundary_recall": (2, 4)}


def test_undefined_and_zero():
    nothing, one = np.zeros((3, 3), int), np.eye(3, dtype=int)
    assert count(nothing, nothing, 1) == NO_BOUNDARIES
    assert count(nothing, nothing, 1).f1 is None
    assert count(np.ones((3, 3), int), nothing, 1).f1 is None  # cut off by the raster everywhere
    assert count(one, nothing, 1).f1 == count(nothing, one, 1).f1 == 0
    assert count(one, one, 0).f1 == 1
    assert BoundaryCounts(1, 2, 3, 4) + BoundaryCounts(10, 20, 30, 40) == BoundaryCounts(11, 22, 33, 44)

import numpy as np

from isagrsc2.metrics.coverage import CoverageCounts, count_coverage
from isagrsc2.metrics.overlaps import count_overlaps


def test_coverage_is_a_share_of_the_valid_pixels():
    predicted = np.array([[1, 1, 2, 0, 0, 3]])
    valid = np.array([[True, True, True, True, True, False]])
    counts = count_coverage(count_overlaps(predicted, np.zeros_like(predicted), valid))
    assert counts == CoverageCounts(covered=3, valid=5)
    assert counts.share == 0.6


def test_counts_add_and_nothing_valid_is_undefined():
    assert CoverageCounts(1, 4) + CoverageCounts(2, 6) == CoverageCounts(3, 10)
    assert CoverageCounts(0, 0).share is None

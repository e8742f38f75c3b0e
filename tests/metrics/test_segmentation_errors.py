import numpy as np
import pytest

from isagrsc2.metrics.overlaps import count_overlaps
from isagrsc2.metrics.segmentation_errors import NO_SEGMENTATION_ERRORS, count_segmentation_errors


def count(predicted, reference):
    return count_segmentation_errors(count_overlaps(np.array(predicted), np.array(reference)))


def test_a_parcel_that_is_cut_up_is_over_segmented():
    counts = count([[1, 1, 1, 2]], [[5, 5, 5, 5]])  # the larger piece holds 3/4
    assert (counts.mean_over, counts.mean_under) == (0.25, 0.0)
    assert counts.mean_total == pytest.approx((0.25**2 / 2) ** 0.5)


def test_parcels_that_run_together_are_under_segmented():
    counts = count([[1, 1, 1, 1]], [[5, 5, 5, 6]])
    assert (counts.mean_over, counts.mean_under) == (0.0, (1 / 4 + 3 / 4) / 2)
    by_area = {name: part / whole for name, (part, whole) in counts.ratios().items() if name.endswith("by_area")}
    assert by_area["under_segmentation_by_area"] == (3 * 1 / 4 + 1 * 3 / 4) / 4
    assert by_area["over_segmentation_by_area"] == 0
    assert by_area["segmentation_error_by_area"] == pytest.approx(by_area["under_segmentation_by_area"] / 2**0.5)


def test_of_equal_shares_the_smaller_parcel_is_meant_whatever_its_id():
    for ids in ((1, 2), (2, 1)):
        counts = count([[ids[0], ids[0], ids[1], 0, ids[0], ids[0]]], [[5, 0, 5, 0, 0, 0]])
        assert (counts.mean_over, counts.mean_under) == (0.5, 0.0)


def test_a_parcel_that_is_not_touched_is_left_out():
    counts = count([[1, 1, 0, 0]], [[5, 5, 0, 6]])
    assert (counts.reference, counts.area) == (1, 2)
    assert (counts.mean_over, counts.mean_under, counts.mean_total) == (0, 0, 0)


def test_counts_add_and_nothing_is_undefined():
    counts = count([[1, 1, 1, 2]], [[5, 5, 5, 5]])
    assert (counts + counts).mean_over == counts.mean_over
    assert counts + NO_SEGMENTATION_ERRORS == counts
    for nothing in (count([[0, 0]], [[0, 0]]), count([[0, 0]], [[1, 1]]), count([[1, 1]], [[0, 0]])):
        assert nothing == NO_SEGMENTATION_ERRORS
        assert (nothing.mean_over, nothing.mean_under, nothing.mean_total) == (None, None, None)

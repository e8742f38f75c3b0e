import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from isagrsc2.metrics import overlaps
from isagrsc2.metrics.overlaps import Overlaps, count_overlaps, sum_overlaps

PREDICTED = np.array([[1, 1, 0], [1, 2, 2]])
REFERENCE = np.array([[7, 7, 7], [0, 7, 9]])

labels = arrays(np.int32, (6, 8), elements=st.integers(0, 4))
masks = arrays(bool, (6, 8))


def table(overlaps: Overlaps) -> dict[tuple[int, int], int]:
    pairs = zip(overlaps.predicted.tolist(), overlaps.reference.tolist(), strict=True)
    return dict(zip(pairs, overlaps.pixels.tolist(), strict=True))


def test_pairs_of_labels_are_counted_with_the_background():
    assert table(count_overlaps(PREDICTED, REFERENCE)) == {(1, 7): 2, (0, 7): 1, (1, 0): 1, (2, 7): 1, (2, 9): 1}


def test_pixels_that_are_not_valid_are_not_counted():
    valid = np.array([[True, False, True], [False, True, False]])
    assert table(count_overlaps(PREDICTED, REFERENCE, valid)) == {(1, 7): 1, (0, 7): 1, (2, 7): 1}


def test_areas_and_ious():
    overlaps = count_overlaps(PREDICTED, REFERENCE)
    assert [column.tolist() for column in overlaps.predicted_areas()] == [[1, 2], [3, 2]]
    assert [column.tolist() for column in overlaps.reference_areas()] == [[7, 9], [4, 1]]
    rows, columns, ious = overlaps.ious()
    # 1 and 7: 2 / (3 + 4 - 2); 2 and 7: 1 / (2 + 4 - 1); 2 and 9: 1 / (2 + 1 - 1)
    assert list(zip(rows.tolist(), columns.tolist(), ious.tolist(), strict=True)) == [
        (0, 0, 0.4),
        (1, 0, 0.2),
        (1, 1, 0.5),
    ]


def test_parcels_that_are_not_kept_become_background():
    kept = count_overlaps(PREDICTED, REFERENCE).keep_predicted(np.array([2]))
    assert table(kept) == {(0, 7): 3, (0, 0): 1, (2, 7): 1, (2, 9): 1}


def test_ids_may_be_large():
    large = np.array([[2**31 - 1, 0]], np.int32)
    assert table(count_overlaps(large, large.astype(np.uint32) * 2)) == {(2**31 - 1, 2**32 - 2): 1, (0, 0): 1}


@settings(deadline=None)
@given(labels, labels, masks)
def test_brute_force_counts_the_same(predicted, reference, valid):
    expected: dict[tuple[int, int], int] = {}
    for left, right, counts in zip(predicted.ravel().tolist(), reference.ravel().tolist(), valid.ravel(), strict=True):
        if counts:
            expected[left, right] = expected.get((left, right), 0) + 1
    assert table(count_overlaps(predicted, reference, valid)) == expected


@settings(deadline=None)
@given(labels, labels, masks, st.integers(0, 6), st.integers(0, 8))
def test_tiles_add_up_to_the_whole(predicted, reference, valid, row, column):
    quarters = [(rows, columns) for rows in (slice(0, row), slice(row, 6)) for columns in (slice(0, column), slice(column, 8))]
    parts = [count_overlaps(predicted[part], reference[part], valid[part]) for part in quarters]
    whole = table(count_overlaps(predicted, reference, valid))
    assert table(sum_overlaps(parts)) == whole
    assert table(parts[0] + parts[1] + parts[2] + parts[3]) == whole


@settings(deadline=None)
@given(labels, labels, masks, st.integers(1, 6))
def test_bands_make_no_difference(predicted, reference, valid, rows):
    whole = table(count_overlaps(predicted, reference, valid))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(overlaps, "BAND", rows)
        assert table(count_overlaps(predicted, reference, valid)) == whole


@settings(deadline=None)
@given(labels, labels)
def test_overlaps_are_symmetric(predicted, reference):
    forth, back = count_overlaps(predicted, reference), count_overlaps(reference, predicted)
    assert table(forth) == {(left, right): pixels for (right, left), pixels in table(back).items()}
    np.testing.assert_array_equal(np.sort(forth.ious()[2]), np.sort(back.ious()[2]))


def test_no_tiles_have_no_overlaps():
    assert table(sum_overlaps([])) == {}
    assert table(count_overlaps(PREDICTED, REFERENCE, np.zeros((2, 3), bool))) == {}


def test_rasters_of_different_shape_are_refused():
    with pytest.raises(ValueError, match="differ in shape"):
        count_overlaps(PREDICTED, REFERENCE[:1])
    with pytest.raises(ValueError, match="differ in shape"):
        count_overlaps(PREDICTED, REFERENCE, np.ones((3, 2), bool))

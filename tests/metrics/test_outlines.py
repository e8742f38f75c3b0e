import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from isagrsc2.metrics import outlines
from isagrsc2.metrics.outlines import OUTSIDE, find_outlines, join_outlines, outlines_of_block

labels = arrays(np.int32, (7, 9), elements=st.integers(0, 3))
masks = arrays(bool, (7, 9))


def listed(found):
    rows = zip(found.ids.tolist(), found.places.tolist(), found.boundary.tolist(), strict=True)
    return sorted((number, tuple(place), inner) for number, place, inner in rows)


def test_by_hand():
    raster = np.array([[1, 1, 1, 2], [1, 1, 1, 2], [1, 1, 1, 2]])
    # The middle pixel of parcel 1 is inside. Its left column ends with the raster: outline, but no boundary.
    left = [(1, (row, 0), False) for row in range(3)] + [(1, (0, 1), False), (1, (2, 1), False)]
    right = [(number, (row, column), True) for number, column in ((1, 2), (2, 3)) for row in range(3)]
    assert listed(find_outlines(raster)) == sorted(left + right)


def test_where_pixels_are_not_valid_there_is_no_boundary():
    raster, valid = np.array([[1, 1, 0, 2]]), np.array([[True, True, False, True]])
    assert listed(find_outlines(raster, valid)) == [(1, (0, 0), False), (1, (0, 1), False), (2, (0, 3), False)]
    assert [inner for _, _, inner in listed(find_outlines(raster))] == [False, True, True]


@given(labels, masks)
def test_plain_loops_find_the_same(raster, valid):
    expected = []
    for row, column in np.argwhere(valid & (raster > 0)).tolist():
        around = [(row - 1, column), (row + 1, column), (row, column - 1), (row, column + 1)]
        there = [place for place in around if 0 <= place[0] < 7 and 0 <= place[1] < 9 and valid[place]]
        other = [raster[place] != raster[row, column] for place in there]
        if any(other) or len(there) < 4:
            expected.append((int(raster[row, column]), (row, column), any(other)))
    assert listed(find_outlines(raster, valid)) == sorted(expected)


@given(labels, masks, st.integers(1, 7))
def test_bands_and_blocks_make_no_difference(raster, valid, rows):
    whole = listed(find_outlines(raster, valid))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(outlines, "BAND", rows)
        assert listed(find_outlines(raster, valid)) == whole
    rimmed = np.pad(np.where(valid, raster, OUTSIDE), 1, constant_values=OUTSIDE)
    blocks = [outlines_of_block(rimmed[:, start : start + 5], (0, start)) for start in (0, 3, 6)]
    assert listed(join_outlines(blocks)) == whole


def test_parcels_that_are_not_kept_are_left_out_and_the_others_stay_as_they_are():
    raster = np.array([[1, 2, 2, 3]])
    kept = find_outlines(raster).keep(np.array([2, 9]))
    assert listed(kept) == [(2, (0, 1), True), (2, (0, 2), True)]


def test_no_parcels_and_rasters_that_do_not_fit():
    assert listed(find_outlines(np.zeros((3, 3), int))) == []
    assert listed(join_outlines([])) == []
    with pytest.raises(ValueError, match="differ in shape"):
        find_outlines(np.zeros((3, 3), int), np.ones((3, 4), bool))

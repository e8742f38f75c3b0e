from collections import Counter

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from isagrsc2.scene.superres.reduction import reduce_labels, reduce_mask, reduce_partition


def enlarged(raster, scale):
    return raster.repeat(scale, axis=0).repeat(scale, axis=1)


def blocks_of(scale, values):
    sides = st.tuples(st.integers(1, 5), st.integers(1, 5)).map(lambda shape: (shape[0] * scale, shape[1] * scale))
    return arrays.arrays(np.int32, sides, elements=values)


def test_most_of_a_block_wins():
    labels = np.array([[1, 1, 0, 0], [1, 2, 0, 7]], np.int32)
    assert reduce_labels(labels, 2).tolist() == [[1, 0]]


def test_in_a_tie_labels_come_before_nothing_and_smaller_ones_first():
    labels = np.array([[5, 3, 0, 9, 4, 0], [3, 5, 9, 0, 6, 0]], np.int32)
    # 3 and 5 twice each; 9 and nothing twice each; 4 and 6 once, nothing twice.
    assert reduce_labels(labels, 2).tolist() == [[3, 9, 0]]


@given(st.integers(1, 4).flatmap(lambda scale: st.tuples(st.just(scale), blocks_of(scale, st.integers(0, 4)))))
def test_labels_by_counting(drawn):
    scale, labels = drawn
    reduced = reduce_labels(labels, scale)
    assert reduced.dtype == np.int32
    for row, column in np.ndindex(reduced.shape):
        block = labels[row * scale : (row + 1) * scale, column * scale : (column + 1) * scale]
        counts = Counter(block.ravel().tolist())
        expected = min(counts, key=lambda label: (-counts[label], label == 0, label))
        assert reduced[row, column] == expected


@given(arrays.arrays(np.int32, (4, 5), elements=st.integers(0, 3)), st.integers(1, 5))
def test_what_was_enlarged_comes_back(labels, scale):
    assert np.array_equal(reduce_labels(enlarged(labels, scale), scale), labels)
    assert np.array_equal(reduce_mask(enlarged(labels > 0, scale), scale), labels > 0)


def test_half_of_a_block_is_enough_for_a_mask():
    mask = np.array([[1, 1, 1, 0], [0, 0, 0, 0]], bool)
    assert reduce_mask(mask, 2).tolist() == [[True, False]]


def test_a_segment_that_falls_apart_becomes_several_and_its_crumbs_go():
    """Segment 1: two fields and a crumb, joined by paths a quarter of a pixel wide; segment 2 lies beside."""
    labels = np.zeros((16, 40), np.int32)
    labels[0:16, 0:12] = 1
    labels[0:16, 16:28] = 1
    labels[0:4, 32:36] = 1
    labels[6, 12:16] = 1
    labels[1, 28:32] = 1
    labels[8:16, 32:40] = 2
    reduced, rows = reduce_partition(labels, 4, min_area=3)
    expected = np.zeros((4, 10), np.int32)
    expected[:, 0:3] = 1
    expected[:, 4:7] = 2
    expected[2:4, 8:10] = 3
    assert np.array_equal(reduced, expected)
    assert rows.tolist() == [0, 0, 1]


def test_a_segment_that_vanishes():
    labels = np.zeros((8, 8), np.int32)
    labels[0:4, :] = 2
    labels[7, :] = 1  # a quarter of each block
    reduced, rows = reduce_partition(labels, 4, min_area=1)
    assert reduced.tolist() == [[1, 1], [0, 0]]
    assert rows.tolist() == [1]


def test_nothing_at_all():
    for scale in (1, 4):
        reduced, rows = reduce_partition(np.zeros((8, 8), np.int32), scale, min_area=2)
        assert (reduced.shape, reduced.any(), rows.tolist()) == ((8 // scale, 8 // scale), False, [])


def test_at_scale_one_a_partition_stays():
    labels = np.array([[1, 1, 2], [0, 3, 2]], np.int32)
    reduced, rows = reduce_partition(labels, 1, min_area=2)
    assert np.array_equal(reduced, labels)
    assert rows.tolist() == [0, 1, 2]


@given(blocks_of(2, st.integers(0, 3)), st.integers(1, 4))
def test_pieces_are_numbered_without_gaps_and_large_enough(labels, min_area):
    reduced, rows = reduce_partition(labels, 2, min_area)
    areas = np.bincount(reduced.ravel(), minlength=len(rows) + 1)
    assert len(areas) == len(rows) + 1
    assert (areas[1:] >= min_area).all()
    majority = reduce_labels(labels, 2)
    assert (majority[reduced > 0] == rows[reduced[reduced > 0] - 1] + 1).all()

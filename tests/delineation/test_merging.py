"""Merging: who keeps shared pixels, by hand; what every partition is, whatever overlaps."""

from collections.abc import Callable
from dataclasses import replace
from random import Random

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from scipy import ndimage

from isagrsc2.delineation.merging import Merging, Partition, fill_gaps, give_to_nearest
from isagrsc2.delineation.segments import Segments
from isagrsc2.errors import InputError

RULE = Merging(duplicate_iou=0.8, overlap="finer", min_width=1)
CROSS = ndimage.generate_binary_structure(2, 1)

Make = Callable[..., Segments]
Draw = Callable[..., np.ndarray]


def everywhere(segments: Segments) -> np.ndarray:
    return np.ones(segments.shape, bool)


def two_overlapping(make: Make, draw: Draw) -> Segments:
    """Four rows; 0 is columns 0 to 7 (32 px, score 0.9), 1 is columns 6 to 9 (16 px, score 0.5); 8 px are shared."""
    return make([draw((4, 10), 0, 4, 0, 8), draw((4, 10), 0, 4, 6, 10)], [0.9, 0.5])


@pytest.mark.parametrize(
    ("overlap", "areas"),
    [
        ("finer", [24, 16]),  # the smaller keeps its 16 px
        ("score", [32, 8]),  # the better keeps its 32 px
        ("coarser", [32, 8]),  # and so does the larger
    ],
)
def test_who_keeps_shared_pixels(make_segments: Make, rectangle: Draw, overlap: str, areas: list[int]) -> None:
    segments = two_overlapping(make_segments, rectangle)
    partition = replace(RULE, overlap=overlap).merge(segments, everywhere(segments), min_area=1)
    assert counts(partition) == areas
    assert partition.scores.tolist() == [np.float32(0.9), np.float32(0.5)]


def test_score_decides_against_size(make_segments: Make, rectangle: Draw) -> None:
    segments = make_segments([rectangle((4, 10), 0, 4, 0, 8), rectangle((4, 10), 0, 4, 6, 10)], [0.5, 0.9])
    partition = replace(RULE, overlap="score").merge(segments, everywhere(segments), min_area=1)
    assert partition.labels[0].tolist() == [1] * 6 + [2] * 4
    assert partition.scores.tolist() == [np.float32(0.5), np.float32(0.9)]


def test_of_equal_sizes_the_better_score_keeps_the_pixels(make_segments: Make, rectangle: Draw) -> None:
    for scores, border in (([0.9, 0.5], 6), ([0.5, 0.9], 4)):
        segments = make_segments([rectangle((4, 10), 0, 4, 0, 6), rectangle((4, 10), 0, 4, 4, 10)], scores)
        partition = RULE.merge(segments, everywhere(segments), min_area=1)
        assert partition.labels[0].tolist() == [1] * border + [2] * (10 - border)


def test_refuses_an_unknown_rule() -> None:
    with pytest.raises(InputError, match=r"merging\.overlap=finest is not one of finer, score, coarser"):
        replace(RULE, overlap="finest")


def test_a_small_hole_goes_and_a_larger_one_stays(make_segments: Make, rectangle: Draw) -> None:
    masks = [rectangle((12, 12), 0, 12, 0, 12), rectangle((12, 12), 2, 4, 2, 4), rectangle((12, 12), 6, 9, 6, 9)]
    segments = make_segments(masks, [0.6, 0.9, 0.8])
    partition = RULE.merge(segments, everywhere(segments), min_area=5)  # 4 px and 9 px
    assert partition.scores.tolist() == [np.float32(0.6), np.float32(0.8)]
    assert counts(partition) == [144 - 9, 9]


def test_a_field_cut_in_two_becomes_two(make_segments: Make, rectangle: Draw) -> None:
    segments = make_segments([rectangle((5, 9), 0, 5, 0, 9), rectangle((5, 9), 0, 5, 4, 5)], [0.6, 0.9])
    partition = RULE.merge(segments, everywhere(segments), min_area=1)
    assert partition.labels[2].tolist() == [1] * 4 + [2] + [3] * 4
    assert partition.scores.tolist() == [np.float32(0.6), np.float32(0.9), np.float32(0.6)]
    assert partition.rounds.tolist() == [1, 2, 1]


def test_duplicates_are_dropped(make_segments: Make, rectangle: Draw) -> None:
    # 36 of 40 px: IoU 0.9.
    segments = make_segments([rectangle((4, 10), 0, 4, 0, 9), rectangle((4, 10), 0, 4, 0, 10)], [0.9, 0.5])
    partition = RULE.merge(segments, everywhere(segments), min_area=1)
    assert counts(partition) == [40]
    assert partition.scores.tolist() == [0.5]


def test_a_small_gap_is_filled_and_a_large_one_is_not(make_segments: Make, rectangle: Draw) -> None:
    mask = rectangle((10, 10), 0, 10, 0, 10)
    mask[1:3, 1:3] = False  # 4 px
    mask[5:8, 5:8] = False  # 9 px
    segments = make_segments([mask])
    partition = RULE.merge(segments, everywhere(segments), min_area=5)
    assert counts(partition) == [91]
    assert (partition.labels[5:8, 5:8] == 0).all()


def test_a_gap_that_is_not_valid_stays(make_segments: Make, rectangle: Draw) -> None:
    segments = make_segments([rectangle((6, 6), 0, 6, 0, 6)])
    valid = ~rectangle((6, 6), 2, 3, 2, 3)
    partition = RULE.merge(segments, valid, min_area=5)
    assert np.array_equal(partition.labels > 0, valid)


@pytest.mark.parametrize(("min_width", "kept"), [(1, 3), (2, 2), (3, 2)])
def test_a_sliver_goes_to_its_neighbours(make_segments: Make, rectangle: Draw, min_width: float, kept: int) -> None:
    """Two fields and a strip of one column between them: 20 px, more than the minimum."""
    shape = (20, 13)
    masks = [rectangle(shape, 0, 20, 0, 6), rectangle(shape, 0, 20, 6, 7), rectangle(shape, 0, 20, 7, 13)]
    segments = make_segments(masks, [0.9, 0.8, 0.7])
    partition = replace(RULE, min_width=min_width).merge(segments, everywhere(segments), min_area=5)
    assert len(partition.scores) == kept
    assert (partition.labels > 0).all()


def test_a_sliver_makes_no_tail(make_segments: Make, rectangle: Draw) -> None:
    """A strip of one row that leaves a field sideways: only its first 3 px are near enough to be the field's."""
    shape = (20, 30)
    segments = make_segments([rectangle(shape, 5, 15, 0, 10), rectangle(shape, 9, 10, 10, 30)], [0.9, 0.8])
    partition = replace(RULE, min_width=3).merge(segments, everywhere(segments), min_area=5)
    assert counts(partition) == [100 + 3]
    assert partition.labels[9, 10:].tolist() == [1] * 3 + [0] * 17


def test_nothing_to_merge() -> None:
    partition = RULE.merge(Segments.empty((5, 6)), np.ones((5, 6), bool), min_area=3)
    assert partition.labels.shape == (5, 6)
    assert not partition.labels.any()
    assert len(partition.scores) == len(partition.stability) == len(partition.rounds) == 0


def counts(partition: Partition) -> list[int]:
    return np.bincount(partition.labels.ravel())[1:].tolist()


@st.composite
def overlapping(draw: st.DrawFn) -> tuple[list[np.ndarray], list[float], np.ndarray]:
    """Masks that are unions of two rectangles, distinct scores, and a valid mask with a rectangle missing."""
    height, width = draw(st.integers(4, 20)), draw(st.integers(4, 20))

    def box() -> np.ndarray:
        mask = np.zeros((height, width), bool)
        y, x = draw(st.integers(0, height - 1)), draw(st.integers(0, width - 1))
        mask[y : y + draw(st.integers(1, height)), x : x + draw(st.integers(1, width))] = True
        return mask

    masks = [box() | box() if draw(st.booleans()) else box() ^ box() for _ in range(draw(st.integers(1, 6)))]
    scores = draw(st.permutations([0.5 + 0.05 * number for number in range(len(masks))]))
    valid = ~box() if draw(st.booleans()) else np.ones((height, width), bool)
    return masks, scores, valid


@given(
    overlapping(),
    st.sampled_from(["finer", "score", "coarser"]),
    st.sampled_from([1, 3, 6]),
    st.sampled_from([1, 2, 3]),
)
def test_the_result_is_a_partition(
    make_segments: Make,
    case: tuple[list[np.ndarray], list[float], np.ndarray],
    overlap: str,
    min_area: int,
    min_width: int,
) -> None:
    masks, scores, valid = case
    rule = replace(RULE, overlap=overlap, min_width=min_width)
    partition = rule.merge(make_segments(masks, scores), valid, min_area)
    labels, count = partition.labels, len(partition.scores)
    assert np.array_equal(np.unique(labels[labels > 0]), np.arange(1, count + 1))
    assert count == len(partition.stability) == len(partition.rounds)
    assert not (labels[~valid] > 0).any()
    assert all(area >= min_area for area in counts(partition))
    for label in range(1, count + 1):
        region = labels == label
        assert ndimage.label(region)[1] == 1
        # The row of the arrays is that of a segment which lies here.
        origin = scores.index(pytest.approx(float(partition.scores[label - 1])))
        assert partition.rounds[label - 1] == origin + 1
        assert (region & masks[origin]).any()
    gaps, found = ndimage.label((labels == 0) & valid)
    for gap in range(1, found + 1):
        if (gaps == gap).sum() < min_area:  # only one that no label touches may be left
            assert not (ndimage.binary_dilation(gaps == gap, CROSS) & (labels > 0)).any()


@given(overlapping(), st.sampled_from(["finer", "score", "coarser"]), st.randoms(use_true_random=False))
def test_the_order_of_the_segments_does_not_matter(
    make_segments: Make,
    case: tuple[list[np.ndarray], list[float], np.ndarray],
    overlap: str,
    random: Random,
) -> None:
    masks, scores, valid = case
    segments = make_segments(masks, scores)
    assume(len(segments) > 1)
    order = list(range(len(segments)))
    random.shuffle(order)
    rule = replace(RULE, overlap=overlap, min_width=2)
    one = rule.merge(segments, valid, 3)
    two = rule.merge(segments[np.array(order)], valid, 3)
    assert np.array_equal(one.labels, two.labels)
    assert one.scores.tolist() == two.scores.tolist()
    assert one.rounds.tolist() == two.rounds.tolist()


def test_fill_gaps_by_hand() -> None:
    labels = np.array(
        [
            [1, 1, 1, 1, 2],
            [1, 0, 0, 0, 2],
            [1, 1, 1, 1, 2],
        ],
        np.int32,
    )
    valid = np.ones((3, 5), bool)
    filled = fill_gaps(labels, valid, max_area=4)
    assert filled[1, 1:3].tolist() == [1, 1]
    assert filled[1, 3] in (1, 2)  # as near to both
    assert np.array_equal(fill_gaps(labels, valid, max_area=3), labels)


def test_fill_gaps_leaves_no_pixel_behind_a_corner() -> None:
    labels = np.array([[1, 0, 0, 0], [0, 0, 0, 0], [3, 2, 0, 0], [0, 0, 0, 3]], np.int32)
    wanted = labels == 0
    # To the upper right pixel the 2 is nearest, sqrt(8) px away, but what lies between is nearer to the 1 and to the 3.
    assert np.argwhere(give_to_nearest(labels, wanted, np.inf) == 0).tolist() == [[0, 3]]
    assert (fill_gaps(labels, np.ones((4, 4), bool), max_area=13) > 0).all()


@given(overlapping(), st.integers(1, 12))
def test_fill_gaps_keeps_labels_and_connects(case: tuple[list[np.ndarray], list[float], np.ndarray], max_area: int) -> None:
    masks, _, valid = case
    labels = np.zeros(valid.shape, np.int32)
    for number, mask in enumerate(masks, start=1):
        labels[mask & (labels == 0) & valid] = number
    filled = fill_gaps(labels, valid, max_area)
    assert np.array_equal(filled[labels > 0], labels[labels > 0])
    assert not (filled[~valid] > 0).any()
    for number in range(1, len(masks) + 1):
        # No label gets a piece of its own: filling only ever joins.
        assert ndimage.label(filled == number)[1] <= ndimage.label(labels == number)[1]


def test_nothing_to_give_away_and_nobody_to_take() -> None:
    labels = np.array([[1, 0, 0, 0]], np.int32)
    wanted = labels == 0
    assert give_to_nearest(labels, wanted, 2).tolist() == [[1, 1, 1, 0]]  # as far as 2 px
    assert give_to_nearest(labels, np.zeros_like(wanted), 2) is labels
    assert not give_to_nearest(np.zeros((1, 4), np.int32), np.ones((1, 4), bool), 2).any()
    # Cut off from the label by a pixel that is not wanted: as near as 2 px, but not connected.
    assert give_to_nearest(labels, np.array([[False, False, True, False]]), 9).tolist() == [[1, 0, 0, 0]]

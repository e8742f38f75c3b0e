"""Duplicates by box and by mask: hand cases, then brute force."""

from collections.abc import Callable

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from isagrsc2.delineation.duplicates import box_nms, drop_duplicates, overlaps_across
from isagrsc2.delineation.segments import Segments

MASKS = st.lists(arrays(np.bool_, (6, 8)), min_size=1, max_size=6)


def mask_overlaps(segments: Segments) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Pairs ``first < second`` of one container that share pixels."""
    first, second, shared = overlaps_across(segments, segments)
    once = first < second
    order = np.lexsort((second[once], first[once]))
    return first[once][order], second[once][order], shared[once][order]


def test_of_two_overlapping_boxes_the_better_stays() -> None:
    # Each 4 x 4 = 16 px, 3 x 4 = 12 shared: IoU 12 / (16 + 16 - 12) = 0.6.
    boxes = np.array([[0, 0, 4, 4], [1, 0, 5, 4]])
    scores = np.array([0.8, 0.9])
    assert box_nms(boxes, scores, 0.59).tolist() == [1]
    assert box_nms(boxes, scores, 0.6).tolist() == [1, 0]  # no more than the threshold is allowed


def test_a_dropped_box_drops_no_other() -> None:
    # 0 and 1 overlap by 0.6, 1 and 2 by 0.6, 0 and 2 by 8 / 24: once 1 is gone, 2 has no rival.
    boxes = np.array([[0, 0, 4, 4], [1, 0, 5, 4], [2, 0, 6, 4]])
    assert box_nms(boxes, np.array([0.9, 0.8, 0.7]), 0.5).tolist() == [0, 2]


def test_no_boxes() -> None:
    assert box_nms(np.zeros((0, 4)), np.zeros(0), 0.5).tolist() == []


def test_shared_pixels_of_three_rectangles(
    make_segments: Callable[..., Segments], rectangle: Callable[..., np.ndarray]
) -> None:
    shape = (10, 10)
    segments = make_segments([rectangle(shape, 0, 4, 0, 4), rectangle(shape, 2, 6, 2, 6), rectangle(shape, 0, 4, 4, 8)])
    first, second, shared = mask_overlaps(segments)
    # 0 and 1 share rows 2, 3 and columns 2, 3: 4 px. 1 and 2 share rows 2, 3 and columns 4, 5: 4 px. 0 and 2 only touch.
    assert list(zip(first.tolist(), second.tolist(), shared.tolist(), strict=True)) == [(0, 1, 4), (1, 2, 4)]


def test_crossing_boxes_are_not_overlapping_masks(make_segments: Callable[..., Segments]) -> None:
    """Diagonal strips: the boxes are the same, the masks share nothing."""
    rows, columns = np.indices((12, 12))
    strips = [(rows + columns == 10), (rows + columns == 11)]
    assert mask_overlaps(make_segments(strips))[0].tolist() == []
    assert len(drop_duplicates(make_segments(strips), 0.5)) == 2


@given(MASKS)
def test_overlaps_are_those_of_brute_force(make_segments: Callable[..., Segments], masks: list[np.ndarray]) -> None:
    filled = [mask for mask in masks if mask.any()]
    first, second, shared = mask_overlaps(make_segments(masks))
    found = list(zip(first.tolist(), second.tolist(), shared.tolist(), strict=True))
    count = range(len(filled))
    expected = [(a, b, int((filled[a] & filled[b]).sum())) for a in count for b in count if a < b]
    assert found == [pair for pair in expected if pair[2]]


@given(MASKS, MASKS)
def test_overlaps_across_are_those_of_brute_force(
    make_segments: Callable[..., Segments], one: list[np.ndarray], two: list[np.ndarray]
) -> None:
    here, there = make_segments(one), make_segments(two)
    first, second, shared = overlaps_across(here, there)
    found = list(zip(first.tolist(), second.tolist(), shared.tolist(), strict=True))
    left, right = ([mask for mask in masks if mask.any()] for masks in (one, two))
    expected = [(a, b, int((x & y).sum())) for a, x in enumerate(left) for b, y in enumerate(right)]
    assert found == [pair for pair in expected if pair[2]]


def test_no_segments_no_overlaps(make_segments: Callable[..., Segments], rectangle: Callable[..., np.ndarray]) -> None:
    none = Segments.empty((4, 4))
    assert [column.tolist() for column in mask_overlaps(none)] == [[], [], []]
    assert [column.tolist() for column in overlaps_across(none, make_segments([rectangle((4, 4), 0, 2, 0, 2)]))] == [[], [], []]
    assert len(drop_duplicates(none, 0.5)) == 0


def test_the_smaller_of_two_alike_goes(make_segments: Callable[..., Segments], rectangle: Callable[..., np.ndarray]) -> None:
    # 9 px inside 10 px: IoU 0.9. The larger stays though its score is worse.
    segments = make_segments([rectangle((5, 10), 0, 1, 0, 9), rectangle((5, 10), 0, 1, 0, 10)], [0.9, 0.5])
    assert drop_duplicates(segments, 0.8).areas.tolist() == [10]
    assert drop_duplicates(segments, 0.9).areas.tolist() == [9, 10]  # no more than the threshold is allowed


def test_of_equal_ones_the_better_stays(make_segments: Callable[..., Segments], rectangle: Callable[..., np.ndarray]) -> None:
    twice = [rectangle((5, 10), 0, 2, 0, 5)] * 3
    assert drop_duplicates(make_segments(twice, [0.5, 0.9, 0.7]), 0.8).scores.tolist() == [np.float32(0.9)]
    assert drop_duplicates(make_segments(twice), 0.8).rounds.tolist() == [1]  # or else the earlier


def test_one_that_is_gone_takes_no_other_with_it(
    make_segments: Callable[..., Segments], rectangle: Callable[..., np.ndarray]
) -> None:
    # Lengths 10, 9, 8 from the same corner: 9 / 10 and 8 / 9 exceed 0.85, 8 / 10 does not. 9 goes, so 8 stays.
    strips = [rectangle((1, 10), 0, 1, 0, length) for length in (8, 9, 10)]
    assert drop_duplicates(make_segments(strips), 0.85).areas.tolist() == [8, 10]


@given(MASKS, st.sampled_from([0.2, 0.5, 0.8]))
def test_duplicates_are_those_of_the_plain_rule(
    make_segments: Callable[..., Segments], masks: list[np.ndarray], max_iou: float
) -> None:
    """From the largest on, each one stays that resembles none that stays."""
    segments = make_segments(masks)
    filled = [mask for mask in masks if mask.any()]
    kept: list[int] = []
    for row in sorted(range(len(filled)), key=lambda row: -int(filled[row].sum())):
        if all((filled[row] & filled[k]).sum() <= max_iou * (filled[row] | filled[k]).sum() for k in kept):
            kept.append(row)
    assert drop_duplicates(segments, max_iou).rounds.tolist() == segments.rounds[sorted(kept)].tolist()

"""Segments: boxes and crops by hand, and nothing lost on the way from masks and back."""

from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from isagrsc2.delineation.segments import Segments, mask_boxes


def test_box_and_crop_of_a_known_mask(make_segments: Callable[..., Segments], rectangle: Callable[..., np.ndarray]) -> None:
    segments = make_segments([rectangle((10, 20), 2, 5, 7, 11)])
    assert segments.shape == (10, 20)
    assert segments.boxes.tolist() == [[7, 2, 11, 5]]  # x0, y0, x1, y1
    assert segments.crops[0].shape == (3, 4)
    assert segments.areas.tolist() == [12]
    assert segments.box(0) == (slice(2, 5), slice(7, 11))


def test_masks_without_a_pixel_are_dropped(
    make_segments: Callable[..., Segments], rectangle: Callable[..., np.ndarray]
) -> None:
    segments = make_segments([rectangle((4, 4), 0, 0, 0, 0), rectangle((4, 4), 0, 1, 3, 4)], [0.5, 0.75])
    assert segments.scores.tolist() == [0.75]
    assert segments.rounds.tolist() == [2]


def test_crops_keep_no_frame_alive(make_segments: Callable[..., Segments], rectangle: Callable[..., np.ndarray]) -> None:
    segments = make_segments([rectangle((100, 100), 0, 2, 0, 2)])
    assert segments.crops[0].base is None


@given(arrays(np.bool_, st.tuples(st.integers(0, 4), st.integers(1, 9), st.integers(1, 9))))
def test_crops_hold_the_masks(masks: np.ndarray) -> None:
    count = len(masks)
    scores = np.linspace(0, 1, count, dtype=np.float32)
    segments = Segments.from_masks(masks, scores, scores, np.ones(count, np.int16))
    filled = masks[masks.any(axis=(1, 2))]
    assert len(segments) == len(filled)
    for mask, ((rows, columns), crop) in zip(filled, segments, strict=True):
        assert crop.sum() == mask.sum()
        assert np.array_equal(mask[rows, columns], crop)
        assert crop[0].any()  # boxes are tight
        assert crop[-1].any()
        assert crop[:, 0].any()
        assert crop[:, -1].any()
    assert np.array_equal(segments.union(), masks.any(axis=0))
    assert segments.areas.tolist() == filled.sum(axis=(1, 2)).tolist()


def test_box_of_an_empty_mask_is_zero() -> None:
    assert mask_boxes(np.zeros((2, 3, 4), bool)).tolist() == [[0, 0, 0, 0]] * 2
    assert mask_boxes(np.zeros((0, 3, 4), bool)).shape == (0, 4)


def test_choosing_and_joining(make_segments: Callable[..., Segments], rectangle: Callable[..., np.ndarray]) -> None:
    segments = make_segments([rectangle((5, 5), 0, 1, 0, n) for n in (1, 2, 3)], [0.1, 0.2, 0.3])
    assert segments[np.array([2, 0])].areas.tolist() == [3, 1]
    assert segments[np.array([True, False, True])].areas.tolist() == [1, 3]
    assert len(segments[np.zeros(0, np.int64)]) == 0
    joined = Segments.concatenate(Segments.empty((5, 5)), segments, segments)
    assert joined.areas.tolist() == [1, 2, 3, 1, 2, 3]
    assert joined.rounds.tolist() == [1, 2, 3, 1, 2, 3]
    assert joined.shape == (5, 5)


def test_nothing_covers_nothing() -> None:
    segments = Segments.empty((3, 4))
    assert len(segments) == 0
    assert segments.areas.shape == (0,)
    assert segments.union().shape == (3, 4)
    assert not segments.union().any()


def test_refuses_misaligned_arrays() -> None:
    with pytest.raises(ValueError, match=r"lengths \[0, 1\]"):
        Segments((3, 3), np.zeros((0, 4), np.int32), (), np.ones(1, np.float32), np.ones(1, np.float32), np.ones(1, np.int16))

"""A point is asked once: told by a segmenter that writes down what it is asked."""

from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from isagrsc2.delineation.remembering import RememberingSegmenter

IMAGE = np.random.default_rng(0).integers(0, 4, (12, 16, 1)).repeat(3, axis=2).astype(np.uint8)
SCORES = {0: 0.9, 1: 0.7, 2: 0.5, 3: 0.3}
STABILITIES = {0: 1.0, 1: 0.8, 2: 0.6, 3: 0.4}


def places(*pixels: tuple[int, int]) -> np.ndarray:
    """Centres of pixels, (N, 2) xy."""
    return np.array(pixels, float).reshape(-1, 2) + 0.5


@pytest.fixture(scope="session")
def make(same_colour: Callable) -> Callable:
    return lambda reduction=1: same_colour(reduction, scores=SCORES, stabilities=STABILITIES)


def test_a_known_point_is_asked_again_only_for_its_masks(make: Callable) -> None:
    real = make()
    segmenter = RememberingSegmenter(real)
    embedding = segmenter.embed(IMAGE)
    first = segmenter.segment(embedding, places((1, 1), (2, 2)))
    second = segmenter.segment(embedding, places((2, 2), (3, 3), (1, 1)))
    assert [asked.tolist() for asked in real.asked] == [[[1.5, 1.5], [2.5, 2.5]], [[3.5, 3.5]]]
    known = segmenter.segment(embedding, places((3, 3), (1, 1)))
    assert len(real.asked) == 2, "nothing is new"
    assert known.scores.tolist() == second.scores[[1, 2]].tolist()
    assert second.scores[[2, 0]].tolist() == first.scores.tolist()
    second.stability((np.array([1]), np.array([0])))
    assert len(real.asked) == 2, "the mask of the new point is there"
    assert np.array_equal(second.pixels(2, 0), first.pixels(0, 0))
    assert real.asked[2].tolist() == [[1.5, 1.5]]
    second.enlarge((np.array([2, 2, 1]), np.zeros(3, int)))
    assert len(real.asked) == 3, "and then it is kept"


def test_another_embedding_is_another_question(make: Callable) -> None:
    real = make()
    segmenter = RememberingSegmenter(real)
    for image in (IMAGE, 3 - IMAGE):
        candidates = segmenter.segment(segmenter.embed(image), places((1, 1)))
        assert candidates.scores[0, 0] == np.float32(SCORES[int(image[1, 1, 0])])
    assert len(real.asked) == 2


@given(st.lists(st.lists(st.tuples(st.integers(0, 15), st.integers(0, 11)), max_size=8), max_size=4), st.sampled_from([1, 2]))
def test_answers_are_those_of_the_segmenter(make: Callable, batches: list[list[tuple[int, int]]], reduction: int) -> None:
    expected, segmenter = make(reduction), RememberingSegmenter(make(reduction))
    embedding, theirs = segmenter.embed(IMAGE), expected.embed(IMAGE)
    for pixels in batches:
        one, other = segmenter.segment(embedding, places(*pixels)), expected.segment(theirs, places(*pixels))
        assert np.array_equal(one.scores, other.scores)
        assert one.scores.dtype == np.float32
        rows = np.arange(len(pixels))[::-2], np.zeros(len(pixels), int)[::-2]
        assert np.array_equal(one.stability(rows), other.stability(rows))
        assert np.array_equal(one.enlarge(rows), other.enlarge(rows))
        assert all(np.array_equal(one.pixels(row, 0), other.pixels(row, 0)) for row in range(len(pixels)))

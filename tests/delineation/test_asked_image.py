"""What an answer says of other points: by hand, on masks that were told."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import pytest

from isagrsc2.delineation.asked_image import AskedImage

SHAPE = (10, 20)
IMAGE = np.zeros((*SHAPE, 3), np.uint8)


def places(*pixels: tuple[int, int]) -> np.ndarray:
    """Centres of pixels, (N, 2) xy."""
    return np.array(pixels, float).reshape(-1, 2) + 0.5


def remembered(segmenter: object, points: np.ndarray, min_score: float = 0.5, reach: float = 100) -> AskedImage:
    image = AskedImage(segmenter, segmenter.embed(IMAGE))
    image.remember(points, image.ask(points), min_score, reach)
    return image


def open_columns(image: AskedImage, row: int, min_score: float = 0.5) -> list[int]:
    return np.flatnonzero(image.is_open(places(*((x, row) for x in range(SHAPE[1]))), min_score)).tolist()


def test_everything_is_open_before_it_is_asked(told: Callable) -> None:
    segmenter = told()
    image = AskedImage(segmenter, segmenter.embed(IMAGE))
    assert open_columns(image, 0, min_score=1.0) == list(range(20))


@pytest.mark.parametrize("reduction", [1, 2])
def test_an_answer_speaks_for_its_mask_within_reach(told: Callable, rectangle: Callable, reduction: int) -> None:
    segmenter = told(reduction, answers={(8, 4): (rectangle(SHAPE, 0, 10, 2, 20), 0.4, 1.0)})
    image = remembered(segmenter, places((8, 4)), reach=4)
    # Within 4 px of the point's pixel, and in the mask; in the coarser frame the pixel is 8 to 9, 4 to 5.
    beyond = 13 if reduction == 1 else 14
    assert open_columns(image, 4) == [*range(4), *range(beyond, 20)]
    assert open_columns(image, 8) == open_columns(image, 4)
    assert open_columns(image, 9) == ([*range(20)] if reduction == 1 else open_columns(image, 4))
    assert open_columns(image, 4, min_score=0.4) == list(range(20)), "less is enough"


def test_without_reach_it_speaks_for_its_own_point(told: Callable, rectangle: Callable) -> None:
    segmenter = told(answers={(8, 4): (rectangle(SHAPE, 0, 10, 0, 20), 0.4, 1.0)})
    assert open_columns(remembered(segmenter, places((8, 4)), reach=0), 4) == [x for x in range(20) if x != 8]


def test_a_mask_beside_its_point_speaks_for_the_point_too(told: Callable, rectangle: Callable) -> None:
    segmenter = told(answers={(8, 4): (rectangle(SHAPE, 0, 10, 10, 12), 0.4, 1.0)})
    assert set(range(20)) - set(open_columns(remembered(segmenter, places((8, 4))), 4)) == {8, 10, 11}


def test_the_best_of_several_answers_counts(told: Callable, rectangle: Callable) -> None:
    answers = {(0, 0): (rectangle(SHAPE, 0, 10, 0, 10), 0.4, 1.0), (8, 0): (rectangle(SHAPE, 0, 10, 5, 20), 0.2, 1.0)}
    for order in (list(answers), list(answers)[::-1]):
        image = remembered(told(answers=answers), places(*order))
        assert open_columns(image, 0, min_score=0.3) == list(range(10))
        assert open_columns(image, 0, min_score=0.2) == list(range(20))
        assert open_columns(image, 0, min_score=0.5) == []


def test_an_answer_that_is_enough_says_nothing(told: Callable, rectangle: Callable) -> None:
    segmenter = told(answers={(8, 4): (rectangle(SHAPE, 0, 10, 0, 20), 0.5, 1.0)})
    assert open_columns(remembered(segmenter, places((8, 4))), 4) == list(range(20))


@dataclass(frozen=True)
class Nested:
    """Candidates of one point: two masks, the second inside the first."""

    scores: np.ndarray

    def smallest(self, points: np.ndarray) -> list[np.ndarray]:
        return [np.arange(5)] * len(points)


def test_of_several_masks_the_smallest_is_spoken_for_and_the_best_score_counts(told: Callable) -> None:
    segmenter = told()
    image = AskedImage(segmenter, segmenter.embed(IMAGE))
    image.remember(places((0, 0)), Nested(np.array([[0.4, 0.1]], np.float32)), 0.5, 100)
    assert open_columns(image, 0) == list(range(5, 20))
    assert open_columns(image, 0, min_score=0.4) == list(range(20))

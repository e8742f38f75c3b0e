"""What a round accepts: thresholds, order and overlap, by hand."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from isagrsc2.delineation.asked_image import AskedImage
from isagrsc2.delineation.prompts import GridPoints, ResidualPoints
from isagrsc2.delineation.searching import AutomaticSearch, ResidualSearch

Draw = Callable[..., np.ndarray]


@dataclass(frozen=True)
class FixedPoints:
    """Asks in the same places whatever is left."""

    places: Sequence[tuple[int, int]]

    def points(self, residual: np.ndarray) -> np.ndarray:
        return np.array(self.places, float).reshape(-1, 2)


SHAPE = (10, 20)
IMAGE = np.zeros((*SHAPE, 3), np.uint8)
EVERYWHERE = np.ones(SHAPE, bool)
NOWHERE = np.zeros(SHAPE, bool)
RESIDUAL = ResidualSearch(prompts=FixedPoints([]), batch=64, min_score=0.5, min_stability=0.5, max_overlap=0.5, reach=0)
AUTOMATIC = AutomaticSearch(
    prompts=FixedPoints([]), batch=64, min_score=0.5, min_stability=0.5, max_box_iou=0.7, max_settled=1.0
)


def ask(
    search: ResidualSearch | AutomaticSearch,
    segmenter: object,
    places: Sequence[tuple[int, int]],
    valid: np.ndarray = EVERYWHERE,
    settled: np.ndarray = NOWHERE,
    min_area: float = 1,
) -> list[tuple[float, int]]:
    """Scores and areas of what is found, in order; the round is 3."""
    asking = replace(search, prompts=FixedPoints(places))
    before = settled.copy()
    found = asking.search(AskedImage(segmenter, segmenter.embed(IMAGE)), valid, settled, 3, min_area)
    assert np.array_equal(settled, before)
    assert (found.rounds == 3).all()
    assert not (found.union() & ~valid).any()
    return list(zip(found.scores.round(3).astype(float).round(3).tolist(), found.areas.tolist(), strict=True))


@pytest.mark.parametrize("search", [RESIDUAL, AUTOMATIC])
def test_stability_at_the_threshold_is_enough(
    told: Callable, rectangle: Draw, search: ResidualSearch | AutomaticSearch
) -> None:
    answers = {
        (1, 1): (rectangle(SHAPE, 0, 3, 0, 3), 0.9, 0.5),
        (8, 1): (rectangle(SHAPE, 0, 3, 7, 10), 0.8, 0.49),
    }
    assert ask(search, told(answers=answers), list(answers)) == [(0.9, 9)]


@pytest.mark.parametrize("search", [RESIDUAL, AUTOMATIC])
def test_stability_is_measured_only_where_the_score_passes(
    told: Callable, rectangle: Draw, search: ResidualSearch | AutomaticSearch
) -> None:
    answers = {
        (1, 1): (rectangle(SHAPE, 0, 3, 0, 3), 0.49, 1.0),
        (8, 1): (rectangle(SHAPE, 0, 3, 7, 10), 0.8, 0.9),
        (15, 1): (rectangle(SHAPE, 0, 3, 14, 17), 0.7, 0.4),
    }
    segmenter = told(answers=answers)
    assert ask(search, segmenter, list(answers)) == [(0.8, 9)]
    assert [(point.tolist(), mask.tolist()) for point, mask in segmenter.measured] == [([1, 2], [0, 0])]


def test_score_at_the_threshold(told: Callable, rectangle: Draw) -> None:
    answers = {(1, 1): (rectangle(SHAPE, 0, 3, 0, 3), 0.5, 1.0)}
    assert ask(RESIDUAL, told(answers=answers), list(answers)) == [(0.5, 9)]
    assert ask(AUTOMATIC, told(answers=answers), list(answers)) == []  # segment-anything wants more than the threshold


def test_the_best_of_a_batch_is_taken_first(told: Callable, rectangle: Draw) -> None:
    # 10 columns each. The second shares 4 of 10 with the first and 5 of 10 with the third.
    answers = {
        (0, 0): (rectangle(SHAPE, 0, 1, 0, 10), 0.7, 1.0),
        (6, 0): (rectangle(SHAPE, 0, 1, 6, 16), 0.9, 1.0),
        (11, 0): (rectangle(SHAPE, 0, 1, 11, 20), 0.8, 1.0),  # 5 of 9 are taken: more than half
    }
    assert ask(RESIDUAL, told(answers=answers), list(answers)) == [(0.9, 10), (0.7, 10)]


@pytest.mark.parametrize(("settled_columns", "found"), [(5, [(0.9, 10)]), (6, [])])
def test_half_may_be_settled(told: Callable, rectangle: Draw, settled_columns: int, found: list[tuple[float, int]]) -> None:
    answers = {(9, 0): (rectangle(SHAPE, 0, 1, 0, 10), 0.9, 1.0)}
    settled = rectangle(SHAPE, 0, 1, 0, settled_columns)
    assert ask(RESIDUAL, told(answers=answers), list(answers), settled=settled) == found


def test_of_nested_masks_the_best_scored_is_taken(told: Callable, rectangle: Draw) -> None:
    answers = {
        (0, 0): (rectangle(SHAPE, 0, 10, 0, 20), 0.6, 1.0),
        (1, 0): (rectangle(SHAPE, 0, 4, 0, 4), 0.9, 1.0),
        (2, 0): (rectangle(SHAPE, 0, 8, 0, 8), 0.7, 1.0),  # 16 of 64 px are settled then
    }
    assert ask(RESIDUAL, told(answers=answers), list(answers)) == [(0.9, 16), (0.7, 64), (0.6, 200)]


def test_what_an_earlier_batch_covered_is_not_asked(told: Callable, rectangle: Draw) -> None:
    answers = {
        (0, 0): (rectangle(SHAPE, 0, 10, 0, 10), 0.9, 1.0),
        (5, 5): (rectangle(SHAPE, 0, 10, 0, 6), 0.95, 1.0),
        (15, 5): (rectangle(SHAPE, 0, 10, 12, 20), 0.6, 1.0),
    }
    segmenter = told(answers=answers)
    assert ask(replace(RESIDUAL, batch=1), segmenter, list(answers)) == [(0.9, 100), (0.6, 80)]
    assert [points.tolist() for points in segmenter.asked] == [[[0, 0]], [[15, 5]]]
    # In one batch all are asked, and the best wins: of (0, 0) 60 of 100 px are settled then.
    segmenter = told(answers=answers)
    assert ask(RESIDUAL, segmenter, list(answers)) == [(0.95, 60), (0.6, 80)]
    assert len(segmenter.asked) == 1


@pytest.mark.parametrize(("reach", "asked"), [(0, [0, 2, 5, 9, 15]), (2, [0, 5, 9, 15]), (5, [0, 9, 15]), (9, [0, 9, 15])])
def test_an_answer_that_scores_too_low_speaks_for_its_surroundings(
    told: Callable, rectangle: Draw, reach: float, asked: list[int]
) -> None:
    # The first mask ends before column 9. 15 has a score that is enough, and is not stable: it speaks for nobody.
    answers = {(x, 5): (rectangle(SHAPE, 0, 10, 0, 9), 0.4, 1.0) for x in (0, 2, 5)}
    answers |= {(9, 5): (rectangle(SHAPE, 0, 10, 9, 12), 0.6, 1.0), (15, 5): (rectangle(SHAPE, 0, 10, 12, 20), 0.9, 0.2)}
    segmenter = told(answers=answers)
    assert ask(replace(RESIDUAL, batch=1, reach=reach), segmenter, list(answers)) == [(0.6, 30)]
    assert [points[0, 0] for points in segmenter.asked] == asked


def test_later_rounds_ask_again_only_where_less_is_enough(told: Callable, rectangle: Draw) -> None:
    answers = {(x, 5): (rectangle(SHAPE, 0, 10, 0, 10), 0.4, 1.0) for x in (0, 3)}
    answers |= {(x, 5): (rectangle(SHAPE, 0, 10, 10, 20), 0.3, 1.0) for x in (12, 15)}
    segmenter = told(answers=answers)
    image = AskedImage(segmenter, segmenter.embed(IMAGE))
    columns = []
    for min_score in (0.5, 0.45, 0.35, 0.3):
        segmenter.asked.clear()
        search = replace(RESIDUAL, prompts=FixedPoints(list(answers)), batch=1, min_score=min_score, reach=9)
        search.search(image, EVERYWHERE, NOWHERE, 1, 1)
        columns.append([points[0, 0] for points in segmenter.asked])
    # What is accepted covers (3, 5); another round is given it as settled.
    assert columns == [[0, 12], [], [0], [0, 12]]


def test_what_is_not_valid_does_not_count(told: Callable, rectangle: Draw) -> None:
    # 10 x 10 px, half of them valid.
    answers = {(0, 0): (rectangle(SHAPE, 0, 10, 0, 10), 0.9, 1.0)}
    valid = ~rectangle(SHAPE, 0, 10, 5, 20)
    for search in (RESIDUAL, AUTOMATIC):
        assert ask(search, told(answers=answers), list(answers), valid=valid) == [(0.9, 50)]
    assert ask(RESIDUAL, told(answers=answers), list(answers), valid=valid, min_area=51) == []


@pytest.mark.parametrize("reduction", [1, 2])
def test_minimum_area_is_in_tile_pixels(told: Callable, rectangle: Draw, reduction: int) -> None:
    answers = {(0, 0): (rectangle(SHAPE, 0, 4, 0, 4), 0.9, 1.0)}
    for min_area, found in ((16, [(0.9, 16)]), (17, [])):
        assert ask(RESIDUAL, told(reduction, answers=answers), list(answers), min_area=min_area) == found


def test_an_empty_mask_is_nothing(told: Callable) -> None:
    answers = {(0, 0): (NOWHERE, 0.9, 1.0)}
    for search in (RESIDUAL, AUTOMATIC):
        assert ask(search, told(answers=answers), list(answers), min_area=0) == []
        assert ask(search, told(answers={}), []) == []


def test_boxes_that_overlap_leave_the_best(told: Callable, rectangle: Draw) -> None:
    # Boxes end at the last pixel as segment-anything's: 9 x 9 and 9 x 7 between the centres, IoU 63 / 81 = 0.78.
    answers = {
        (0, 0): (rectangle(SHAPE, 0, 10, 0, 10), 0.8, 1.0),
        (1, 0): (rectangle(SHAPE, 0, 10, 0, 8), 0.9, 1.0),
    }
    assert ask(AUTOMATIC, told(answers=answers), list(answers)) == [(0.9, 80)]
    # Behind it they would be 80 / 100: at 0.79 the two ways differ.
    assert ask(replace(AUTOMATIC, max_box_iou=0.79), told(answers=answers), list(answers)) == [(0.9, 80), (0.8, 100)]


def test_batches_make_no_difference(told: Callable, rectangle: Draw) -> None:
    answers = {(x, 0): (rectangle(SHAPE, 0, 10, x, x + 8), 0.6 + x / 50, 1.0) for x in range(12)}
    together = ask(AUTOMATIC, told(answers=answers), list(answers))
    assert together == ask(replace(AUTOMATIC, batch=5), told(answers=answers), list(answers))
    assert 1 < len(together) < 12


def test_a_mask_is_enlarged_once_however_many_points_see_it(same_colour: Callable) -> None:
    segmenter = same_colour()
    search = replace(AUTOMATIC, prompts=GridPoints(8), batch=5)
    found = search.search(AskedImage(segmenter, segmenter.embed(IMAGE)), EVERYWHERE, NOWHERE, 1, 1)
    assert found.areas.tolist() == [200]
    assert sum(len(masks) for what, masks in segmenter.log if what == "enlarged") == 1


def test_of_one_mask_seen_twice_the_better_score_stays(told: Callable, rectangle: Draw) -> None:
    mask = rectangle(SHAPE, 0, 10, 0, 10)
    answers = {(0, 0): (mask, 0.6, 1.0), (1, 0): (mask, 0.9, 1.0)}
    assert ask(AUTOMATIC, told(answers=answers), list(answers)) == [(0.9, 100)]


@pytest.mark.parametrize(("max_settled", "kept"), [(1.0, [4, 5]), (0.5, [4]), (0.4, [])])
def test_what_is_mostly_white_goes(told: Callable, rectangle: Draw, max_settled: float, kept: list[int]) -> None:
    # 10 px each, of which 4, 5 and 10 are white.
    answers = {
        (0, 0): (rectangle(SHAPE, 0, 1, 0, 10), 0.9, 1.0),
        (0, 4): (rectangle(SHAPE, 4, 5, 0, 10), 0.8, 1.0),
        (0, 8): (rectangle(SHAPE, 8, 9, 0, 10), 0.7, 1.0),
    }
    settled = rectangle(SHAPE, 0, 1, 0, 4) | rectangle(SHAPE, 4, 5, 0, 5) | rectangle(SHAPE, 8, 9, 0, 10)
    found = ask(replace(AUTOMATIC, max_settled=max_settled), told(answers=answers), list(answers), settled=settled)
    assert [score for score, _ in found] == [{4: 0.9, 5: 0.8}[white] for white in kept]


def test_the_grid_is_not_asked_where_nothing_is_valid(same_colour: Callable, rectangle: Draw) -> None:
    segmenter = same_colour()
    valid = rectangle(SHAPE, 0, 10, 0, 10)
    search = replace(AUTOMATIC, prompts=GridPoints(4))
    found = search.search(AskedImage(segmenter, segmenter.embed(IMAGE)), valid, NOWHERE, 1, 1)
    assert np.concatenate(segmenter.asked)[:, 0].max() < 10
    assert found.areas.tolist() == [100]


@given(st.integers(12, 40), st.integers(12, 40), st.integers(1, 7), st.sampled_from([0.0, 0.3, 0.5]), st.integers(0, 2**20))
def test_accepted_masks_are_new_and_points_are_free(
    discs: Callable, height: int, width: int, batch: int, max_overlap: float, seed: int
) -> None:
    rng = np.random.default_rng(seed)
    valid, settled = rng.random((2, height, width)) < np.array([0.9, 0.2])[:, None, None]
    valid, settled = np.repeat(np.repeat([valid, settled], 5, 1), 5, 2)[:, :height, :width]
    segmenter = discs(radius=4.0)
    search = ResidualSearch(ResidualPoints(6, 1.0), batch, 0.5, 0.5, max_overlap, 0)
    image = AskedImage(segmenter, segmenter.embed(np.zeros((height, width, 3), np.uint8)))
    found = search.search(image, valid, settled, 1, 3)

    covered = settled.copy()
    for what, values in segmenter.log:
        if what == "asked":
            columns, rows = np.floor(values).astype(int).T
            assert not covered[rows, columns].any()
            assert valid[rows, columns].all()
        else:
            covered |= (values & valid).any(axis=0)
    # Discs and tile have the same frame, so the rule can be checked on the masks themselves.
    taken = settled.copy()
    for box, crop in found:
        assert np.count_nonzero(crop & ~taken[box]) >= (1 - max_overlap) * np.count_nonzero(crop)
        taken[box] |= crop
    assert (found.areas >= 3).all()
    assert not (found.union() & ~valid).any()

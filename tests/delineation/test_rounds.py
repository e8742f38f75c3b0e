"""The loop: when it embeds, when it stops, and what the options of the configuration do on flat fields."""

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest
from hydra.utils import instantiate
from hypothesis import given
from hypothesis import strategies as st

from isagrsc2.delineation.painting import Unpainted, Whitened
from isagrsc2.delineation.prompts import GridPoints, ResidualPoints
from isagrsc2.delineation.rounds import Prompting, Round, find_segments
from isagrsc2.delineation.searching import AutomaticSearch, ResidualSearch
from isagrsc2.delineation.tracing import trace_rounds

# The reds of a 4 x 4 patchwork of 32 px fields, far from white.
REDS = np.arange(10, 170, 10).reshape(4, 4)
SIZE = 128
EVERYWHERE = np.ones((SIZE, SIZE), bool)

ANYWHERE = ResidualSearch(ResidualPoints(8, 1.0), batch=16, min_score=0.5, min_stability=0.5, max_overlap=0.5, reach=4)
GRID = AutomaticSearch(GridPoints(8), batch=16, min_score=0.5, min_stability=0.5, max_box_iou=0.7, max_settled=0.5)
PUBLISHED = Whitened(
    frame=SIZE, grow=3, dark_speck=0, bright_remnant=0, edges=False, canny=(100, 200), edge_kernel=5, edge_growths=3
)


def patchwork() -> np.ndarray:
    return np.repeat(np.repeat(REDS, 32, 0), 32, 1)[..., None].repeat(3, axis=2).astype(np.uint8)


@pytest.fixture
def prompting(compose_config: Callable) -> Callable[[str], Prompting]:
    """An option of the configuration, as a run makes it."""

    def make(option: str, *overrides: str) -> Prompting:
        return instantiate(compose_config("segment", f"prompting={option}", *overrides).prompting, _convert_="all")

    return make


@pytest.mark.parametrize("option", ["residual", "single_pass", "whitened"])
def test_flat_fields_are_found_as_they_are(prompting: Callable, same_colour: Callable, option: str) -> None:
    image, segmenter = patchwork(), same_colour(reduction=2)
    found = find_segments(image, EVERYWHERE, segmenter, prompting(option), min_area=50)
    fields = sorted([x, y, x + 32, y + 32] for x in range(0, SIZE, 32) for y in range(0, SIZE, 32))
    assert sorted(found.boxes.tolist()) == fields
    assert found.areas.tolist() == [1024] * 16
    assert (found.rounds == 1).all()
    assert len(segmenter.embedded) == 1
    assert np.array_equal(image, patchwork())


@pytest.mark.parametrize("max_rounds", [1, 2, 3, 4])
def test_residual_embeds_once_whatever_the_rounds(prompting: Callable, same_colour: Callable, max_rounds: int) -> None:
    """Scores of the four columns of fields that the four rounds accept one after the other."""
    thresholds = [0.9, 0.85, 0.7, 0.3]  # rounds ask for 0.88, 0.8, 0.6 and 0
    scores = {int(red): thresholds[column] for row in REDS for column, red in enumerate(row)}
    segmenter = same_colour(reduction=2, scores=scores)
    option = prompting("residual", f"prompting.max_rounds={max_rounds}")
    found = find_segments(patchwork(), EVERYWHERE, segmenter, option, min_area=50)
    assert len(segmenter.embedded) == 1
    assert np.bincount(found.rounds, minlength=5).tolist() == [0, *[4] * max_rounds, *[0] * (4 - max_rounds)]
    assert found.union().mean() == max_rounds / 4
    # What a round found is not asked again.
    covered = np.zeros_like(EVERYWHERE)
    for what, values in segmenter.log:
        if what == "asked":
            columns, rows = values.astype(int).T
            assert not covered[rows, columns].any()
        else:
            covered |= values.any(axis=0)


def test_single_pass_is_one_round_of_the_whole_grid(prompting: Callable, same_colour: Callable) -> None:
    segmenter = same_colour(scores=dict.fromkeys(REDS.ravel().tolist(), 0.1))
    assert len(find_segments(patchwork(), EVERYWHERE, segmenter, prompting("single_pass"), min_area=50)) == 0
    assert len(segmenter.embedded) == 1
    assert [len(points) for points in segmenter.asked] == [64] * 16  # 32 x 32 points in batches of 64


def test_whitened_embeds_what_is_left_once_a_round(prompting: Callable, same_colour: Callable) -> None:
    scores = dict.fromkeys(REDS[2:].ravel().tolist(), 0.1)  # the lower half is never accepted
    segmenter = same_colour(scores=scores)
    image = patchwork()
    found = find_segments(image, EVERYWHERE, segmenter, prompting("whitened"), min_area=50)
    assert found.union()[:64].all()
    assert not found.union()[64:].any()
    assert len(segmenter.embedded) == 4
    assert segmenter.embedded[0] is image
    for seen in segmenter.embedded[1:]:
        assert (seen[:64] == 255).all()
        assert (seen[80:] < 255).any()
    assert [len(points) for points in segmenter.asked] == [64] * 16 * 4


def test_published_numbers_of_the_rounds(prompting: Callable) -> None:
    rounds = list(prompting("whitened").rounds.values())
    assert [stage.search.max_settled for stage in rounds] == [1.0, 0.5, 0.9, 0.9]
    assert isinstance(rounds[0].painter, Unpainted)
    # Edges are whitened after round 3, before round 4.
    assert [stage.painter.edges for stage in rounds[1:]] == [False, False, True]
    assert {(stage.search.min_score, stage.search.min_stability, stage.search.max_box_iou) for stage in rounds} == {
        (0.88, 0.95, 0.7)
    }
    assert {stage.search.prompts.side for stage in rounds} == {32}


def rounds_of(search: object, *painters: object, max_rounds: int = 9, min_residual: float = 0.05) -> Prompting:
    stages = {f"round_{number}": Round(painter, search) for number, painter in enumerate(painters, start=1)}
    return Prompting(stages, max_rounds, min_residual)


@pytest.mark.parametrize(("min_residual", "rounds"), [(0.24, 2), (0.25, 1), (0.26, 1)])
def test_stops_when_little_is_left(same_colour: Callable, min_residual: float, rounds: int) -> None:
    segmenter = same_colour(scores=dict.fromkeys(REDS[3].tolist(), 0.1))  # the last row, a quarter, is never accepted
    option = rounds_of(GRID, Unpainted(), Unpainted(), min_residual=min_residual)
    assert len(trace_rounds(patchwork(), EVERYWHERE, segmenter, option, min_area=50)) == rounds


def test_what_is_left_is_counted_as_the_round_would_show_it(same_colour: Callable) -> None:
    """A strip of 6 px between two fields is 4.7 % of the image, and white once the fields have grown by 3 px."""
    image = patchwork()
    image[:, :61], image[:, 67:], image[:, 61:67] = 20, 60, 120
    for painter, embedded in ((PUBLISHED, 1), (replace(PUBLISHED, grow=2), 2)):
        segmenter = same_colour(scores={120: 0.1})
        option = rounds_of(GRID, Unpainted(), painter, min_residual=0.01)
        assert len(find_segments(image, EVERYWHERE, segmenter, option, min_area=50)) == 2
        assert len(segmenter.embedded) == embedded


def test_no_more_rounds_than_allowed(same_colour: Callable) -> None:
    segmenter = same_colour(scores=dict.fromkeys(REDS.ravel().tolist(), 0.1))
    option = rounds_of(GRID, *[PUBLISHED] * 5, max_rounds=3)
    find_segments(patchwork(), EVERYWHERE, segmenter, option, min_area=50)
    assert len(segmenter.embedded) == 3


def test_nothing_valid_nothing_asked(same_colour: Callable) -> None:
    segmenter = same_colour()
    found = find_segments(patchwork(), ~EVERYWHERE, segmenter, rounds_of(ANYWHERE, Unpainted()), min_area=50)
    assert len(found) == 0
    assert segmenter.embedded == []


@given(st.integers(0, 2**20), st.sampled_from([ANYWHERE, GRID]), st.sampled_from([1, 2, 3]))
def test_nothing_is_returned_where_nothing_is_valid(
    same_colour: Callable, discs: Callable, seed: int, search: object, reduction: int
) -> None:
    rng = np.random.default_rng(seed)
    height, width = rng.integers(10, 70, 2)
    valid = np.repeat(np.repeat(rng.random((7, 7)) < 0.7, 10, 0), 10, 1)[:height, :width]
    image = np.repeat(np.repeat(rng.integers(0, 250, (7, 7, 3)), 10, 0), 10, 1)[:height, :width].astype(np.uint8)
    for segmenter in (same_colour(reduction), discs(reduction, radius=7.0)):
        option = rounds_of(search, Unpainted(), PUBLISHED, replace(PUBLISHED, edges=True), min_residual=0.0)
        found = find_segments(image, valid, segmenter, option, min_area=4)
        assert not (found.union() & ~valid).any()
        assert found.shape == (height, width)
        assert set(found.rounds.tolist()) <= {1, 2, 3}
        if segmenter.asked:
            columns, rows = np.floor(np.concatenate(segmenter.asked)).astype(int).T
            assert valid[rows, columns].all()

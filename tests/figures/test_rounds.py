"""The picture of the rounds, by its arrays, its words and what is on the paper."""

import numpy as np
import pytest
from PIL import Image

from isagrsc2.delineation.segments import Segments
from isagrsc2.delineation.tracing import TracedRound
from isagrsc2.figures.rounds import (
    FADING,
    OPACITY,
    OPACITY_BEFORE,
    ROUND_COLOURS,
    added_picture,
    covered_after,
    draw_rounds,
    outlines,
    seen_picture,
)

GREY = 100
FIRST, SECOND = (slice(0, 20), slice(0, 20)), (slice(0, 20), slice(20, 40))


def segments(*boxes, shape=(20, 40), number=1):
    masks = np.zeros((len(boxes), *shape), bool)
    for mask, box in zip(masks, boxes, strict=True):
        mask[box] = True
    values = np.ones(len(boxes), np.float32)
    return Segments.from_masks(masks, values, values, np.full(len(boxes), number, np.int16))


def traced(number, *boxes, points=((5, 5),), shape=(20, 40), settled=()):
    seen = np.full((*shape, 3), GREY, np.uint8)
    wanted = np.zeros(shape, bool)
    for box in settled:
        wanted[box] = True
    return TracedRound(
        number, seen, wanted, np.array(points, float).reshape(-1, 2), segments(*boxes, shape=shape, number=number)
    )


def words(figure):
    return [text.get_text() for text in figure.texts]


def tinted(number, opacity):
    return GREY * (1 - opacity) + np.array(ROUND_COLOURS[number - 1]) * opacity


def two_rounds():
    return [traced(1, FIRST), traced(2, SECOND, points=[(25, 5), (35, 15)], settled=[FIRST])]


def test_a_column_per_round_says_what_was_asked_and_added(tmp_path, drawn):
    path = tmp_path / "rounds.png"
    draw_rounds(np.full((20, 40, 3), GREY, np.uint8), two_rounds(), path)
    (figure,) = drawn
    assert words(figure)[0] == "2 rounds on one tile of 40 × 20 px"
    assert words(figure)[2:] == [
        "Round 1",
        "asked at 1 point, 100% was left",
        "added 1 segment, 50% found so far",
        "Round 2",
        "asked at 2 points, 50% was left",
        "added 1 segment, 100% found so far",
    ]
    first, _, second, _ = figure.axes
    assert first.collections[0].get_offsets().tolist() == [[5, 5]]
    assert second.collections[0].get_offsets().tolist() == [[25, 5], [35, 15]]
    assert Image.open(path).size == pytest.approx(figure.get_size_inches() * figure.dpi, abs=1)


def test_what_is_settled_fades_and_white_stays_white():
    picture = seen_picture(traced(2, settled=[FIRST]))
    assert picture[FIRST] == pytest.approx(GREY * (1 - FADING) + 255 * FADING, abs=1)
    assert (picture[SECOND] == GREY).all()
    white = traced(2, settled=[FIRST])
    white.seen[FIRST] = 255
    assert (seen_picture(white)[FIRST] == 255).all()


def test_rounds_keep_their_colours_and_pale():
    picture = added_picture(np.full((20, 40, 3), GREY, np.uint8), two_rounds(), 1)
    assert picture[10, 10] == pytest.approx(tinted(1, OPACITY_BEFORE), abs=1)
    assert picture[10, 30] == pytest.approx(tinted(2, OPACITY), abs=1)
    assert picture[10, 20].max() < 40  # outline of the segment that was added
    assert picture[10, 19] == pytest.approx(tinted(1, OPACITY_BEFORE), abs=1)  # none of that before


def test_where_rounds_overlap_the_last_one_shows_whole():
    rounds = [traced(1, FIRST), traced(2, (slice(0, 20), slice(10, 40)))]
    picture = added_picture(np.full((20, 40, 3), GREY, np.uint8), rounds, 1)
    assert picture[10, 15] == pytest.approx(tinted(2, OPACITY), abs=1)
    assert covered_after(rounds) == [0.5, 1.0]


def test_what_no_round_found_stays_grey():
    picture = added_picture(np.full((20, 40, 3), GREY, np.uint8), [traced(1, FIRST)], 1)
    assert (picture[:, 20:] == GREY).all()


def test_outlines_lie_inside_and_along_the_frame():
    drawn = outlines(segments((slice(5, 15), slice(0, 10))), 2)
    expected = np.zeros((20, 40), bool)
    expected[5:15, 0:10] = True
    expected[7:13, 2:8] = False
    assert (drawn == expected).all()


def test_more_rounds_than_colours_and_a_round_without_points_fit_on_the_paper(tmp_path, drawn):
    shape = (60, 30)
    rounds = [traced(number, shape=shape, points=[]) for number in range(1, 9)]
    draw_rounds(np.full((*shape, 3), GREY, np.uint8), rounds, tmp_path / "eight.png")
    draw_rounds(np.full((*shape, 3), GREY, np.uint8), rounds[:1], tmp_path / "one.png")
    assert words(drawn[0])[-1] == "added 0 segments, 0% found so far"
    assert words(drawn[1])[0] == "1 round on one tile of 30 × 60 px"
    for figure in drawn:
        figure.canvas.draw()
        width, height = figure.get_size_inches() * figure.dpi
        boxes = [text.get_window_extent() for text in figure.texts]
        assert min(min(box.x0, box.y0) for box in boxes) >= 0
        assert max(box.x1 for box in boxes) <= width
        assert max(box.y1 for box in boxes) <= height


def test_only_the_whole_is_a_hundred_per_cent(tmp_path, drawn):
    nearly = traced(1, (slice(0, 20), slice(0, 40)))
    nearly.added.crops[0][0, 0] = False
    draw_rounds(np.full((20, 40, 3), GREY, np.uint8), [nearly], tmp_path / "rounds.png")
    assert words(drawn[0])[-1] == "added 1 segment, 99% found so far"

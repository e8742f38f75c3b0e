"""Suspects and what becomes of them: entropies and edges by hand, fields of flat colours split again."""

from collections.abc import Callable, Sequence
from dataclasses import replace

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from isagrsc2.delineation.prompts import GridPoints
from isagrsc2.delineation.refinement import (
    HeterogeneousRefinement,
    NoRefinement,
    inner_edge_ratio,
    mean_channel_entropy,
)
from isagrsc2.delineation.searching import AutomaticSearch
from isagrsc2.delineation.segments import Segments

SEARCH = AutomaticSearch(prompts=GridPoints(8), batch=16, min_score=0.88, min_stability=0.95, max_box_iou=0.7, max_settled=0.9)
# The published numbers, but flat fields have neither many colours nor many edges.
REFINEMENT = HeterogeneousRefinement(
    min_share=0.01,
    min_inner_edges=0.1,
    min_entropy=1.0,
    blur=5,
    canny=(100, 100),
    outline_band=3,
    search=SEARCH,
    duplicate_iou=0.9,
    known_iou=0.6,
    replaced=0.9,
)

Make = Callable[..., Segments]
Draw = Callable[..., np.ndarray]


@pytest.mark.parametrize(
    ("channels", "entropy"),
    [
        ([np.zeros(256)] * 3, 0.0),
        ([np.arange(256)] * 3, 8.0),  # 256 values alike: log2(256)
        ([np.arange(256) % 2] * 3, 1.0),
        ([np.zeros(256), np.arange(256) % 2, np.arange(256)], 3.0),  # (0 + 1 + 8) / 3
    ],
)
def test_entropy_by_hand(channels: Sequence[np.ndarray], entropy: float) -> None:
    assert mean_channel_entropy(np.stack(channels, axis=1).astype(np.uint8)) == pytest.approx(entropy)


def test_entropy_of_noise_and_of_nothing() -> None:
    noise = np.random.default_rng(0).integers(0, 256, (100_000, 3)).astype(np.uint8)
    assert mean_channel_entropy(noise) == pytest.approx(8, abs=0.01)
    assert mean_channel_entropy(np.zeros((0, 3), np.uint8)) == 0


def ratio(image: np.ndarray, mask: np.ndarray) -> float:
    return inner_edge_ratio(image, mask, blur=5, canny=(100, 100), outline_band=3)


def test_a_flat_segment_has_only_its_outline(rectangle: Draw) -> None:
    image = np.full((60, 80, 3), 90, np.uint8)
    assert ratio(image, np.ones((60, 80), bool)) == 0
    assert ratio(image, rectangle((60, 80), 10, 40, 10, 50)) == 0


def test_a_white_segment_has_no_edges_at_all() -> None:
    assert ratio(np.full((30, 30, 3), 255, np.uint8), np.ones((30, 30), bool)) == 0


def test_one_border_inside_a_square() -> None:
    # The outline has 4 x 60 = 240 px, the border between the halves 60, less some px of the band at both ends.
    image = np.full((60, 60, 3), 50, np.uint8)
    image[:, 30:] = 150
    assert 54 / 300 < ratio(image, np.ones((60, 60), bool)) < 60 / 300


def test_stripes_are_inner_edges() -> None:
    image = np.full((60, 60, 3), 40, np.uint8)
    image[:, np.arange(60) // 6 % 2 == 0] = 160  # nine borders of 60 px against 240 px of outline
    assert 0.6 < ratio(image, np.ones((60, 60), bool)) < 9 * 60 / (9 * 60 + 240)


def test_what_lies_outside_the_mask_does_not_count(rectangle: Draw) -> None:
    noisy = np.random.default_rng(0).integers(0, 256, (60, 60, 3)).astype(np.uint8)
    noisy[10:50, 10:50] = 90
    assert ratio(noisy, rectangle((60, 60), 10, 50, 10, 50)) == 0


@given(st.integers(0, 1000))
def test_the_box_gives_what_the_whole_frame_gives(seed: int) -> None:
    """The published way: the image is whitened and searched for edges as a whole."""
    rng = np.random.default_rng(seed)
    image = cv2.GaussianBlur(rng.integers(0, 256, (90, 90, 3)).astype(np.uint8), (0, 0), 2)
    image = np.clip((image.astype(int) - 128) * 4 + 128, 0, 255).astype(np.uint8)
    mask = np.zeros((90, 90), bool)
    mask[20:60, 25:70] = True
    mask[20:35, 25 : rng.integers(30, 60)] = False

    whitened = image.copy()
    whitened[~mask] = 255
    edges = cv2.Canny(cv2.GaussianBlur(cv2.cvtColor(whitened, cv2.COLOR_RGB2GRAY), (5, 5), 0), 100, 100)
    outline, _ = cv2.findContours(mask.astype(np.uint8), cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_SIMPLE)
    band = cv2.drawContours(np.zeros((90, 90), np.uint8), outline, -1, 255, 3)
    expected = np.count_nonzero(edges[band == 0]) / np.count_nonzero(edges)

    rows, columns = np.flatnonzero(mask.any(axis=1)), np.flatnonzero(mask.any(axis=0))
    box = np.s_[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]
    assert ratio(image[box], mask[box]) == expected


GREYS = (20, 160, 230, 90)


def quarters(size: int = 80) -> np.ndarray:
    """Four fields of one grey each."""
    image = np.zeros((size, size, 3), np.uint8)
    half = size // 2
    for grey, (y, x) in zip(GREYS, ((0, 0), (0, half), (half, 0), (half, half)), strict=True):
        image[y : y + half, x : x + half] = grey
    return image


def test_a_suspect_is_split_and_goes(make_segments: Make, rectangle: Draw, same_colour: Callable) -> None:
    segmenter = same_colour()
    whole = make_segments([rectangle((80, 80), 0, 80, 0, 80)], [0.7])
    refined = REFINEMENT.refine(whole, quarters(), segmenter, min_area=50)
    assert sorted(refined.boxes.tolist()) == [[0, 0, 40, 40], [0, 40, 40, 80], [40, 0, 80, 40], [40, 40, 80, 80]]
    assert refined.areas.tolist() == [1600] * 4
    assert refined.rounds.tolist() == [1] * 4  # the suspect's
    assert len(segmenter.embedded) == 1


def test_the_segmenter_sees_the_suspect_alone(make_segments: Make, rectangle: Draw, same_colour: Callable) -> None:
    segmenter = same_colour()
    image = quarters()
    corner = rectangle((80, 80), 10, 70, 20, 80) & ~rectangle((80, 80), 10, 30, 20, 30)
    refined = REFINEMENT.refine(make_segments([corner]), image, segmenter, min_area=50)
    (seen,) = segmenter.embedded
    assert seen.shape == (60, 60, 3)
    assert (seen[:20, :10] == 255).all()
    assert np.array_equal(seen[20:], image[30:70, 20:80])
    assert len(refined) == 4
    assert np.array_equal(refined.union(), corner), "what is white is not a piece"
    assert (image == quarters()).all()


@pytest.mark.parametrize(
    "changed",
    [{"min_share": 1.0}, {"min_inner_edges": 0.6}, {"min_entropy": 2.1}],  # four colours alike: 2 bit
)
def test_all_three_must_hold(make_segments: Make, rectangle: Draw, same_colour: Callable, changed: dict[str, float]) -> None:
    segmenter = same_colour()
    whole = make_segments([rectangle((80, 80), 0, 80, 0, 80)])
    refined = replace(REFINEMENT, **changed).refine(whole, quarters(), segmenter, min_area=50)
    assert refined.areas.tolist() == [6400]
    assert segmenter.embedded == []


def test_a_flat_segment_is_no_suspect(make_segments: Make, rectangle: Draw, same_colour: Callable) -> None:
    segmenter = same_colour()
    REFINEMENT.refine(make_segments([rectangle((80, 80), 0, 40, 0, 40)]), quarters(), segmenter, min_area=50)
    assert segmenter.embedded == []


def test_a_suspect_that_is_not_covered_stays(make_segments: Make, rectangle: Draw, same_colour: Callable) -> None:
    segmenter = same_colour(scores={20: 0.5})  # three quarters are found: 0.75 of the suspect, less than 0.9
    whole = make_segments([rectangle((80, 80), 0, 80, 0, 80)])
    refined = REFINEMENT.refine(whole, quarters(), segmenter, min_area=50)
    assert refined.areas.tolist() == [6400, 1600, 1600, 1600]
    refined = replace(REFINEMENT, replaced=0.7).refine(whole, quarters(), segmenter, min_area=50)
    assert refined.areas.tolist() == [1600] * 3


def test_a_suspect_in_which_nothing_is_found_stays(make_segments: Make, rectangle: Draw, same_colour: Callable) -> None:
    segmenter = same_colour(scores=dict.fromkeys(GREYS, 0.1))
    whole = make_segments([rectangle((80, 80), 0, 80, 0, 80)])
    assert REFINEMENT.refine(whole, quarters(), segmenter, min_area=50).areas.tolist() == [6400]


def test_a_piece_that_is_known_is_not_repeated(make_segments: Make, rectangle: Draw, same_colour: Callable) -> None:
    # 40 x 30 of the piece's 40 x 40 px: IoU 0.75 exceeds 0.6. It stays, and so does the suspect: 0.75 of it are new.
    known = rectangle((80, 80), 0, 40, 0, 30)
    segments = make_segments([rectangle((80, 80), 0, 80, 0, 80), known])
    refined = REFINEMENT.refine(segments, quarters(), same_colour(), min_area=50)
    assert refined.areas.tolist() == [6400, 1200, 1600, 1600, 1600]


def test_two_suspects_that_overlap_give_each_piece_once(make_segments: Make, rectangle: Draw, same_colour: Callable) -> None:
    segmenter = same_colour()
    segments = make_segments([rectangle((80, 80), 0, 80, 0, 80), rectangle((80, 80), 0, 80, 0, 78)])
    refined = REFINEMENT.refine(segments, quarters(), segmenter, min_area=50)
    assert len(segmenter.embedded) == 2
    assert refined[refined.areas == 1600].rounds.tolist() == [1] * 4


def test_pieces_are_connected_and_not_small(make_segments: Make, rectangle: Draw, same_colour: Callable) -> None:
    image = quarters()
    image[2:10, 50:58] = image[0, 0]  # 64 px of the first colour within the second field
    image[60:65, 10:15] = image[0, 0]  # and 25 px within the third
    refined = REFINEMENT.refine(make_segments([rectangle((80, 80), 0, 80, 0, 80)]), image, same_colour(), min_area=50)
    assert sorted(refined.areas.tolist()) == [64, 1600 - 64, 1600 - 25, 1600, 1600]


def test_no_refinement(make_segments: Make, rectangle: Draw, same_colour: Callable) -> None:
    segments, segmenter = make_segments([rectangle((80, 80), 0, 80, 0, 80)]), same_colour()
    assert NoRefinement().refine(segments, quarters(), segmenter, min_area=50) is segments
    assert segmenter.embedded == []


def test_nothing_to_refine(same_colour: Callable) -> None:
    assert len(REFINEMENT.refine(Segments.empty((80, 80)), quarters(), same_colour(), min_area=50)) == 0

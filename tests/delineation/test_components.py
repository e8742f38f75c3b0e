"""Connected components: hand cases of diagonal contact, then scipy.ndimage.label."""

from collections.abc import Callable

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from scipy import ndimage

from isagrsc2.delineation.components import components, drop_small, label_components, split_components
from isagrsc2.delineation.segments import Segments

MASKS = arrays(np.bool_, st.tuples(st.integers(1, 12), st.integers(1, 12)))

# Two pieces that touch only at a corner, 3 and 2 px.
DIAGONAL = np.array(
    [
        [1, 1, 0, 0],
        [1, 0, 0, 0],
        [0, 1, 1, 0],
    ],
    bool,
)


def test_a_corner_does_not_connect() -> None:
    labels, areas = components(DIAGONAL)
    assert labels.tolist() == [[1, 1, 0, 0], [1, 0, 0, 0], [0, 2, 2, 0]]
    assert areas.tolist() == [7, 3, 2]


def test_nothing_and_everything() -> None:
    assert components(np.zeros((2, 3), bool))[1].tolist() == [6]
    assert components(np.ones((2, 3), bool))[1].tolist() == [0, 6]


@given(MASKS)
def test_components_are_those_of_scipy(mask: np.ndarray) -> None:
    labels, areas = components(mask)
    expected, count = ndimage.label(mask)
    assert np.array_equal(label_components(labels)[0], label_components(expected.astype(np.int32))[0])
    assert len(areas) == count + 1
    assert areas.tolist() == np.bincount(labels.ravel(), minlength=count + 1).tolist()


def test_drop_small_keeps_what_is_just_large_enough() -> None:
    assert drop_small(DIAGONAL, 3).sum() == 3
    assert drop_small(DIAGONAL, 3.5).sum() == 0
    assert drop_small(DIAGONAL, 0).sum() == 5  # never the background


def test_a_label_in_two_places_becomes_two_pieces() -> None:
    labels = np.array([[5, 5, 0, 5], [3, 0, 0, 5]], np.int32)
    pieces, owner = label_components(labels)
    assert pieces.tolist() == [[1, 1, 0, 2], [3, 0, 0, 2]]
    assert owner.tolist() == [0, 5, 5, 3]


def test_no_label_no_piece() -> None:
    pieces, owner = label_components(np.zeros((2, 2), np.int32))
    assert not pieces.any()
    assert owner.tolist() == [0]


@given(arrays(np.int32, st.tuples(st.integers(1, 10), st.integers(1, 10)), elements=st.integers(0, 3)))
def test_pieces_are_connected_and_keep_their_label(labels: np.ndarray) -> None:
    pieces, owner = label_components(labels)
    assert np.array_equal(owner[pieces], labels)
    assert len(owner) == pieces.max() + 1
    # As many pieces as scipy finds label by label, and each of them one region.
    assert len(owner) - 1 == sum(ndimage.label(labels == value)[1] for value in (1, 2, 3))
    for piece in range(1, len(owner)):
        assert ndimage.label(pieces == piece)[1] == 1
    # Numbered in raster order of their first pixel.
    firsts = [int(np.flatnonzero(pieces == piece)[0]) for piece in range(1, len(owner))]
    assert firsts == sorted(firsts)


def test_split_gives_every_component_its_box(make_segments: Callable[..., Segments]) -> None:
    frame = np.zeros((6, 7), bool)
    frame[2:5, 1:5] = DIAGONAL
    found = split_components(make_segments([frame], [0.7]), min_area=1)
    assert found.boxes.tolist() == [[1, 2, 3, 4], [2, 4, 4, 5]]
    assert found.areas.tolist() == [3, 2]
    assert found.scores.tolist() == [np.float32(0.7)] * 2
    assert split_components(make_segments([frame]), min_area=3).areas.tolist() == [3]
    assert len(split_components(make_segments([frame]), min_area=4)) == 0


@given(st.lists(arrays(np.bool_, (7, 9)), min_size=1, max_size=3), st.integers(1, 5))
def test_split_loses_only_what_is_small(make_segments: Callable[..., Segments], masks: list[np.ndarray], min_area: int) -> None:
    found = split_components(make_segments(masks), min_area)
    # The pieces of one segment do not overlap: they add up to what scipy calls large enough.
    for number, mask in enumerate(masks, start=1):
        labels, _ = ndimage.label(mask)
        large = np.bincount(labels.ravel()) >= min_area
        large[0] = False
        pieces = found[found.rounds == number]
        assert np.array_equal(pieces.union(), large[labels])
        assert pieces.areas.sum() == large[labels].sum()
        assert len(pieces) == large.sum()
    assert (found.areas >= min_area).all()

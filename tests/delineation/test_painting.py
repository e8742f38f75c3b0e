"""What a round shows: by hand on images of flat fields."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis.extra.numpy import arrays

from isagrsc2.delineation.painting import Unpainted, Whitened, grow, paint, small_contours

PUBLISHED = Whitened(
    frame=100, grow=3, dark_speck=200, bright_remnant=1000, edges=False, canny=(100, 200), edge_kernel=5, edge_growths=3
)
NOTHING = np.zeros((100, 100), bool)


def flat(*rectangles: tuple[int, int, int, int, int], size: int = 100) -> np.ndarray:
    """Grey rectangles (grey, y0, y1, x0, x1), the later over the earlier."""
    image = np.zeros((size, size, 3), np.uint8)
    for grey, y0, y1, x0, x1 in rectangles:
        image[y0:y1, x0:x1] = grey
    return image


def test_unpainted_is_the_very_same_image() -> None:
    image, covered = flat(), NOTHING.copy()
    view = Unpainted().view(image, covered)
    assert view.image is image
    assert view.settled is covered


def test_growth_by_three_pixels() -> None:
    mask = np.zeros((15, 15), bool)
    mask[7, 7] = True
    rows, columns = np.indices((15, 15))
    distance = np.hypot(rows - 7, columns - 7)
    grown = grow(mask, 3)
    assert grown[distance <= 3].all()
    assert not grown[distance > 3.5].any()


def test_growth_by_nothing_is_a_copy() -> None:
    mask = np.eye(3, dtype=bool)
    grown = grow(mask, 0)
    assert np.array_equal(grown, mask)
    assert grown is not mask


def test_what_is_covered_is_grown_and_white() -> None:
    covered = NOTHING.copy()
    covered[20:60, 20:60] = True
    image = flat((60, 0, 100, 0, 100))
    view = PUBLISHED.view(image, covered)
    rows, columns = np.nonzero(view.settled)
    assert (rows.min(), rows.max(), columns.min(), columns.max()) == (17, 62, 17, 62)
    assert (view.image[view.settled] == 255).all()
    assert np.array_equal(view.image[~view.settled], image[~view.settled])
    assert (image == 60).all(), "the image that was handed over stays as it is"


def test_lengths_follow_the_tile() -> None:
    covered = np.zeros((200, 100), bool)
    covered[80:120, 40:60] = True  # long side 200: 2 px are one of the frame
    view = PUBLISHED.view(np.full((200, 100, 3), 60, np.uint8), covered)
    rows = np.flatnonzero(view.settled[:, 50])
    assert (rows.min(), rows.max()) == (80 - 6, 119 + 6)


def test_dark_specks_go() -> None:
    # 10 x 10 px: the contour through the pixels' centres holds 9 x 9 = 81; 20 x 20: 19 x 19 = 361 and more than 200.
    image = flat((200, 0, 100, 0, 100), (50, 10, 20, 10, 20), (50, 50, 70, 50, 70))
    settled = PUBLISHED.view(image, NOTHING).settled
    assert settled[10:20, 10:20].all()
    assert settled.sum() == 100


def test_bright_remnants_go() -> None:
    # 20 x 20 = 400 px and less than 1000; 40 x 40 = 1600 stay.
    image = flat((50, 0, 100, 0, 100), (200, 10, 30, 10, 30), (200, 50, 90, 50, 90))
    settled = PUBLISHED.view(image, NOTHING).settled
    assert settled[10:30, 10:30].all()
    assert settled.sum() == 400


def test_bright_soil_is_not_taken_for_done() -> None:
    image = flat((50, 0, 100, 0, 50), (230, 0, 100, 50, 100))
    assert not PUBLISHED.view(image, NOTHING).settled.any()


def test_texture_beside_much_white_is_not_a_heap_of_specks() -> None:
    """Otsu's threshold counts the white: what is left of a wood is darker than it, leaves, shadows and all."""
    covered = NOTHING.copy()
    covered[:, 47:] = True
    image = flat((90, 0, 100, 0, 100))
    image[::4, ::4] = 20
    image[2::4, 2::4] = 140
    settled = PUBLISHED.view(image, covered).settled
    assert settled[:, 44:].all()
    assert not settled[:, :44].any()


def test_edges_are_whitened_and_grown() -> None:
    # One column of edges at 49 or 50, grown three times by 2 px to each side.
    image = flat((50, 0, 100, 0, 50), (150, 0, 100, 50, 100))
    settled = replace(PUBLISHED, edges=True).view(image, NOTHING).settled
    columns = np.flatnonzero(settled.all(axis=0))
    assert len(columns) == 13
    assert abs(columns.mean() - 49.5) <= 0.5
    assert settled.sum() == 13 * 100
    assert not PUBLISHED.view(image, NOTHING).settled.any()


def test_everything_covered() -> None:
    for painter in (PUBLISHED, replace(PUBLISHED, edges=True)):
        view = painter.view(flat((80, 0, 100, 0, 100)), np.ones((100, 100), bool))
        assert view.settled.all()
        assert (view.image == 255).all()


@pytest.mark.parametrize(("min_area", "filled"), [(9, 0), (9.5, 16)])
def test_contours_are_measured_between_centres(min_area: float, filled: int) -> None:
    mask = np.zeros((8, 8), bool)
    mask[2:6, 2:6] = True  # 4 x 4 px, 3 x 3 between the centres
    assert small_contours(mask, min_area).sum() == filled


def test_a_small_ring_is_filled() -> None:
    mask = np.zeros((8, 8), bool)
    mask[2:6, 2:6] = True
    mask[3:5, 3:5] = False
    assert small_contours(mask, 10).sum() == 16


@given(arrays(np.uint8, (12, 16, 3)), arrays(np.bool_, (12, 16)))
def test_a_view_never_uncovers(image: np.ndarray, covered: np.ndarray) -> None:
    before = image.copy()
    for painter in (PUBLISHED, replace(PUBLISHED, edges=True)):
        view = painter.view(image, covered)
        assert view.settled[covered].all()
        assert np.array_equal(view.image, paint(before, view.settled))
    assert np.array_equal(image, before)

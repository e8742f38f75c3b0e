"""Residual share and the way from the tile to the decoder frame, by hand."""

import numpy as np
import pytest

from isagrsc2.delineation.coverage import in_decoder_frame, residual_share


def test_share_counts_valid_pixels_only() -> None:
    valid = np.ones((4, 5), bool)
    valid[0] = False  # 15 px are valid
    residual = np.zeros((4, 5), bool)
    residual[:2, :3] = True  # 3 of them are residual, and 3 px of what is not valid
    assert residual_share(residual, valid) == 3 / 15
    assert residual_share(residual, np.zeros((4, 5), bool)) == 0


def test_same_scale_is_the_same_mask() -> None:
    mask = np.random.default_rng(0).random((5, 7)) < 0.5
    assert np.array_equal(in_decoder_frame(mask, (5, 7), 1.0), mask)


def test_halved_takes_the_pixel_at_the_centre() -> None:
    mask = np.zeros((4, 6), bool)
    mask[1, 3] = True  # the centre of decoder pixel (0, 1) is the corner between rows 0, 1 and columns 2, 3: floor gives 1, 3
    assert in_decoder_frame(mask, (2, 3), 0.5).tolist() == [[False, True, False], [False, False, False]]


def test_thirds_take_the_middle() -> None:
    mask = np.arange(9) % 3 == 1
    assert in_decoder_frame(np.tile(mask, (9, 1)), (3, 3), 1 / 3).all()
    assert not in_decoder_frame(np.tile(~mask, (9, 1)), (3, 3), 1 / 3).any()


def test_larger_decoder_frame_repeats_pixels() -> None:
    mask = np.array([[True, False]])
    assert in_decoder_frame(mask, (2, 4), 2.0).tolist() == [[True, True, False, False]] * 2


@pytest.mark.parametrize("size", [5, 7, 8, 9, 11])
@pytest.mark.parametrize("reduction", [1, 2, 3, 4])
def test_a_valid_tile_is_valid_to_its_last_decoder_pixel(size: int, reduction: int) -> None:
    count = -(-size // reduction)
    assert in_decoder_frame(np.ones((size, size), bool), (count, count), 1 / reduction).all()


def test_padding_is_never_valid() -> None:
    # 100 x 400 px in a square of 64 x 64: 64 / 400 = 0.16 decoder px per tile px, so 16 rows show the tile.
    shown = in_decoder_frame(np.ones((100, 400), bool), (64, 64), 0.16)
    assert shown[:16].all()
    assert not shown[16:].any()

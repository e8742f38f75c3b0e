"""What is settled, what is left, and how much of it."""

import numpy as np
import numpy.typing as npt

BoolArray = npt.NDArray[np.bool_]


def residual_share(residual: BoolArray, valid: BoolArray) -> float:
    """Share of the valid pixels that is residual, 0 to 1; 0 where nothing is valid."""
    total = np.count_nonzero(valid)
    return np.count_nonzero(residual & valid) / total if total else 0.0


def in_decoder_frame(mask: BoolArray, mask_shape: tuple[int, int], scale: float) -> BoolArray:
    """Sample a tile-frame mask at the centres of decoder pixels.

    Args:
        mask: (H, W) bool, tile px.
        mask_shape: (h, w) of the decoder frame.
        scale: decoder px per tile px.

    Returns:
        (h, w) bool; False where the decoder frame reaches beyond the tile.
    """
    height, width = mask.shape
    rows = np.floor((np.arange(mask_shape[0]) + 0.5) / scale).astype(int)
    columns = np.floor((np.arange(mask_shape[1]) + 0.5) / scale).astype(int)
    # The last decoder pixel of a tile whose size is no multiple of 1 / scale has its centre just outside: it still counts.
    rows[(rows >= height) & (np.arange(mask_shape[0]) / scale < height)] = height - 1
    columns[(columns >= width) & (np.arange(mask_shape[1]) / scale < width)] = width - 1
    inside_rows, inside_columns = rows < height, columns < width
    sampled = np.zeros(mask_shape, bool)
    sampled[np.ix_(inside_rows, inside_columns)] = mask[np.ix_(rows[inside_rows], columns[inside_columns])]
    return sampled

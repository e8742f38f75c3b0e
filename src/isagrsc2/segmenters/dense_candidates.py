"""Masks as decoders give them: a number for every pixel."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import numpy.typing as npt

from isagrsc2.segmenters.protocol import BoolArray, Rows


@dataclass(frozen=True)
class DenseCandidates:
    """Masks proposed for N points, M nested masks each. Implements ``isagrsc2.segmenters.protocol.Candidates``.

    Attributes:
        logits: (N, M, h, w) real numbers in the decoder frame, an array or a tensor; the mask is where they are > 0.
        scores: (N, M) float32, see the protocol.
        stability_of: logits (K, h, w) to their stability, (K,) float32, see the protocol; K may be 0.
        enlarger: brings logits (K, h, w) to the tile frame, (K, H, W) bool; K may be 0.
    """

    logits: Any
    scores: npt.NDArray[np.float32]
    stability_of: Callable[[Any], npt.NDArray[np.float32]]
    enlarger: Callable[[Any], BoolArray]

    def __post_init__(self) -> None:
        """Check that the arrays are aligned."""
        if self.logits.ndim != 4 or self.scores.shape != self.logits.shape[:2]:
            raise ValueError(f"misaligned candidates: logits {self.logits.shape}, scores {self.scores.shape}")

    @cached_property
    def masks(self) -> BoolArray:
        """(N, M, h, w) bool, decoder frame."""
        return np.asarray(self.logits > 0)

    def pixels(self, point: int, mask: int) -> npt.NDArray[np.int64]:
        """See the protocol."""
        return np.flatnonzero(self.masks[point, mask])

    def smallest(self, points: npt.NDArray[np.integer[Any]]) -> list[npt.NDArray[np.int64]]:
        """See the protocol."""
        return smallest_pixels(self.masks[points])

    def stability(self, rows: Rows) -> npt.NDArray[np.float32]:
        """See the protocol."""
        return self.stability_of(self.chosen(rows))

    def enlarge(self, rows: Rows) -> BoolArray:
        """See the protocol."""
        return self.enlarger(self.chosen(rows))

    def chosen(self, rows: Rows) -> Any:
        """Logits (K, h, w) of chosen masks."""
        return self.logits[rows]


def smallest_pixels(masks: BoolArray) -> list[npt.NDArray[np.int64]]:
    """Flat indices of the smallest of M masks, for each of K points; (K, M, h, w) bool."""
    smallest = np.count_nonzero(masks, axis=(2, 3)).argmin(axis=1)  # (K,)
    return [np.flatnonzero(masks[row, mask]) for row, mask in enumerate(smallest.tolist())]

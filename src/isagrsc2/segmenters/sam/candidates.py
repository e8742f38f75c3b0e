"""Masks whose logits stay where they were computed, all of them or as they are asked for."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from segment_anything.utils.amg import calculate_stability_score
from torch import Tensor

from isagrsc2.segmenters.dense_candidates import DenseCandidates, smallest_pixels
from isagrsc2.segmenters.protocol import BoolArray, Rows

Numbers = npt.NDArray[np.integer[Any]]


@dataclass(frozen=True)
class DeviceCandidates(DenseCandidates):
    """``DenseCandidates`` of a tensor on any device: one byte a pixel leaves it, at once for all masks."""

    @cached_property
    def masks(self) -> BoolArray:
        """(N, M, h, w) bool, decoder frame."""
        above: BoolArray = (self.logits > 0).cpu().numpy()
        return above

    def chosen(self, rows: Rows) -> Tensor:
        """Logits (K, h, w) of chosen masks, on the same device."""
        return at_rows(self.logits, rows)


class DrawnCandidates:
    """Masks that are drawn when they are first looked at. Implements ``isagrsc2.segmenters.protocol.Candidates``.

    Drawing takes about as long as everything that the scores need, and of points without a good score no mask is looked at.

    Args:
        scores: (N, M) float32, see the protocol.
        draw: logits (K, M, h, w) of K points, given by their numbers; K at least 1.
        logits: (N, M, h, w) of the device and dtype of the masks; what is in it is written over.
        stability_of: see ``DenseCandidates``.
        enlarger: see ``DenseCandidates``.
    """

    def __init__(
        self,
        scores: npt.NDArray[np.float32],
        draw: Callable[[Numbers], Tensor],
        logits: Tensor,
        stability_of: Callable[[Tensor], npt.NDArray[np.float32]],
        enlarger: Callable[[Tensor], BoolArray],
    ) -> None:
        self.scores = scores
        self._draw, self._logits = draw, logits
        self._masks = np.zeros(logits.shape, bool)
        self._drawn = np.zeros(len(logits), bool)
        self._stability_of, self._enlarger = stability_of, enlarger

    def stability(self, rows: Rows) -> npt.NDArray[np.float32]:
        """See the protocol."""
        return self._stability_of(self.chosen(rows))

    def pixels(self, point: int, mask: int) -> npt.NDArray[np.int64]:
        """See the protocol."""
        self._look_at(np.array([point]))
        return np.flatnonzero(self._masks[point, mask])

    def smallest(self, points: Numbers) -> list[npt.NDArray[np.int64]]:
        """See the protocol."""
        self._look_at(points)
        return smallest_pixels(self._masks[points])

    def enlarge(self, rows: Rows) -> BoolArray:
        """See the protocol."""
        return self._enlarger(self.chosen(rows))

    def chosen(self, rows: Rows) -> Tensor:
        """Logits (K, h, w) of chosen masks, on the device."""
        self._look_at(rows[0])
        return at_rows(self._logits, rows)

    def _look_at(self, points: Numbers) -> None:
        """Draw the masks of points where they are not drawn yet."""
        missing = np.unique(points[~self._drawn[points]])
        if len(missing):
            logits = self._draw(missing)  # (K, M, h, w)
            self._logits[torch.from_numpy(missing).to(logits.device)] = logits
            self._masks[missing] = (logits > 0).cpu().numpy()  # at once: one transfer, of one byte a pixel
            self._drawn[missing] = True


def at_rows(logits: Tensor, rows: Rows) -> Tensor:
    """Logits (K, h, w) of chosen masks among (N, M, h, w), on the same device."""
    # torch knows no negative strides: rows may be a reversed view.
    point, mask = (torch.from_numpy(np.ascontiguousarray(numbers)).to(logits.device) for numbers in rows)
    return logits[point, mask]


def stability_between(logits: Tensor, offset: float) -> npt.NDArray[np.float32]:
    """Stability of masks as segment-anything has it, but at the decoder's resolution: its generator enlarges first.

    Args:
        logits: (K, h, w), K may be 0.
        offset: how far the mask threshold is moved up and down, logits.

    Returns:
        (K,), 0 for a mask that is empty even at the looser threshold.
    """
    stable: Tensor = calculate_stability_score(logits, 0.0, offset)
    return stable.nan_to_num(0.0).cpu().numpy()  # an empty mask is 0 / 0

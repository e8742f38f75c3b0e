"""Masks whose logits stay where they were computed."""

from dataclasses import dataclass
from functools import cached_property

import numpy as np
import torch

from isagrsc2.segmenters.dense_candidates import DenseCandidates
from isagrsc2.segmenters.protocol import BoolArray, Rows


@dataclass(frozen=True)
class DeviceCandidates(DenseCandidates):
    """``DenseCandidates`` of a tensor on any device: one byte a pixel leaves it, at once for all masks."""

    @cached_property
    def masks(self) -> BoolArray:
        """(N, M, h, w) bool, decoder frame."""
        above: BoolArray = (self.logits > 0).cpu().numpy()
        return above

    def enlarge(self, rows: Rows) -> BoolArray:
        """See the protocol."""
        # torch knows no negative strides: rows may be a reversed view.
        point, mask = (torch.from_numpy(np.ascontiguousarray(numbers)).to(self.logits.device) for numbers in rows)
        return self.enlarger(self.logits[point, mask])

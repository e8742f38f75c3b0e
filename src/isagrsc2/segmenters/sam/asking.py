"""Asking a decoder about points batch by batch, and drawing masks when they are looked at."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from isagrsc2.errors import InputError
from isagrsc2.options import check_choice, check_number, check_whole
from isagrsc2.segmenters.sam.candidates import DrawnCandidates, stability_between
from isagrsc2.segmenters.sam.enlargement import Enlargement

PRECISIONS = {"float32": torch.float32, "bfloat16": torch.bfloat16, "float16": torch.float16}
DEVICES = ("cpu", "cuda", "mps")

# Places of points (B, 2), px of the network's input, to tokens (B, t, C), places (B, T, C) and scores (B, M).
Attend = Callable[[Tensor], tuple[Tensor, Tensor, Tensor]]
# Tokens and places of points to logits (B, M, h, w).
Draw = Callable[[Tensor, Tensor], Tensor]


@dataclass(frozen=True)
class Asking:
    """How a decoder is asked.

    Attributes:
        device: where it runs.
        dtype: of logits.
        batch: points per call.
        padded: whether every call has so many points, the last one repeated. A GPU chooses its kernels by shape and has room to
            spare; a CPU would work on prompts that nobody asked.
        stability_offset: how far the mask threshold is moved up and down to measure stability, logits.
    """

    device: torch.device
    dtype: torch.dtype
    batch: int
    padded: bool
    stability_offset: float

    def ask(
        self, places: npt.NDArray[np.float64], shape: tuple[int, int, int], attend: Attend, draw: Draw, enlargement: Enlargement
    ) -> DrawnCandidates:
        """Ask about points (N, 2), px of the network's input; ``shape`` (M, h, w) is that of the masks of one point.

        What drawing needs, 4.2 MB per point with the published models, and logits, 0.8 MB, stay on the device; in half
        precision it is half of it.
        """
        prompts = torch.as_tensor(places, dtype=torch.float32, device=self.device)  # (N, 2) xy
        logits = torch.empty((len(prompts), *shape), dtype=self.dtype, device=self.device)
        scores = torch.empty((len(prompts), shape[0]), dtype=torch.float32, device=self.device)
        attended: list[tuple[Tensor, Tensor]] = []
        with torch.autocast(self.device.type, enabled=False):
            for start in range(0, len(prompts), self.batch):
                rows = slice(start, start + self.batch)
                some = prompts[rows]  # (B, 2)
                missing = self.batch - len(some) if self.padded else 0
                tokens, looked, ious = attend(torch.cat([some, some[-1:].expand(missing, -1)]))
                attended += zip(tokens[: len(some)], looked[: len(some)], strict=True)
                scores[rows] = ious[: len(some)]
        stability_of = partial(stability_between, offset=self.stability_offset)
        return DrawnCandidates(scores.cpu().numpy(), partial(self._draw, draw, attended), logits, stability_of, enlargement)

    @torch.no_grad()
    def _draw(self, draw: Draw, attended: list[tuple[Tensor, Tensor]], numbers: npt.NDArray[np.integer[Any]]) -> Tensor:
        """Logits (K, M, h, w) of some of the points, whose tokens (t, C) and places (T, C) are given."""
        size = self.batch if self.padded else 1  # measured: on a CPU one at a time is a fifth faster than four
        drawn = []
        with torch.autocast(self.device.type, enabled=False):
            for start in range(0, len(numbers), size):
                some = numbers[start : start + size].tolist()
                filled = some + some[-1:] * (size - len(some))
                tokens, places = (torch.stack(part) for part in zip(*(attended[number] for number in filled), strict=True))
                drawn.append(draw(tokens, places)[: len(some)])
        return torch.cat(drawn)


def batch_on(device: torch.device, batch: Mapping[str, int]) -> int:
    """Points per decoder call on a device.

    Args:
        device: where the decoder runs.
        batch: the option, a number for each of ``DEVICES``.

    Raises:
        InputError: it is none.
    """
    if not isinstance(batch, Mapping) or set(batch) != set(DEVICES):
        raise InputError(
            f"segmenter.batch={batch} does not fit; it has a number for each kind of device, as in segmenter.batch.cuda=32."
        )
    check_whole(f"segmenter.batch.{device.type}", batch[device.type], 1)
    return batch[device.type]


def check_asking(device: torch.device, batch: int, stability_offset: float, precision: str) -> None:
    """Check the options of ``Asking``, before gigabytes are read.

    Raises:
        InputError: one does not fit.
    """
    check_whole("segmenter.batch", batch, 1)
    check_number("segmenter.stability_offset", stability_offset, 0)
    check_choice("segmenter.precision", precision, tuple(PRECISIONS))
    if precision == "float16" and device.type == "cpu":
        raise InputError("segmenter.precision=float16 is slow on a CPU; choose float32 or bfloat16, or another device.")

"""From the decoder frame to the tile: SAM's interpolation, only where a mask is."""

from dataclasses import dataclass
from typing import Self

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor
from torch.nn import functional as F

from isagrsc2.segmenters.protocol import BoolArray


@dataclass(frozen=True)
class _Axis:
    """What enlarging does along one axis: it is linear.

    Attributes:
        weights: (L, l) float32, of l decoder px in each of L tile px; none is below 0, and a row sums to 1.
        first: (L,), first decoder px that counts in a tile px; never falls.
        last: (L,), last one; never falls.
    """

    weights: Tensor
    first: npt.NDArray[np.int64]
    last: npt.NDArray[np.int64]

    @classmethod
    def of(cls, decoder: int, network: int, resized: int, tile: int, device: torch.device) -> Self:
        """Interpolate one px after the other, as ``Sam.postprocess_masks`` does.

        Args:
            decoder: side of the decoder frame, px.
            network: side of the network's input, px.
            resized: of it, px that are not padding.
            tile: side of the tile, px.
            device: of the weights.
        """
        single = torch.eye(decoder)[None]  # (1, l, l)
        padded = F.interpolate(single, network, mode="linear", align_corners=False)[..., :resized]
        weights = F.interpolate(padded, tile, mode="linear", align_corners=False)[0].T  # (L, l)
        counts = weights.numpy() > 0
        first, last = counts.argmax(1), decoder - 1 - counts[:, ::-1].argmax(1)
        return cls(weights.contiguous().to(device), first, last)

    def reach(self, begin: int, end: int) -> tuple[slice, slice]:
        """Tile px in which decoder px ``begin`` up to, not including, ``end`` count, and all decoder px that count in these.

        Both are empty where several decoder px fall on one tile px and none of the given counts.
        """
        tile = slice(int(np.searchsorted(self.last, begin)), int(np.searchsorted(self.first, end)))
        if tile.start >= tile.stop:
            return slice(0), slice(0)
        return tile, slice(int(self.first[tile.start]), int(self.last[tile.stop - 1]) + 1)


@dataclass(frozen=True)
class Enlargement:
    """Brings masks of one image to the tile frame: bilinear to the network's input, padding cut off, bilinear to the tile.

    Attributes:
        down: along y.
        across: along x.
    """

    down: _Axis
    across: _Axis

    @classmethod
    def of(
        cls,
        mask_shape: tuple[int, int],
        network: int,
        input_shape: tuple[int, int],
        tile_shape: tuple[int, int],
        device: torch.device,
    ) -> Self:
        """Weights of a pair of frames, 1 MB an axis for a tile of 1024 px.

        Args:
            mask_shape: (h, w), decoder px.
            network: side of the network's input, px.
            input_shape: (H', W') of the resized image before padding, px of the network's input.
            tile_shape: (H, W), tile px.
            device: where masks are enlarged.
        """
        axes = [_Axis.of(*sides, device) for sides in zip(mask_shape, (network, network), input_shape, tile_shape, strict=True)]
        return cls(*axes)

    def __call__(self, logits: Tensor) -> BoolArray:
        """Enlarge logits (K, h, w) of any dtype, K may be 0, to masks (K, H, W).

        Weights are not negative, so a tile px can only be above 0 where a decoder px that counts in it is: outside the box of
        such pixels nothing is computed.
        """
        above = logits > 0
        rows, columns = above.any(2).cpu().numpy(), above.any(1).cpu().numpy()  # (K, h), (K, w)
        masks = np.zeros((len(logits), len(self.down.first), len(self.across.first)), np.bool_)
        for number in np.flatnonzero(rows.any(1)).tolist():
            tile_y, y = self.down.reach(*_ends(rows[number]))
            tile_x, x = self.across.reach(*_ends(columns[number]))
            small = logits[number, y, x].float()
            large = self.down.weights[tile_y, y] @ small @ self.across.weights[tile_x, x].T
            masks[number, tile_y, tile_x] = (large > 0).cpu().numpy()
        return masks


def _ends(occupied: BoolArray) -> tuple[int, int]:
    """First place and the place behind the last, of (L,) with at least one."""
    return int(occupied.argmax()), len(occupied) - int(occupied[::-1].argmax())

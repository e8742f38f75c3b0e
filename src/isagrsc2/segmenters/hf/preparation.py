"""A tile as the network wants it, by the model's own image processor, and where in it the tile lies."""

from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor


@dataclass(frozen=True)
class Prepared:
    """A tile before the image encoder.

    Attributes:
        pixels: (1, 3, N, N) float32, on the CPU.
        to_input: (x, y), px of the network's input per tile px.
        full: side of the frame that masks are enlarged to first, px of that frame.
        shown: (H', W') of that frame in which the tile lies, its upper left corner; the rest is cut off.
    """

    pixels: Tensor
    to_input: tuple[float, float]
    full: int
    shown: tuple[int, int]


class Preparation(Protocol):
    """What surrounds an image processor of transformers."""

    def __init__(self, image_processor: Any) -> None:
        """Take it over."""
        ...

    def __call__(self, image: npt.NDArray[np.uint8]) -> Prepared:
        """Prepare a tile, (H, W, 3) uint8 RGB."""
        ...


class LongestSide:
    """SAM's way: the longest side becomes N px, the image keeps its shape, and what is missing is padding, after all else.

    Masks go back the same way: to the network's input, without the padding, to the tile.
    """

    def __init__(self, image_processor: Any) -> None:
        self._process = image_processor

    def __call__(self, image: npt.NDArray[np.uint8]) -> Prepared:
        """See ``Preparation``."""
        made = _process(self._process, image)
        height, width = image.shape[:2]
        down, across = (int(side) for side in made["reshaped_input_sizes"][0])
        pixels: Tensor = made["pixel_values"]
        return Prepared(pixels, (across / width, down / height), pixels.shape[-1], (down, across))


class SquareCanvas:
    """For networks whose image processor makes a square of any image, that is, distorts it.

    A tile is no square where the scene is smaller than a tile. Distorted, it would have other decoder pixels per tile pixel
    in x than in y, which the protocol does not know, and parcels would have other shapes than in other scenes. So it is put
    in the upper left corner of a square with the longer of its sides; the rest has the mean colour that the image processor
    takes off, as the padding of SAM has. A square tile is handed on as it is. Masks go back the same way: from the decoder to
    the square, and what lies outside the tile is cut off.
    """

    def __init__(self, image_processor: Any) -> None:
        self._process = image_processor
        self._mean = np.rint(np.array(image_processor.image_mean) * 255).astype(np.uint8)  # (3,)

    def __call__(self, image: npt.NDArray[np.uint8]) -> Prepared:
        """See ``Preparation``."""
        height, width = image.shape[:2]
        side = max(height, width)
        canvas = np.empty((side, side, 3), np.uint8)
        canvas[:] = self._mean
        canvas[:height, :width] = image
        pixels: Tensor = _process(self._process, canvas)["pixel_values"]
        scale = pixels.shape[-1] / side
        return Prepared(pixels, (scale, scale), side, (height, width))


def _process(image_processor: Any, image: npt.NDArray[np.uint8]) -> Any:
    """``pixel_values`` (1, 3, N, N) and what else it says."""
    # Channels are named: three rows would pass for them.
    pixels = torch.from_numpy(np.ascontiguousarray(image)).permute(2, 0, 1)
    return image_processor(images=pixels, input_data_format="channels_first", return_tensors="pt")

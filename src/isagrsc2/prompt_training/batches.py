"""What the training of a promptable segmenter is fed."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from torch import Tensor

# Values of a label raster that are no parcel.
NO_PARCEL, UNKNOWN = 0, -1

# images (N, 3, S, S) uint8 RGB; labels (N, S, S) int32: UNKNOWN where nothing is known (outside the scene, no data, not
# labelled), NO_PARCEL, or the number of a parcel, from 1, that means something inside its image only; prompts (N, P, 2)
# float32, x and y in px of the image; indices (N,) int64, draws (see ``training.sampling``).
PromptBatch = tuple[Tensor, Tensor, Tensor, Tensor]


@dataclass(frozen=True)
class PromptedImage:
    """An image to measure on, as it is.

    Attributes:
        name: what a person calls it.
        image: (H, W, 3) uint8 RGB.
        labels: (H, W) int32, as in ``PromptBatch``.
        prompts: (P, 2) float32, x and y in px, all of them inside parcels; the same ones every time.
        index: position among the images of its side.
    """

    name: str
    image: npt.NDArray[np.uint8]
    labels: npt.NDArray[np.int32]
    prompts: npt.NDArray[np.float32]
    index: int

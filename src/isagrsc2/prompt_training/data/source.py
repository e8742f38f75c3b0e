"""What every source of labelled images shares."""

from typing import Protocol

import numpy as np
import numpy.typing as npt

from isagrsc2.prompt_training.crops import RandomCrop

# (H, W, 3) uint8 RGB and (H, W) int32 as in ``batches``; parcels are numbered from 1 up to about how many the scene has.
LabelledImage = tuple[npt.NDArray[np.uint8], npt.NDArray[np.int32]]


class Source(Protocol):
    """Crops to learn from."""

    def crop(self, number: int, crop: RandomCrop, generator: np.random.Generator) -> LabelledImage:
        """Cut a crop, a function of its number and of the generator's state alone.

        Args:
            number: how many this source gave before, in all epochs.
            crop: draws where it lies.
            generator: draws.

        Returns:
            (S, S, 3) uint8 RGB and (S, S) int32 labels.
        """
        ...


class ToMeasure(Protocol):
    """An image to measure on, read when it is needed; it has a parcel."""

    @property
    def name(self) -> str:
        """What a person calls it, distinct."""
        ...

    def read(self) -> LabelledImage:
        """(H, W, 3) uint8 RGB and (H, W) int32 labels."""
        ...

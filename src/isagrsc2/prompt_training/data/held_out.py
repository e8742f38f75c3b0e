"""Images to measure on, each with the same prompts every time."""

import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import overload

import numpy as np

from isagrsc2.prompt_training.batches import PromptedImage
from isagrsc2.prompt_training.crops import renumber
from isagrsc2.prompt_training.data.base import PromptedImages
from isagrsc2.prompt_training.data.source import ToMeasure
from isagrsc2.prompt_training.prompts import one_prompt_per_parcel


@dataclass(frozen=True)
class HeldOutImages(PromptedImages):
    """Whole scenes, or the middles of large ones.

    Attributes:
        images: what is read.
        prompts: parcels of an image that are asked at most.
        min_parcel: smaller pieces of parcels are not asked unless there are no others, px².
        seed: of the prompts, which depend on the image's name and not on the other images.
    """

    images: Sequence[ToMeasure]
    prompts: int
    min_parcel: int
    seed: int

    def __len__(self) -> int:
        return len(self.images)

    @overload
    def __getitem__(self, index: int) -> PromptedImage: ...

    @overload
    def __getitem__(self, index: slice) -> list[PromptedImage]: ...

    def __getitem__(self, index: int | slice) -> PromptedImage | list[PromptedImage]:
        if isinstance(index, slice):
            return [self._read(number) for number in range(*index.indices(len(self)))]
        return self._read(index)

    def _read(self, index: int) -> PromptedImage:
        one = self.images[index]
        image, numbers = one.read()
        labels = renumber(numbers)
        generator = np.random.default_rng((self.seed, zlib.crc32(one.name.encode())))
        prompts = one_prompt_per_parcel(labels, self.prompts, self.min_parcel, generator)
        return PromptedImage(one.name, image, labels, prompts, index)

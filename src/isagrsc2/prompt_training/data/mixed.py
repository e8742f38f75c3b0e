"""Crops of two sources by turns."""

import math
from dataclasses import dataclass

import numpy as np

from isagrsc2.prompt_training.crops import RandomCrop
from isagrsc2.prompt_training.data.source import LabelledImage, Source


@dataclass(frozen=True)
class MixedSource:
    """Takes exactly a share of all crops from one source, evenly spread, and the others from another.

    Not by chance: each batch has its share, and each source numbers its own crops without gaps, so that it knows which of
    them are neighbours.

    Attributes:
        first: a source.
        second: another.
        share: of the second, 0 to 1.
    """

    first: Source
    second: Source
    share: float

    def crop(self, number: int, crop: RandomCrop, generator: np.random.Generator) -> LabelledImage:
        """See ``Source.crop``."""
        before = math.floor(number * self.share)  # crops of the second source
        if math.floor((number + 1) * self.share) > before:
            return self.second.crop(before, crop, generator)
        return self.first.crop(number - before, crop, generator)

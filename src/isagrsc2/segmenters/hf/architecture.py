"""What differs between the networks: the features of an image, and how prompts are answered from them."""

from dataclasses import dataclass
from typing import Any, Protocol

import torch
from torch import Tensor

from isagrsc2.segmenters.sam.prompt_decoder import PromptDecoder, SharedPlaces

# Features of one image, float32: those of all places first, others behind.
Features = tuple[Tensor, ...]


@dataclass(frozen=True)
class ImageDecoder:
    """The decoder, for one image.

    Attributes:
        decoder: knows the details of the image, if it takes any.
        shared: what it needs of the image for any prompt.
    """

    decoder: PromptDecoder
    shared: SharedPlaces

    def attend(self, points: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """See ``PromptDecoder.attend``.

        Args:
            points: (B, 2) float32, xy in px of the network's input, where the centre of the first pixel is 0; B at least 1.
        """
        return self.decoder.attend(self.shared, self.decoder.tokens(points))

    def draw(self, tokens: Tensor, places: Tensor) -> Tensor:
        """See ``PromptDecoder.draw``."""
        return self.decoder.draw(tokens, places)


class Architecture(Protocol):
    """One kind of network."""

    def __init__(self, model: Any, dtype: torch.dtype) -> None:
        """Take over a network.

        Args:
            model: of transformers, on its device; its modules are used, and may be exchanged for equal ones.
            dtype: of all in the decoder that has the image's size.
        """
        ...

    def encode(self, pixels: Tensor) -> Features:
        """Look at an image, (1, 3, N, N)."""
        ...

    def decoder_of(self, features: Features) -> ImageDecoder:
        """Do what no prompt is needed for."""
        ...

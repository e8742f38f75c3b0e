"""CLIP's image encoder with the embeddings of texts in place of a linear layer."""

from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from isagrsc2.classification.networks.normalisation import ColourStatistics, Normalisation

# (N,) sentences to (N, L) int64 tokens.
Tokenizer = Callable[[Sequence[str]], Tensor]


class ZeroShotNetwork(nn.Module):
    """Logits of K classes that are described by texts (Radford et al. 2021, section 3.1.2).

    A logit is the cosine between the embeddings of image and class, times the scale that CLIP has learned.
    """

    embeddings: Tensor

    def __init__(self, model: Any, colours: ColourStatistics, embeddings: Tensor) -> None:
        """Join the parts.

        Args:
            model: of open_clip.
            colours: what its images are normalised by.
            embeddings: (K, D) of the classes, of length 1.
        """
        super().__init__()
        self.normalise = Normalisation(colours)
        self.model = model
        self.register_buffer("embeddings", embeddings, persistent=False)

    def forward(self, chips: Tensor) -> Tensor:
        """(N, 3, S, S) uint8 RGB to (N, K) logits."""
        images = self.model.encode_image(self.normalise(chips), normalize=True)  # (N, D)
        logits: Tensor = self.model.logit_scale.exp() * images @ self.embeddings.T  # (N, K)
        return logits


@torch.inference_mode()
def embed_classes(model: Any, tokenizer: Tokenizer, sentences: Sequence[Sequence[str]]) -> Tensor:
    """Embed classes, each as the mean over its sentences (Radford et al. 2021, section 3.1.4).

    Args:
        model: of open_clip.
        tokenizer: the model's.
        sentences: K lists of sentences.

    Returns:
        (K, D) of length 1: the normalised mean of normalised embeddings.
    """
    classes = []
    for texts in sentences:
        embeddings = model.encode_text(tokenizer(texts), normalize=True)  # (sentences, D)
        classes.append(F.normalize(embeddings.mean(dim=0), dim=0))
    return torch.stack(classes)

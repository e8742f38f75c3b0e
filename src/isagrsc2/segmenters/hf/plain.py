"""SAM (Kirillov et al. 2023, https://arxiv.org/abs/2304.02643), as transformers has it."""

from typing import Any

import torch
from torch import Tensor

from isagrsc2.segmenters.hf.architecture import Features, ImageDecoder
from isagrsc2.segmenters.hf.fused_encoder import fuse_attention
from isagrsc2.segmenters.hf.renamed_modules import as_segment_anything
from isagrsc2.segmenters.sam.prompt_decoder import PromptDecoder


class Plain:
    """Implements ``Architecture``."""

    def __init__(self, model: Any, dtype: torch.dtype) -> None:
        self._model = fuse_attention(model)
        self._decoder = PromptDecoder(as_segment_anything(model), dtype)

    def encode(self, pixels: Tensor) -> Features:
        """See ``Architecture``; (1, C, h / 4, w / 4)."""
        return (self._model.get_image_embeddings(pixels).float(),)

    def decoder_of(self, features: Features) -> ImageDecoder:
        """See ``Architecture``."""
        return ImageDecoder(self._decoder, self._decoder.share(features[0]))

"""HQ-SAM (Ke et al. 2023, https://arxiv.org/abs/2306.01567).

To SAM's decoder it adds a token of its own, whose mask is drawn on features in which those of an early block of the image
encoder take part, and is added to SAM's masks.
"""

from typing import Any

import torch
from torch import Tensor

from isagrsc2.segmenters.hf.architecture import Features, ImageDecoder
from isagrsc2.segmenters.hf.detailed_decoder import DetailedDecoder
from isagrsc2.segmenters.hf.fused_encoder import fuse_attention
from isagrsc2.segmenters.hf.renamed_modules import as_segment_anything


class HighQuality:
    """Implements ``Architecture``.

    Follows the published network: transformers (5.23) draws masks on what the transformer was given instead of on what it
    made of it, with y and x exchanged. The three masks are in SAM's order, where transformers sorts them by score.
    """

    def __init__(self, model: Any, dtype: torch.dtype) -> None:
        self._model = fuse_attention(model)
        self._decoder = _Decoder(model, dtype)

    def encode(self, pixels: Tensor) -> Features:
        """See ``Architecture``; (1, C, h / 4, w / 4), and of the first global block (1, h / 4, w / 4, D)."""
        features, of_blocks = self._model.get_image_embeddings(pixels)
        return features.float(), of_blocks[0].float()

    def decoder_of(self, features: Features) -> ImageDecoder:
        """See ``Architecture``."""
        return ImageDecoder(self._decoder.on(self._blend(*features)), self._decoder.share(features[0]))

    def _blend(self, features: Tensor, early: Tensor) -> Tensor:
        """Global and early features, (1, C / 8, h, w)."""
        network = self._model.mask_decoder
        late = network.activation(network.encoder_norm(network.encoder_conv1(features)))
        detail = network.compress_vit_conv1(early.permute(0, 3, 1, 2))
        detail = network.activation(network.compress_vit_norm(detail))
        blended: Tensor = network.encoder_conv2(late) + network.compress_vit_conv2(detail)
        return blended


class _Decoder(DetailedDecoder):
    """The detail is what ``HighQuality`` blends."""

    def __init__(self, model: Any, dtype: torch.dtype) -> None:
        super().__init__(as_segment_anything(model), model.mask_decoder.hq_token.weight, dtype)
        self._network = model.mask_decoder

    def _draw(self, tokens: Tensor, places: Tensor) -> Tensor:
        fine = self._upscale(places, 0.0, 0.0)
        masks = self._masks(tokens, fine)  # (B, 3, h, w)
        kernel = self._network.hq_mask_mlp(tokens[:, -1]).to(self._dtype)  # (B, C / 8)
        channels = fine.view(len(fine), -1, kernel.shape[-1]).transpose(1, 2)  # (B, C / 8, 16 T)
        picture = self._in_order(channels)  # (B, C / 8, h, w)
        with torch.autocast(picture.device.type, self._dtype, enabled=self._dtype != torch.float32):
            drawn = self._network.activation(self._network.mask_norm(self._network.mask_conv1(picture)))
            drawn = self._network.mask_conv2(drawn).to(self._dtype) + self._details[0]
        return masks + torch.einsum("bc,bchw->bhw", kernel, drawn)[:, None]

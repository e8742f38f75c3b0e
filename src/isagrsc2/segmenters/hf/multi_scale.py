"""SAM 2 (Ravi et al. 2024, https://arxiv.org/abs/2408.00714) for single images, and what has its decoder.

Those are EdgeTAM (Zhou et al. 2025, https://arxiv.org/abs/2501.07256) and the tracker of SAM 3. To SAM's decoder they add
two finer feature maps of the image, after each of the two steps of upscaling, and a token that says whether there is an
object at all, which is not asked for.
"""

from typing import Any

import torch
from torch import Tensor

from isagrsc2.segmenters.hf.architecture import Features, ImageDecoder
from isagrsc2.segmenters.hf.detailed_decoder import DetailedDecoder
from isagrsc2.segmenters.hf.renamed_modules import as_segment_anything


class MultiScale:
    """Implements ``Architecture``."""

    def __init__(self, model: Any, dtype: torch.dtype) -> None:
        self._model = model
        self._decoder = _Decoder(as_segment_anything(model), model.mask_decoder.obj_score_token.weight, dtype)

    def encode(self, pixels: Tensor) -> Features:
        """See ``Architecture``; (1, C, h / 4, w / 4), (1, C / 4, h / 2, w / 2) and (1, C / 8, h, w)."""
        found = self._model.get_image_features(pixels, return_dict=True).fpn_hidden_states  # (H * W, 1, C) each, finest first
        # SAM 3's neck gives a fourth, coarser map. Its tracker of videos drops it; transformers' model of images adds the
        # embedding of "no memory" to it in vain (5.23).
        maps = [
            flat.float().permute(1, 2, 0).unflatten(2, tuple(size))
            for flat, size in zip(found, self._model.backbone_feature_sizes, strict=False)
        ]
        finest, middle, coarsest = maps
        return coarsest + self._model.no_memory_embedding.view(1, -1, 1, 1), middle, finest

    def decoder_of(self, features: Features) -> ImageDecoder:
        """See ``Architecture``."""
        coarsest, middle, finest = features
        return ImageDecoder(self._decoder.on(_by_place(middle, 1), _by_place(finest, 2)), self._decoder.share(coarsest))


class _Decoder(DetailedDecoder):
    """Details are those of the middle and of the finest map, by place."""

    def _draw(self, tokens: Tensor, places: Tensor) -> Tensor:
        return self._masks(tokens, self._upscale(places, *self._details))


def _by_place(fine: Tensor, steps: int) -> Tensor:
    """Order a map as upscaling leaves it: 2 x 2 in each place, and after a second step 2 x 2 in each of these.

    Args:
        fine: (1, C', n * H, n * W), n = 2 ** ``steps``, of H * W = T places.
        steps: 1 or 2.

    Returns:
        (1, T, 4, C') or (1, T, 4, 4 * C').
    """
    _, channels, height, width = fine.shape
    halves = (2,) * steps
    split = fine.view(channels, height >> steps, *halves, width >> steps, *halves)  # C', y, y within, x, x within
    y, x = 1, 2 + steps
    within = [axis + step for step in range(1, steps + 1) for axis in (y, x)]
    return split.permute(y, x, *within, 0).reshape(1, (height >> steps) * (width >> steps), 4, -1)

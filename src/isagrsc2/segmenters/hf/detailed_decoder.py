"""SAM's decoder with a further token, and with details of the image that enter while masks are drawn."""

import copy
from types import SimpleNamespace
from typing import Self

import torch
from torch import Tensor
from torch.nn import functional as F

from isagrsc2.segmenters.sam.prompt_decoder import PromptDecoder


class DetailedDecoder(PromptDecoder):
    """What ``PromptDecoder`` does, in steps that the models after SAM can enter.

    Args:
        sam: see ``PromptDecoder``; made by ``as_segment_anything``.
        token: (1, C), goes behind the others. Their order means nothing to the transformer.
        dtype: see ``PromptDecoder``.
    """

    def __init__(self, sam: SimpleNamespace, token: Tensor, dtype: torch.dtype) -> None:
        super().__init__(sam, dtype)
        self._token = token
        self._details: tuple[Tensor, ...] = ()

    def on(self, *details: Tensor) -> Self:
        """The decoder for one image, with details (1, C', n * h / 4, n * w / 4) as the subclass wants them."""
        bound = copy.copy(self)
        bound._details = tuple(detail.to(self._dtype) for detail in details)
        return bound

    @torch.no_grad()
    def tokens(self, points: Tensor) -> Tensor:
        """See ``PromptDecoder``; (B, t + 1, C), the further token last."""
        tokens = super().tokens(points)
        return torch.cat([tokens, self._token.expand(len(points), -1, -1)], dim=1)

    def _upscale(self, places: Tensor, middle: Tensor | float, finest: Tensor | float) -> Tensor:
        """Places (B, T, C) to (B, T, 4, 4 * C / 8), 2 x 2 within 2 x 2 in each place.

        Args:
            places: after the transformer.
            middle: added where there are 2 x 2 in each place, (1, T, 4, C / 4).
            finest: added at the end, (1, T, 4, 4 * C / 8).
        """
        _, norm, activation, _, last_activation = self._decoder.output_upscaling
        fine = F.linear(places, *self._first).unflatten(2, (4, -1)) + middle  # (B, T, 4, C / 4)
        fine = activation(F.layer_norm(fine, fine.shape[-1:], *self._norm, norm.eps))
        upscaled: Tensor = last_activation(F.linear(fine, *self._second) + finest)  # (B, T, 4, 4 * C / 8)
        return upscaled

    def _masks(self, tokens: Tensor, fine: Tensor) -> Tensor:
        """Logits (B, 3, h, w) of the last tokens (B, t + 1, C) and what ``_upscale`` gives."""
        networks = self._decoder.output_hypernetworks_mlps
        kernels = torch.stack([networks[mask](tokens[:, 1 + mask]) for mask in range(1, len(networks))], dim=1)  # (B, 3, C / 8)
        channels = fine.view(len(fine), -1, kernels.shape[-1])  # (B, 16 T, C / 8)
        return self._in_order(torch.bmm(kernels.to(self._dtype), channels.transpose(1, 2)))

    def _in_order(self, values: Tensor) -> Tensor:
        """(B, M, 16 T), place by place, to (B, M, h, w)."""
        height, width = self._encoder.image_embedding_size
        values = values.view(*values.shape[:2], height, width, 2, 2, 2, 2)  # y, x, then twice y and x within
        return values.permute(0, 1, 2, 4, 6, 3, 5, 7).reshape(*values.shape[:2], 4 * height, 4 * width)

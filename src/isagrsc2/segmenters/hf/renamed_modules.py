"""The decoder of a transformers model under the names that segment-anything gives its parts.

The two-way transformer is the same in all models since SAM; so the same fast decoder, ``PromptDecoder``, serves them all.
"""

from types import SimpleNamespace
from typing import Any

import torch
from segment_anything.modeling.transformer import Attention
from torch import Tensor


def as_segment_anything(model: Any) -> SimpleNamespace:
    """All that ``PromptDecoder`` reads of a ``Sam``. Weights are shared, nothing is copied.

    Args:
        model: any model of ``isagrsc2.segmenters.hf.checkpoint.FAMILIES``.
    """
    decoder = model.mask_decoder
    activation = decoder.activation
    return SimpleNamespace(
        prompt_encoder=_PromptEncoder(model),
        mask_decoder=SimpleNamespace(
            transformer=_transformer(decoder.transformer),
            iou_token=decoder.iou_token,
            mask_tokens=decoder.mask_tokens,
            iou_prediction_head=decoder.iou_prediction_head,
            output_hypernetworks_mlps=decoder.output_hypernetworks_mlps,
            output_upscaling=(
                decoder.upscale_conv1,
                decoder.upscale_layer_norm,
                activation,
                decoder.upscale_conv2,
                activation,
            ),
        ),
    )


class _PromptEncoder:
    """Called as segment-anything's."""

    def __init__(self, model: Any) -> None:
        self._model = model
        self.no_mask_embed = model.prompt_encoder.no_mask_embed
        self.image_embedding_size = model.prompt_encoder.image_embedding_size

    def get_dense_pe(self) -> Tensor:
        """(1, C, H, W), code of the places' positions."""
        code: Tensor = self._model.get_image_wide_positional_embeddings()
        return code

    def __call__(self, points: tuple[Tensor, Tensor], boxes: None, masks: None) -> tuple[Tensor, Tensor]:
        """Tokens (B, P + 1, C) of places (B, P, 2), xy in px of the network's input, and labels (B, P)."""
        places, labels = points
        # transformers has images before points.
        tokens, dense = self._model.prompt_encoder(places[None], labels[None], boxes, masks)  # (1, B, P + 1, C)
        return tokens[0], dense


def _transformer(transformer: Any) -> SimpleNamespace:
    return SimpleNamespace(
        layers=[
            SimpleNamespace(
                self_attn=_attention(layer.self_attn),
                norm1=layer.layer_norm1,
                cross_attn_token_to_image=_attention(layer.cross_attn_token_to_image),
                norm2=layer.layer_norm2,
                mlp=layer.mlp,
                norm3=layer.layer_norm3,
                norm4=layer.layer_norm4,
                cross_attn_image_to_token=_attention(layer.cross_attn_image_to_token),
            )
            for layer in transformer.layers
        ],
        final_attn_token_to_image=_attention(transformer.final_attn_token_to_image),
        norm_final_attn=transformer.layer_norm_final_attn,
    )


def _attention(attention: Any) -> Attention:
    with torch.device("meta"):  # its own weights are thrown away at once
        made = Attention(attention.hidden_size, attention.num_attention_heads, attention.hidden_size // attention.internal_dim)
    made.q_proj, made.k_proj, made.v_proj = attention.q_proj, attention.k_proj, attention.v_proj
    made.out_proj = attention.o_proj if hasattr(attention, "o_proj") else attention.out_proj  # SAM 2's, and SAM's
    return made

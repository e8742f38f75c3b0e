"""The image encoder of SAM and HQ-SAM, with the attention that the segment-anything package gets here.

With ``attn_implementation='sdpa'`` transformers writes the whole bias of the relative positions, 0.8 GB for each global
block of ``vit_b``.
"""

from types import SimpleNamespace
from typing import Any

from torch import Tensor, nn

from isagrsc2.segmenters.sam.fused_attention import FusedAttention


class _Attention(nn.Module):
    """``SamVisionAttention``, computed otherwise."""

    def __init__(self, attention: Any) -> None:
        super().__init__()
        self.fused = FusedAttention(
            SimpleNamespace(
                num_heads=attention.num_attention_heads,
                qkv=attention.qkv,
                proj=attention.proj,
                rel_pos_h=attention.rel_pos_h,
                rel_pos_w=attention.rel_pos_w,
            )
        )

    def forward(self, hidden_states: Tensor) -> tuple[Tensor, None]:
        """(B, H, W, C) to the same shape, and no weights."""
        return self.fused(hidden_states), None


def fuse_attention(model: Any) -> Any:
    """Exchange the attention in the image encoder of a ``SamModel`` or ``SamHQModel``, and return the model."""
    for layer in model.vision_encoder.layers:
        if layer.attn.use_rel_pos:  # without a bias there is nothing to gain; the published models have one everywhere
            layer.attn = _Attention(layer.attn)
    return model

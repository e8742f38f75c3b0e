"""SAM's image encoder with a fused attention kernel.

segment-anything writes the attention of every pair of patches into memory, several times: 0.8 GB for each of the global blocks
of ``vit_b``. A fused kernel (Dao et al. 2022, https://arxiv.org/abs/2205.14135) never does. SAM's relative positions (Li et al.
2022, https://arxiv.org/abs/2112.01526, appendix A.1) depend on the query, and go in as an additive bias.
"""

import copy
from itertools import chain

import torch
from segment_anything.modeling import ImageEncoderViT
from segment_anything.modeling.image_encoder import Attention, get_rel_pos
from torch import Tensor, nn
from torch.nn import functional as F

# Numbers of the bias that exist at once. On a CPU 64 MB (measured: larger ones are slower, as they leave the cache, and so are
# smaller ones); elsewhere enough for a global block of vit_h in one call, 0.5 GB in half precision.
BIAS_ON_CPU = 1 << 24
BIAS_ELSEWHERE = 1 << 28


class FusedAttention(nn.Module):
    """``segment_anything``'s attention, computed otherwise; the weights are the very same, and have the same names.

    Args:
        attention: of an image encoder with relative positions. Its weights must not change later.
    """

    def __init__(self, attention: Attention) -> None:
        super().__init__()
        self.num_heads = attention.num_heads
        self.qkv, self.proj = attention.qkv, attention.proj
        self.rel_pos_h, self.rel_pos_w = attention.rel_pos_h, attention.rel_pos_w
        height, width = ((len(offsets) + 1) // 2 for offsets in (self.rel_pos_h, self.rel_pos_w))
        # Not in the state dict: row q, column k hold the vector of offset q - k.
        with torch.no_grad():
            self.register_buffer("_down", get_rel_pos(height, height, self.rel_pos_h), persistent=False)  # (H, H, d)
            self.register_buffer("_across", get_rel_pos(width, width, self.rel_pos_w), persistent=False)  # (W, W, d)

    def forward(self, x: Tensor) -> Tensor:
        """Attention among the patches of each window, (B, H, W, C); the result has the same shape.

        Beside q, k and v there exist, of B * heads * H * W * H * W numbers of the bias, ``BIAS_ON_CPU`` or ``BIAS_ELSEWHERE``
        at a time: whole rows of query patches, for all windows and heads.
        """
        windows, height, width, _ = x.shape
        qkv = self.qkv(x).view(windows, height * width, 3, self.num_heads, -1).permute(2, 0, 3, 1, 4)
        query, key, value = qkv.unbind(0)  # (B, heads, H * W, d) each
        grid = query.unflatten(2, (height, width))  # (B, heads, H, W, d)
        down = torch.einsum("bnhwd,hkd->bnhwk", grid, self._down.to(grid.dtype)).contiguous()  # (B, heads, H, W, H)
        across = torch.einsum("bnhwd,wkd->bnhwk", grid, self._across.to(grid.dtype)).contiguous()  # (B, heads, H, W, W)
        at_once = BIAS_ON_CPU if x.device.type == "cpu" else BIAS_ELSEWHERE
        rows = max(1, at_once // (windows * self.num_heads * width * height * width))
        parts = []
        for start in range(0, height, rows):
            some = slice(start, start + rows)
            bias = down[:, :, some, :, :, None] + across[:, :, some, :, None, :]  # (B, heads, rows, W, H, W)
            bias = bias.flatten(2, 3).flatten(3, 4)  # (B, heads, rows * W, H * W)
            parts.append(F.scaled_dot_product_attention(grid[:, :, some].flatten(2, 3), key, value, attn_mask=bias))
        mixed = torch.cat(parts, dim=2)  # (B, heads, H * W, d)
        return self.proj(mixed.transpose(1, 2).reshape(windows, height, width, -1))


def fuse_attention(encoder: ImageEncoderViT) -> ImageEncoderViT:
    """An image encoder that gives the same features, faster.

    Args:
        encoder: stays as it is; the two share their weights, under the same names.
    """
    weights = chain(encoder.parameters(), encoder.buffers())
    fused = copy.deepcopy(encoder, {id(tensor): tensor for tensor in weights})  # everything is copied but these
    for block in fused.blocks:
        if block.attn.use_rel_pos:  # without a bias there is nothing to add; the published models have one everywhere
            block.attn = FusedAttention(block.attn)
    return fused

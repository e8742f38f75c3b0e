"""The oracle is segment-anything's own image encoder."""

from functools import partial

import pytest
import torch
from segment_anything.modeling import ImageEncoderViT
from torch import nn

from isagrsc2.segmenters.sam import fused_attention
from isagrsc2.segmenters.sam.fused_attention import FusedAttention, fuse_attention


@pytest.fixture
def encoder() -> ImageEncoderViT:
    """One windowed and one global block, with relative positions that matter."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        made = ImageEncoderViT(
            img_size=160,
            embed_dim=48,
            depth=2,
            num_heads=3,
            out_chans=16,
            norm_layer=partial(nn.LayerNorm, eps=1e-6),
            use_rel_pos=True,
            window_size=4,
            global_attn_indexes=(1,),
        )
        for block in made.blocks:
            nn.init.normal_(block.attn.rel_pos_h)
            nn.init.normal_(block.attn.rel_pos_w)
            nn.init.normal_(block.attn.qkv.weight, std=0.3)
        return made.eval()


@pytest.mark.parametrize("at_once", [1, 3 * 10 * 10 * 10 * 3, 1 << 24])  # one row, three rows, everything
@torch.no_grad()
def test_same_features(encoder: ImageEncoderViT, at_once: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fused_attention, "BIAS_ON_CPU", at_once)
    pixels = torch.randn(2, 3, 160, 160, generator=torch.Generator().manual_seed(1))
    expected = encoder(pixels)
    found = fuse_attention(encoder)(pixels)
    assert float((found - expected).abs().max()) <= 1e-4 * float(expected.abs().max())


@torch.no_grad()
def test_positions_matter(encoder: ImageEncoderViT) -> None:
    """Else the test above would say nothing about them."""
    pixels = torch.randn(1, 3, 160, 160, generator=torch.Generator().manual_seed(1))
    expected = encoder(pixels)
    for block in encoder.blocks:
        block.attn.rel_pos_h.zero_()
    changed = fuse_attention(encoder)(pixels)
    assert float((changed - expected).abs().max()) > 0.05 * float(expected.abs().max())


def test_shares_weights_under_the_same_names(encoder: ImageEncoderViT) -> None:
    fused = fuse_attention(encoder)
    assert all(isinstance(block.attn, FusedAttention) for block in fused.blocks)
    assert not any(isinstance(block.attn, FusedAttention) for block in encoder.blocks)
    own, shared = dict(encoder.named_parameters()), dict(fused.named_parameters())
    assert list(own) == list(shared)
    assert all(own[name] is shared[name] for name in own)
    assert list(fused.state_dict()) == list(encoder.state_dict())


@torch.no_grad()
def test_leaves_attention_without_positions_alone() -> None:
    plain = ImageEncoderViT(img_size=64, embed_dim=16, depth=1, num_heads=2, out_chans=8).eval()
    pixels = torch.randn(1, 3, 64, 64)
    assert torch.equal(fuse_attention(plain)(pixels), plain(pixels))

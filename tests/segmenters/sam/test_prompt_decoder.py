"""The oracle is segment-anything's own prompt encoder and mask decoder, with weights that make every term count."""

import pytest
import torch
from segment_anything.modeling import MaskDecoder, PromptEncoder, Sam, TwoWayTransformer
from tiny_sam import random_sam
from torch import Tensor

from isagrsc2.segmenters.sam.prompt_decoder import PromptDecoder

WIDTH, GRID, POINTS = 64, (6, 9), 7


@pytest.fixture(params=[2, 3], ids=["two layers", "three layers"])
def sam(request: pytest.FixtureRequest) -> Sam:
    """A decoder of four heads on places that are no square; biases and norms, zero and one at first, are drawn as well."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(3)
        made = Sam(
            random_sam(64).image_encoder,
            PromptEncoder(
                embed_dim=WIDTH, image_embedding_size=GRID, input_image_size=(16 * GRID[0], 16 * GRID[1]), mask_in_chans=4
            ),
            MaskDecoder(
                transformer_dim=WIDTH,
                transformer=TwoWayTransformer(depth=request.param, embedding_dim=WIDTH, num_heads=4, mlp_dim=96),
                iou_head_hidden_dim=WIDTH,
            ),
        )
        for name, parameter in made.mask_decoder.named_parameters():
            if parameter.dim() == 1:
                torch.nn.init.normal_(parameter, 1.0 if "norm" in name and "weight" in name else 0.0, 0.3)
            elif "attn" in name:
                parameter.data.mul_(5.0)  # or everything would look everywhere
    return made.eval()


def ask(sam: Sam, features: Tensor, points: Tensor) -> tuple[Tensor, Tensor]:
    sparse, dense = sam.prompt_encoder(points=(points[:, None], torch.ones(len(points), 1)), boxes=None, masks=None)
    return sam.mask_decoder(features, sam.prompt_encoder.get_dense_pe(), sparse, dense, multimask_output=True)


def draw() -> tuple[Tensor, Tensor]:
    """Features and points."""
    generator = torch.Generator().manual_seed(5)
    features = torch.randn(1, WIDTH, *GRID, generator=generator)
    return features, torch.rand(POINTS, 2, generator=generator) * torch.tensor([16 * GRID[1], 16 * GRID[0]])


def overlap(one: Tensor, other: Tensor) -> float:
    """Smallest IoU of masks (N, M, h, w)."""
    return float(((one & other).sum((2, 3)) / (one | other).sum((2, 3)).clamp(min=1)).min())


@torch.no_grad()
def test_same_masks_and_scores(sam: Sam) -> None:
    features, points = draw()
    expected, expected_scores = ask(sam, features, points)
    assert float((expected > 0).float().mean()) > 0.05, "masks must not be empty"
    assert float(expected.std(0).mean()) > 0.05 * float(expected.std()), "masks must depend on the prompt"
    decoder = PromptDecoder(sam, torch.float32)
    logits, scores = decoder.decode(decoder.share(features), decoder.tokens(points))
    assert logits.shape == (POINTS, 3, 4 * GRID[0], 4 * GRID[1])
    torch.testing.assert_close(logits, expected, atol=1e-4, rtol=1e-4)
    torch.testing.assert_close(scores, expected_scores, atol=1e-5, rtol=1e-4)
    assert overlap(logits > 0, expected > 0) >= 0.99


@torch.no_grad()
def test_half_precision_keeps_the_logits(sam: Sam) -> None:
    features, points = draw()
    expected, expected_scores = ask(sam, features, points)
    decoder = PromptDecoder(sam, torch.bfloat16)
    logits, scores = decoder.decode(decoder.share(features), decoder.tokens(points))
    assert (logits.dtype, scores.dtype) == (torch.bfloat16, torch.float32)
    # bfloat16 has 8 bits, and sharp attention may turn to another place: few logits move by more than some hundredths.
    assert float((logits.float() - expected).abs().mean()) < 0.05 * float(expected.std())
    assert float((scores - expected_scores).abs().max()) < 0.05 * float(expected_scores.abs().max())


@torch.no_grad()
def test_one_point_is_as_many(sam: Sam) -> None:
    features, points = draw()
    decoder = PromptDecoder(sam, torch.float32)
    shared = decoder.share(features)
    together, _ = decoder.decode(shared, decoder.tokens(points))
    alone = torch.cat([decoder.decode(shared, decoder.tokens(point[None]))[0] for point in points])
    torch.testing.assert_close(alone, together, atol=1e-5, rtol=1e-5)

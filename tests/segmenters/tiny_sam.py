"""A tiny Sam of segment-anything's own modules, taught in a second to find nested discs around the prompt.

Random weights would give masks that hardly depend on the prompt and are scattered over the image. What the encoder
sees stays random, so the discs are ragged and differ from image to image; the test is the adapter, not the network.
"""

from functools import partial

import numpy as np
import torch
from segment_anything.modeling import ImageEncoderViT, MaskDecoder, PromptEncoder, Sam, TwoWayTransformer
from torch import nn
from torch.nn import functional as F

from isagrsc2.segmenters.sam.candidates import DrawnCandidates

WIDTH = 32
RADII = (0.22, 0.1, 0.15, 0.22)  # of the discs, shares of the network's input; the first is not among the three masks
FREQUENCIES = 0.5  # standard deviation of the position code's frequencies: lower ones are learned sooner
GRID, STEPS, POINTS, RATE = 8, 140, 12, 4e-3


def make_tiny_sam(img_size: int = 256, seed: int = 0) -> Sam:
    """A Sam in evaluation mode on the CPU; masks are predicted on a grid of ``img_size / 4``."""
    sam = random_sam(img_size, seed)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        _teach(sam)
    return sam.eval()


def patchwork(height: int, width: int, seed: int = 0) -> np.ndarray:
    """(H, W, 3) uint8: fields of one colour each, with some noise."""
    rng = np.random.default_rng(seed)
    fields = rng.integers(30, 220, (6, 6, 3))
    rows, columns = np.arange(height) * 6 // height, np.arange(width) * 6 // width
    noise = rng.integers(-15, 16, (height, width, 3))
    return (fields[rows[:, None], columns[None]] + noise).astype(np.uint8)


def random_sam(img_size: int, seed: int = 0) -> Sam:
    """All of SAM's parts, untrained: quick, where any masks will do."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        return _build(img_size)


def _build(img_size: int) -> Sam:
    grid = img_size // 16
    return Sam(
        image_encoder=ImageEncoderViT(
            img_size=img_size,
            patch_size=16,
            embed_dim=WIDTH,
            depth=2,
            num_heads=2,
            mlp_ratio=2,
            out_chans=WIDTH,
            norm_layer=partial(nn.LayerNorm, eps=1e-6),
            use_rel_pos=True,
            window_size=3,
            global_attn_indexes=(1,),
        ),
        prompt_encoder=PromptEncoder(
            embed_dim=WIDTH,
            image_embedding_size=(grid, grid),
            input_image_size=(img_size, img_size),
            mask_in_chans=4,
        ),
        mask_decoder=MaskDecoder(
            num_multimask_outputs=3,
            transformer=TwoWayTransformer(depth=2, embedding_dim=WIDTH, mlp_dim=2 * WIDTH, num_heads=2),
            transformer_dim=WIDTH,
            iou_head_depth=3,
            iou_head_hidden_dim=WIDTH,
        ),
    )


def _teach(sam: Sam) -> None:
    """Train prompt encoder and decoder on one image: mask k is a disc around the prompt, the score is its IoU."""
    size = sam.image_encoder.img_size
    pixels = torch.as_tensor(patchwork(size, size)).permute(2, 0, 1)[None].float()
    with torch.no_grad():
        features = F.adaptive_avg_pool2d(sam.image_encoder(sam.preprocess(pixels)), GRID)  # coarse, hence quick
        _look_nearby(sam)
    code = sam.prompt_encoder.pe_layer((GRID, GRID))[None]
    radii = torch.tensor(RADII)[:, None, None]
    centres = (torch.arange(4 * GRID) + 0.5) / (4 * GRID)
    x, y = centres[None, None, :], centres[None, :, None]
    optimiser = torch.optim.Adam([*sam.prompt_encoder.parameters(), *sam.mask_decoder.parameters()], lr=RATE)
    for _ in range(STEPS):
        prompts = torch.rand(POINTS, 1, 2)  # xy, shares
        distance = torch.hypot(x - prompts[:, :, :1], y - prompts[:, :, 1:])[:, None]  # (N, 1, h, w)
        target = (distance < radii).float()  # (N, 4, h, w)
        sparse, _ = sam.prompt_encoder(points=(prompts * size, torch.ones(POINTS, 1)), boxes=None, masks=None)
        dense = sam.prompt_encoder.no_mask_embed.weight[:, :, None, None]
        logits, scores = sam.mask_decoder.predict_masks(features, code, sparse, dense)
        both, either = (target * (logits > 0)).sum((2, 3)), torch.maximum(target, (logits > 0).float()).sum((2, 3))
        loss = F.binary_cross_entropy_with_logits(logits, target, 1 + 4 * target) + F.mse_loss(scores, both / either)
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()


def _look_nearby(sam: Sam) -> None:
    """Start with pixels that attend to a prompt near them: it takes most of the training otherwise."""
    # The position code is sines, then cosines, of WIDTH / 2 frequencies; the attention has WIDTH / 2 channels in two
    # heads. With half of the frequencies whole, query times key is a sum of cos(2 pi f (pixel - prompt)).
    quarter = torch.arange(WIDTH // 4)
    chosen = torch.stack([quarter, quarter + WIDTH // 2], 1).flatten()
    sam.prompt_encoder.pe_layer.positional_encoding_gaussian_matrix.mul_(FREQUENCIES)
    for layer in sam.mask_decoder.transformer.layers:
        for projection in (layer.cross_attn_image_to_token.q_proj, layer.cross_attn_image_to_token.k_proj):
            projection.weight[torch.arange(WIDTH // 2), chosen] += 1.0


def all_logits(candidates: DrawnCandidates) -> np.ndarray:
    """Logits (N, M, h, w) of all masks, of which each is drawn for it."""
    points, masks = candidates.scores.shape
    rows = np.repeat(np.arange(points), masks), np.tile(np.arange(masks), points)
    drawn = candidates.chosen(rows)  # (N * M, h, w)
    return drawn.reshape(points, masks, *drawn.shape[1:]).numpy()

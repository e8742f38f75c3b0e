"""The oracle is ``Sam.postprocess_masks`` on the whole frame."""

import numpy as np
import pytest
import torch
from segment_anything.utils.transforms import ResizeLongestSide
from tiny_sam import random_sam
from torch import Tensor
from torch.nn import functional as F

from isagrsc2.segmenters.sam.enlargement import Enlargement

SIDE, NETWORK = 64, 256  # px; of the decoder frame and of the network's input
SHAPES = [(256, 256), (100, 100), (120, 300), (401, 97), (255, 257), (517, 640), (7, 5), (3, 400), (1, 1)]


def make(shape: tuple[int, int]) -> Enlargement:
    resized = ResizeLongestSide.get_preprocess_shape(*shape, NETWORK)
    return Enlargement.of((SIDE, SIDE), NETWORK, resized, shape, torch.device("cpu"))


def whole(logits: Tensor, shape: tuple[int, int]) -> np.ndarray:
    """As SAM does it."""
    resized = ResizeLongestSide.get_preprocess_shape(*shape, NETWORK)
    return (random_sam(NETWORK).postprocess_masks(logits[None].float(), resized, shape)[0] > 0).numpy()


def draw(count: int, seed: int) -> Tensor:
    """Blots, most of them small, some at an edge, one of a single pixel, an empty and a full one."""
    generator = torch.Generator().manual_seed(seed)
    rough = torch.randn(count, 1, 12, 12, generator=generator)
    logits = F.interpolate(rough, (SIDE, SIDE), mode="bicubic")[:, 0] - torch.linspace(0, 2.5, count)[:, None, None]
    logits[0], logits[1], logits[2] = -1.0, 1.0, -1.0
    logits[2, 5, 63] = 3.0
    return logits


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_same_as_in_the_whole_frame(shape: tuple[int, int], dtype: torch.dtype) -> None:
    logits = draw(60, seed=shape[0]).to(dtype)
    masks = make(shape)(logits)
    assert masks.shape == (60, *shape)
    assert masks.dtype == np.bool_
    assert np.array_equal(masks, whole(logits, shape))
    assert not masks[0].any()
    assert masks[1].all()


def test_weights_are_means() -> None:
    """What the box stands on."""
    for shape in SHAPES:
        enlargement = make(shape)
        for axis in (enlargement.down, enlargement.across):
            assert float(axis.weights.min()) >= 0
            torch.testing.assert_close(axis.weights.sum(1), torch.ones(len(axis.weights)))
            assert (np.diff(axis.first) >= 0).all()
            assert (np.diff(axis.last) >= 0).all()


def test_reach_is_the_box_with_its_margin() -> None:
    axis = make((256, 256)).down  # four px each; the outer two of the neighbours mix
    assert axis.reach(10, 12) == (slice(38, 50), slice(9, 13))
    assert axis.reach(0, 1) == (slice(0, 6), slice(0, 2))
    assert make((4, 4)).down.reach(1, 2) == (slice(0), slice(0))  # 16 decoder px fall on one px, and 1 counts nowhere


def test_nothing_to_enlarge() -> None:
    assert make((30, 40))(torch.zeros(0, SIDE, SIDE)).shape == (0, 30, 40)

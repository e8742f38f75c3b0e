"""A network for tests: it sees borders where the image is blue and parcels where it is green."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from hydra.utils import instantiate
from omegaconf import OmegaConf
from torch import Tensor, nn

from isagrsc2.segmenters.compact.hierarchy import BorderHierarchy
from isagrsc2.segmenters.compact.segmenter import CompactSegmenter
from isagrsc2.segmenters.compact.weights_file import CompactModel

IN_USE: BorderHierarchy = instantiate(
    OmegaConf.load(Path(__file__).parents[2] / "conf" / "border_hierarchy" / "default.yaml"), _convert_="all"
)
# Drawn fields are small, and their borders plain.
HIERARCHY = replace(IN_USE, reading=replace(IN_USE.reading, scales=(1.0, 1.0)))


class Drawn(nn.Module):
    """(N, 3, H, W) uint8 to logits of border (blue), parcel (green) and depth (none)."""

    def forward(self, images: Tensor) -> Tensor:
        red, green, blue = (images.float() / 255).clamp(0.02, 0.98).unbind(dim=1)
        return torch.stack([blue.logit(), green.logit(), torch.full_like(red, -9.0)], dim=1)


def drawn_segmenter(**changed: Any) -> CompactSegmenter:
    """A segmenter that sees what is drawn."""
    torch.manual_seed(0)
    model = CompactModel()
    model.network = Drawn()  # type: ignore[assignment]
    return CompactSegmenter.from_model(model.eval(), "cpu", replace(HIERARCHY, **changed))


def fields(height: int, width: int, side: int) -> np.ndarray:
    """(H, W, 3): square fields of ``side`` px, separated by borders of 2 px."""
    image = np.zeros((height, width, 3), np.uint8)
    image[..., 1] = 255
    for start in range(side, max(height, width), side):
        image[start - 1 : start + 1] = (0, 0, 255)
        image[:, start - 1 : start + 1] = (0, 0, 255)
    return image

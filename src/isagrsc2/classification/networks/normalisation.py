"""From bytes to the numbers a network was trained on, on the device: chips travel as bytes, a quarter of what floats take."""

from dataclasses import dataclass

import torch
from torch import Tensor, nn


@dataclass(frozen=True)
class ColourStatistics:
    """What is subtracted from the bytes of R, G, B and what they are divided by, both 0 to 255."""

    mean: tuple[float, float, float]
    deviation: tuple[float, float, float]


def of_unit_range(mean: tuple[float, float, float], deviation: tuple[float, float, float]) -> ColourStatistics:
    """Statistics given for values from 0 to 1."""
    return ColourStatistics(
        (255 * mean[0], 255 * mean[1], 255 * mean[2]), (255 * deviation[0], 255 * deviation[1], 255 * deviation[2])
    )


# What files of weights expect of their input, by name.
NORMALISATIONS = {
    # Mean and standard deviation of ImageNet's training images: timm's ResNets, torchvision's networks.
    "imagenet": of_unit_range((0.485, 0.456, 0.406), (0.229, 0.224, 0.225)),
    # Of CLIP's training images (Radford et al. 2021); UNICOM took them over.
    "clip": of_unit_range((0.48145466, 0.4578275, 0.40821073), (0.26862954, 0.26130258, 0.27577711)),
    # To -1 ... 1, and to 0 ... 1: SigLIP and MobileCLIP.
    "half": of_unit_range((0.5, 0.5, 0.5), (0.5, 0.5, 0.5)),
    "unit": of_unit_range((0.0, 0.0, 0.0), (1.0, 1.0, 1.0)),
    # ImageNet's mean in whole bytes and no division: networks that were trained with Caffe, channels in the order R, G, B.
    "mean_only": ColourStatistics((123.0, 117.0, 104.0), (1.0, 1.0, 1.0)),
}


class Normalisation(nn.Module):
    """Bytes minus a mean, over a deviation. Holds no weights and leaves no trace in a checkpoint."""

    mean: Tensor
    deviation: Tensor

    def __init__(self, statistics: ColourStatistics) -> None:
        super().__init__()
        self.register_buffer("mean", torch.tensor(statistics.mean).view(1, 3, 1, 1), persistent=False)
        self.register_buffer("deviation", torch.tensor(statistics.deviation).view(1, 3, 1, 1), persistent=False)

    def forward(self, chips: Tensor) -> Tensor:
        """(N, 3, S, S) uint8 RGB to the same shape in float."""
        return (chips.to(self.mean.dtype) - self.mean) / self.deviation

"""ImageNet's normalisation, on the device: chips travel as bytes, a quarter of what floats would take."""

import torch
from torch import Tensor, nn

# Mean and standard deviation of ImageNet's training images in R, G, B, 0 to 1: what every pretrained network expects.
IMAGENET_MEAN = (0.485, 0.456, 0.406)
IMAGENET_STD = (0.229, 0.224, 0.225)


class ImageNetNormalisation(nn.Module):
    """Bytes to numbers of mean 0 and deviation 1. Holds no weights and leaves no trace in a checkpoint."""

    mean: Tensor
    std: Tensor

    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("mean", torch.tensor(IMAGENET_MEAN).view(1, 3, 1, 1), persistent=False)
        self.register_buffer("std", torch.tensor(IMAGENET_STD).view(1, 3, 1, 1), persistent=False)

    def forward(self, chips: Tensor) -> Tensor:
        """(N, 3, S, S) uint8 RGB to the same shape in float."""
        return (chips / 255 - self.mean) / self.std

"""Colour beside shape: features of a ResNet, the mean hue and the richness of colours, and one linear layer.

The classifier of ISAgrSC2's successor. Three things of the published script are changed. It computes both colours from
normalised images; here they come from the bytes. It averages hue as a number, in degrees, although 359 and 1 are both
red; here a hue is a point on the unit circle (Mardia & Jupp 2000, section 2.2) and a grey pixel, which has none, the
centre, so the mean hue is two numbers. And its counts reach 256 before they are weighted; here they are shares.
"""

import math

import torch
from torch import Tensor, nn

from isagrsc2.classification.networks.resnet import ResNetNetwork

# Weights of the two colours beside the features (published).
HUE_WEIGHT = 3.0
RICHNESS_WEIGHT = 2.0

# Values a byte can take.
LEVELS = 256

# cosine and sine of the mean hue, richness
COLOURS = 3


class HueRichnessNetwork(ResNetNetwork):
    """A ResNet whose features are joined by three numbers of colour before the linear layer.

    Attributes:
        attend: the published attention, a gate for every pixel learned from its hue alone: two 1 x 1 convolutions with
            ReLU between and sigmoid after them.
        classifier: the linear layer.
    """

    def __init__(self, architecture: str, attention: str, num_classes: int) -> None:
        """Build it with random weights; arguments as in ``ResNetNetwork``."""
        super().__init__(architecture, attention, 0)
        self.attend = nn.Sequential(nn.Conv2d(2, 1, 1), nn.ReLU(), nn.Conv2d(1, 1, 1), nn.Sigmoid())
        self.classifier = nn.Linear(self.body.num_features + COLOURS, num_classes)

    def forward(self, chips: Tensor) -> Tensor:
        """See ``ChipNetwork.forward``."""
        features = self._run_body(chips)  # (N, C)
        logits: Tensor = self.classifier(torch.cat([features, self.colours(chips).to(features.dtype)], dim=1))
        return logits

    def get_classifier(self) -> nn.Module:
        """See ``ChipNetwork.get_classifier``."""
        return self.classifier

    def colours(self, chips: Tensor) -> Tensor:
        """Weighted mean hue and richness; (N, 3, S, S) uint8 RGB to (N, 3) float."""
        hue = hue_vectors(chips).to(self.normalise.mean.dtype)  # (N, 2, S, S)
        inside = _inside(chips)  # (N, 1, S, S)
        # The mean is over the segment: pixels outside it have no hue, and are not counted.
        mean = (self.attend(hue) * hue).sum(dim=(2, 3)) / inside.sum(dim=(2, 3)).clamp(min=1)  # (N, 2)
        return torch.cat([HUE_WEIGHT * mean, RICHNESS_WEIGHT * richness(chips)[:, None]], dim=1)


def hue_vectors(chips: Tensor) -> Tensor:
    """Hue of every pixel (Smith 1978, the H of HSV) as a point on the unit circle.

    Args:
        chips: (N, 3, S, S) uint8 RGB.

    Returns:
        (N, 2, S, S) float32, cosine and sine; red is (1, 0), grey, white and black are (0, 0).
    """
    red, green, blue = chips.float().unbind(dim=1)  # (N, S, S) each
    largest = chips.amax(dim=1).float()
    chroma = largest - chips.amin(dim=1).float()
    by = chroma.clamp(min=1)  # bytes are whole: below 1 is 0, grey
    # Sixths of a turn from red; where two channels are largest both formulas agree.
    sixths = torch.where(
        largest == red,
        (green - blue) / by,
        torch.where(largest == green, 2 + (blue - red) / by, 4 + (red - green) / by),
    )
    angle = sixths * (math.pi / 3)  # radians
    return torch.stack([angle.cos(), angle.sin()], dim=1) * (chroma > 0)[:, None]


def richness(chips: Tensor) -> Tensor:
    """Share of the 256 values of a byte that occur inside the segment, mean over R, G, B.

    It grows with the number of pixels, and a chip has the same for every segment, so it also tells small from large ones.

    Args:
        chips: (N, 3, S, S) uint8 RGB; pixels that are black, all three 0, lie outside the segment.

    Returns:
        (N,) float32, 0 to 1.
    """
    # What lies outside goes into a bin of its own, which is not counted.
    bins = torch.where(_inside(chips), chips.long(), LEVELS).flatten(2)  # (N, 3, S * S)
    occupied = torch.zeros(*bins.shape[:2], LEVELS + 1, device=chips.device)  # (N, 3, 257)
    occupied.scatter_(2, bins, 1.0)  # many write the same 1: the order does not matter
    return occupied[:, :, :LEVELS].mean(dim=(1, 2))


def _inside(chips: Tensor) -> Tensor:
    """(N, 1, S, S) bool."""
    return (chips > 0).any(dim=1, keepdim=True)

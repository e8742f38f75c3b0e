"""The IoU that a region is predicted to have with a parcel."""

import torch
from torch import Tensor, nn

from isagrsc2.segmenters.compact.region_features import FEATURES

WIDTH = 48


class RegionScorer(nn.Module):
    """A perceptron on the features of a region; its output is trained to be the IoU, as SAM's (Kirillov et al. 2023)."""

    def __init__(self) -> None:
        """Build it with random weights."""
        super().__init__()
        self.layers = nn.Sequential(
            nn.BatchNorm1d(len(FEATURES)),  # brings areas and probabilities to one scale
            nn.Linear(len(FEATURES), WIDTH),
            nn.ReLU(),
            nn.Linear(WIDTH, WIDTH),
            nn.ReLU(),
            nn.Linear(WIDTH, 1),
        )

    def forward(self, features: Tensor) -> Tensor:
        """(N, F) to (N,) logits of the IoU."""
        return self.layers(features)[:, 0]

    @torch.no_grad()
    def scores(self, features: Tensor) -> Tensor:
        """(N, F) to (N,) IoU, 0 to 1, in evaluation."""
        was_training = self.training
        self.eval()
        scores = self(features).float().sigmoid()  # mixed precision gives halves
        self.train(was_training)
        return scores

"""Losses of the compact segmenter. All of them leave out pixels of which nothing is known."""

import torch
from torch import Tensor
from torch.nn import functional as F


def cross_entropy(logits: Tensor, target: Tensor, known: Tensor, weight: float) -> Tensor:
    """Binary cross-entropy, mean over known pixels.

    Args:
        logits: (N, S, S).
        target: (N, S, S) 0 to 1.
        known: (N, S, S) 0 or 1.
        weight: how much more a pixel counts that should be 1.
    """
    each = F.binary_cross_entropy_with_logits(
        logits, target, pos_weight=torch.tensor(weight, device=logits.device), reduction="none"
    )
    return (each * known).sum() / known.sum().clamp(min=1)


def dice(logits: Tensor, target: Tensor, known: Tensor) -> Tensor:
    """Dice loss with squares in the denominator (Milletari et al. 2016, section 3), mean over images, 0 to 1."""
    p = logits.sigmoid()
    overlap = (p * target * known).sum(dim=(1, 2))
    size = ((p**2 + target**2) * known).sum(dim=(1, 2))
    return (1 - (2 * overlap + 1) / (size + 1)).mean()


def depth_error(logits: Tensor, target: Tensor, known: Tensor, tolerance: float) -> Tensor:
    """Smooth L1 of depths (Girshick 2015, eq. 3), mean over known pixels.

    Args:
        logits: (N, S, S), their sigmoid is the depth.
        target: (N, S, S) 0 to 1.
        known: (N, S, S) 0 or 1.
        tolerance: error below which the loss is quadratic.
    """
    each = F.smooth_l1_loss(logits.sigmoid(), target, beta=tolerance, reduction="none")
    return (each * known).sum() / known.sum().clamp(min=1)

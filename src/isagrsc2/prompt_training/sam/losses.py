"""Losses of Segment Anything (Kirillov et al. 2023, section 3 "Losses and training" and appendix A "Losses").

Shapes: P prompts, M masks each, on the decoder's grid (h, w). Pixels that are not known count nowhere.
"""

from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional as F

from isagrsc2.options import check_number, check_share


def focal_loss(logits: Tensor, targets: Tensor, known: Tensor, gamma: float, alpha: float) -> Tensor:
    """Focal loss (Lin et al. 2017, https://arxiv.org/abs/1708.02002, equation 5), mean over known pixels.

    Args:
        logits: (P, M, h, w) float.
        targets: (P, h, w) bool, the mask that is right.
        known: (h, w) bool.
        gamma: how much less a pixel counts that is right already; 0 is cross-entropy, weighted by ``alpha``.
        alpha: weight of pixels inside the mask, 0 to 1; those outside have 1 - alpha.

    Returns:
        (P, M), from 0.
    """
    wanted = targets[:, None].expand_as(logits).to(logits.dtype)  # (P, M, h, w)
    entropy = F.binary_cross_entropy_with_logits(logits, wanted, reduction="none")
    wrong = 1 - torch.exp(-entropy)  # 1 - p_t
    weight = alpha * wanted + (1 - alpha) * (1 - wanted)
    return (weight * wrong**gamma * entropy * known).sum((2, 3)) / known.sum().clamp(min=1)


def dice_loss(logits: Tensor, targets: Tensor, known: Tensor) -> Tensor:
    """1 - Dice coefficient of probabilities (Milletari et al. 2016, https://arxiv.org/abs/1606.04797, section 3).

    With 1 added above and below the line, as is usual since, so that two empty masks agree. Arguments and result as for
    ``focal_loss``; at most 1.
    """
    wanted = (targets & known)[:, None].to(logits.dtype)  # (P, 1, h, w)
    probabilities = logits.sigmoid() * known
    shared = (probabilities * wanted).sum((2, 3))  # (P, M)
    total = probabilities.sum((2, 3)) + wanted.sum((2, 3))
    return 1 - (2 * shared + 1) / (total + 1)


@torch.no_grad()
def true_ious(logits: Tensor, targets: Tensor, known: Tensor) -> Tensor:
    """IoU of the masks, logits > 0, with what is right; 0 for two empty ones. Arguments and shapes as for ``focal_loss``."""
    masks = (logits > 0) & known  # (P, M, h, w)
    wanted = (targets & known)[:, None]  # (P, 1, h, w)
    shared, either = (masks & wanted).sum((2, 3)), (masks | wanted).sum((2, 3))
    return shared / either.clamp(min=1)


@dataclass(frozen=True)
class SamLoss:
    """Focal loss + Dice loss of the best of a prompt's masks + squared error of the scores.

    Of the masks of a prompt only the one with the lowest loss learns, so that each may mean another of the nested things
    under a point. The scores of all of them learn: each is compared with a threshold later.

    A prompt outside of all parcels has no mask to learn, and the IoU of whatever is found there is 0.

    Attributes:
        focal_weight: 20 in the paper.
        dice_weight: 1 in the paper.
        score_weight: 1 in the paper.
        focal_gamma: see ``focal_loss``.
        focal_alpha: see ``focal_loss``.
    """

    focal_weight: float
    dice_weight: float
    score_weight: float
    focal_gamma: float
    focal_alpha: float

    def __post_init__(self) -> None:
        """Check the numbers."""
        for name in ("focal_weight", "dice_weight", "score_weight", "focal_gamma"):
            check_number(f"model.loss.{name}", getattr(self, name), 0)
        check_share("model.loss.focal_alpha", self.focal_alpha)

    def __call__(self, logits: Tensor, scores: Tensor, targets: Tensor, known: Tensor) -> Tensor:
        """Mean over the prompts of one image.

        Args:
            logits: (P, M, h, w) float.
            scores: (P, M) float, predicted IoU.
            targets: (P, h, w) bool, empty for a prompt outside of all parcels.
            known: (h, w) bool.

        Returns:
            A scalar. Without a prompt inside a parcel the scores alone learn; without any prompt it is 0.
        """
        focal = focal_loss(logits, targets, known, self.focal_gamma, self.focal_alpha)  # (P, M)
        dice = dice_loss(logits, targets, known)
        lowest = (self.focal_weight * focal + self.dice_weight * dice).amin(dim=1)  # (P,)
        inside = (targets & known).any(2).any(1)  # (P,)
        error = (scores - true_ious(logits, targets, known)) ** 2  # (P, M)
        masks = (lowest * inside).sum() / inside.sum().clamp(min=1)
        return masks + self.score_weight * error.mean(dim=1).sum() / max(1, len(scores))

"""Losses against their formulas."""

import math

import pytest
import torch

from isagrsc2.prompt_training.compact.losses import cross_entropy, depth_error, dice

HALF_KNOWN = torch.tensor([[[1.0, 1.0], [0.0, 0.0]]])


def test_cross_entropy_by_hand() -> None:
    logits = torch.tensor([[[0.0, 0.0], [99.0, -99.0]]])
    target = torch.tensor([[[1.0, 0.0], [0.0, 1.0]]])
    # Two known pixels at probability 1/2, the first of them weighs three times.
    assert cross_entropy(logits, target, HALF_KNOWN, 3.0).item() == pytest.approx((3 + 1) * math.log(2) / 2)
    assert cross_entropy(logits, target, HALF_KNOWN * 0, 3.0).item() == 0


def test_dice_by_hand() -> None:
    target = torch.tensor([[[1.0, 0.0], [1.0, 1.0]]])
    exact = torch.where(target > 0, 99.0, -99.0)
    assert dice(exact, target, HALF_KNOWN).item() == pytest.approx(0)
    assert dice(-exact, target, HALF_KNOWN).item() == pytest.approx(1 - 1 / 3)
    assert dice(torch.zeros(1, 2, 2), target, torch.ones(1, 2, 2)).item() == pytest.approx(1 - (3 + 1) / (1 + 3 + 1))


def test_depth_error_by_hand() -> None:
    logits = torch.zeros(1, 2, 2)  # depth 1/2
    target = torch.tensor([[[0.5, 0.0], [1.0, 1.0]]])
    assert depth_error(logits, target, HALF_KNOWN, 0.1).item() == pytest.approx((0 + 0.5 - 0.05) / 2)
    near = torch.tensor([[[0.55, 0.5], [1.0, 1.0]]])
    assert depth_error(logits, near, HALF_KNOWN, 0.1).item() == pytest.approx(0.05**2 / (2 * 0.1) / 2, rel=1e-4)

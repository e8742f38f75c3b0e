import math

import pytest
import torch
from torch.nn import functional as F

from isagrsc2.errors import InputError
from isagrsc2.prompt_training.sam.losses import SamLoss, dice_loss, focal_loss, true_ious

ALL = torch.ones(4, 4, dtype=torch.bool)


def left_half():
    """(1, 4, 4) bool."""
    targets = torch.zeros(1, 4, 4, dtype=torch.bool)
    targets[:, :, :2] = True
    return targets


def sure_of(*masks):
    """(1, M, 4, 4) logits of masks (4, 4) bool."""
    return torch.stack([torch.where(mask, 50.0, -50.0) for mask in masks])[None]


def make_loss(**changes):
    return SamLoss(
        **{"focal_weight": 20.0, "dice_weight": 1.0, "score_weight": 1.0, "focal_gamma": 2.0, "focal_alpha": 0.25} | changes
    )


def test_focal_loss_is_cross_entropy_where_nothing_is_focused():
    torch.manual_seed(0)
    logits, targets = torch.randn(5, 3, 4, 4), torch.rand(5, 4, 4) > 0.5
    entropy = F.binary_cross_entropy_with_logits(logits, targets[:, None].expand_as(logits).float(), reduction="none")
    found = focal_loss(logits, targets, ALL, gamma=0.0, alpha=0.5)
    torch.testing.assert_close(found, 0.5 * entropy.mean((2, 3)))


def test_focal_loss_by_hand():
    logits = torch.full((1, 1, 1, 2), math.log(3))  # probability 3/4
    targets = torch.tensor([[[True, False]]])
    inside = 0.25 * (1 / 4) ** 2 * math.log(4 / 3)
    outside = 0.75 * (3 / 4) ** 2 * math.log(4)
    found = focal_loss(logits, targets, torch.ones(1, 2, dtype=torch.bool), gamma=2.0, alpha=0.25)
    assert float(found) == pytest.approx((inside + outside) / 2)


def test_dice_loss_of_the_same_mask_and_of_another():
    half = left_half()
    found = dice_loss(sure_of(half[0], ~half[0], ALL), half, ALL)[0].tolist()
    # 8 px each: none shared leaves the added 1 of 17; of 16 px all of 8 are shared.
    assert found == pytest.approx([0.0, 1 - 1 / 17, 1 - 17 / 25])


def test_true_ious_by_hand():
    half, nothing = left_half(), torch.zeros(4, 4, dtype=torch.bool)
    assert true_ious(sure_of(half[0], ALL, nothing), half, ALL)[0].tolist() == [1.0, 0.5, 0.0]
    assert float(true_ious(sure_of(nothing), nothing[None], ALL)) == 0.0


def test_what_is_not_known_counts_nowhere():
    half, known = left_half(), ALL.clone()
    known[2:] = False
    wrong_below = half[0].clone()
    wrong_below[2:] = ~wrong_below[2:]
    masks = sure_of(half[0], wrong_below)
    for measure in (lambda: focal_loss(masks, half, known, 2.0, 0.25), lambda: dice_loss(masks, half, known)):
        assert measure()[0].tolist() == pytest.approx([0.0, 0.0])
    assert true_ious(masks, half, known)[0].tolist() == [1.0, 1.0]
    nothing = torch.zeros(4, 4, dtype=torch.bool)
    assert focal_loss(masks, half, nothing, 2.0, 0.25).tolist() == [[0.0, 0.0]]


def test_only_the_best_mask_learns_but_all_scores():
    torch.manual_seed(0)
    logits = torch.randn(1, 3, 4, 4)
    logits[0, 1] += 3 * (left_half()[0].float() - 0.5)  # the best
    logits.requires_grad_()
    scores = torch.tensor([[0.9, 0.9, 0.9]], requires_grad=True)
    make_loss()(logits, scores, left_half(), ALL).backward()
    assert [bool(one.any()) for one in logits.grad[0]] == [False, True, False]
    assert scores.grad.all()


def test_is_the_sum_of_its_parts():
    half = left_half()
    logits = sure_of(ALL, ~half[0])
    scores = torch.tensor([[0.7, 0.4]])  # true IoUs 0.5 and 0
    found = make_loss(focal_weight=0.0, dice_weight=2.0, score_weight=10.0)(logits, scores, half, ALL)
    assert float(found) == pytest.approx(2 * (1 - 17 / 25) + 10 * (0.2**2 + 0.4**2) / 2)


def test_outside_of_parcels_only_scores_learn():
    logits = torch.randn(2, 3, 4, 4, requires_grad=True)
    scores = torch.full((2, 3), 0.3, requires_grad=True)
    nowhere = torch.zeros(2, 4, 4, dtype=torch.bool)
    loss = make_loss()(logits, scores, nowhere, ALL)
    loss.backward()
    assert float(loss.detach()) == pytest.approx(0.09)
    assert not logits.grad.any()


def test_prompts_count_alike():
    half = left_half()
    logits, scores = sure_of(ALL), torch.tensor([[0.5]])
    one = make_loss()(logits, scores, half, ALL)
    two = make_loss()(logits.repeat(2, 1, 1, 1), scores.repeat(2, 1), half.repeat(2, 1, 1), ALL)
    torch.testing.assert_close(one, two)


@pytest.mark.parametrize("changed", [{"focal_weight": -1.0}, {"focal_alpha": 1.5}, {"score_weight": "much"}])
def test_refuses_numbers_that_do_not_fit(changed):
    (name,) = changed
    with pytest.raises(InputError, match=rf"model\.loss\.{name}="):
        make_loss(**changed)

"""Targets of the network, on labels small enough to see."""

import numpy as np
import torch

from isagrsc2.prompt_training.batches import UNKNOWN
from isagrsc2.prompt_training.compact.targets import distance_to_border, make_targets


def halves() -> np.ndarray:
    labels = np.zeros((6, 10), np.int32)
    labels[:, :5] = 1
    return labels


def test_both_pixels_beside_a_change_are_the_border() -> None:
    assert np.allclose(distance_to_border(halves())[2], [4, 3, 2, 1, 0, 0, 1, 2, 3, 4], atol=0.01)


def test_where_the_known_ends_is_no_border() -> None:
    labels = halves()
    labels[:, 7:] = UNKNOWN
    assert np.allclose(distance_to_border(labels)[2, :7], [4, 3, 2, 1, 0, 0, 1], atol=0.01)


def test_without_a_border_everything_is_far_from_one() -> None:
    assert (distance_to_border(np.ones((3, 4), np.int32)) == 5).all()


def test_targets_by_hand() -> None:
    labels = halves()
    labels[0] = UNKNOWN
    targets = make_targets(torch.from_numpy(labels[None]), border_width=1.0, max_depth=2.0)
    assert targets.known[0, :, 0].tolist() == [0, 1, 1, 1, 1, 1]
    assert targets.parcel[0, 3].tolist() == [1] * 5 + [0] * 5
    row = targets.border[0, 3]
    assert torch.allclose(row[4:7], torch.tensor([1.0, 1.0, float(np.exp(-0.5))]), atol=0.02)
    assert torch.allclose(targets.depth[0, 3, :6], torch.tensor([1.0, 1.0, 1.0, 0.5, 0.0, 0.0]), atol=0.01)

import numpy as np
import torch
from torch import nn

from isagrsc2.classification.inference import class_probabilities


class Brightness(nn.Module):
    """Logits: 0, and a tenth of the mean value; dropout shows whether the network is in evaluation."""

    def __init__(self):
        super().__init__()
        self.dropout = nn.Dropout(0.5)

    def forward(self, chips):
        assert chips.dtype == torch.uint8
        bright = self.dropout(chips.float().mean(dim=(1, 2, 3)) / 10)
        return torch.stack([torch.zeros_like(bright), bright], dim=1)


def batches(values, size):
    chips = torch.tensor(values, dtype=torch.uint8)[:, None, None, None].expand(-1, 3, 2, 2)
    numbers = torch.arange(len(values))
    return [(part, number, number) for part, number in zip(chips.split(size), numbers.split(size), strict=True)]


def test_probabilities_by_hand():
    values = [0, 10, 20, 30, 40]
    found = class_probabilities(Brightness(), batches(values, 2), 2.0, torch.device("cpu"))
    assert found.dtype == np.float32
    # softmax of (0, v / 10) / 2
    expected = 1 / (1 + np.exp(-np.array(values) / 20))
    np.testing.assert_allclose(found[:, 1], expected, rtol=1e-6)
    np.testing.assert_allclose(found.sum(axis=1), 1, rtol=1e-6)


def test_batches_make_no_difference():
    values = list(range(0, 250, 10))
    first, second = (class_probabilities(Brightness(), batches(values, size), 1.5, torch.device("cpu")) for size in (3, 25))
    np.testing.assert_array_equal(first, second)

import pytest
import torch

from isagrsc2.classification.weighting import loss_weights
from isagrsc2.errors import InputError

COUNTS = {"not_cultivated": 30, "cultivated": 10}


def test_equal_balanced_and_given():
    assert loss_weights("equal", COUNTS).tolist() == [1, 1]
    # 40 / (2 x 30) and 40 / (2 x 10): both classes weigh 20 in all.
    assert loss_weights("balanced", COUNTS).tolist() == pytest.approx([2 / 3, 2])
    assert loss_weights([1.0, 3.0], COUNTS).tolist() == [1, 3]
    assert loss_weights([1, 3], COUNTS).dtype == torch.float32


@pytest.mark.parametrize("weights", [[1.0], [1.0, 2.0, 3.0], "balance", [1.0, -1.0]])
def test_weights_that_do_not_fit(weights):
    with pytest.raises(InputError, match="one number from 0 for each of the classes not_cultivated, cultivated"):
        loss_weights(weights, COUNTS)


def test_a_class_without_chips_cannot_be_balanced():
    with pytest.raises(InputError, match="the class town: it has no training chips"):
        loss_weights("balanced", {"field": 3, "town": 0})

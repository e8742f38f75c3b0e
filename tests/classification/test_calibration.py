import numpy as np
import pytest
import torch
from scipy.optimize import minimize

from isagrsc2.classification.calibration import LEAST, MOST, fit_temperature


def drawn(count, temperature, seed=0):
    """Logits whose labels are drawn from them at a temperature."""
    generator = torch.Generator().manual_seed(seed)
    logits = 3 * torch.randn(count, 4, generator=generator)
    labels = torch.multinomial((logits / temperature).softmax(dim=1), 1, generator=generator)[:, 0]
    return logits, labels


@pytest.mark.parametrize("temperature", [0.5, 1.0, 3.0])
def test_finds_the_temperature_labels_were_drawn_at(temperature):
    assert fit_temperature(*drawn(20_000, temperature)) == pytest.approx(temperature, rel=0.04)


def test_is_the_minimum_by_another_method():
    logits, labels = drawn(300, 2.0)

    def loss(parameters):
        return torch.nn.functional.cross_entropy(logits.double() * parameters[0], labels).item()

    other = 1 / minimize(loss, [1.0], method="Nelder-Mead", options={"xatol": 1e-7}).x[0]
    assert fit_temperature(logits, labels) == pytest.approx(other, rel=1e-3)


def test_by_hand():
    # Logits (0, a), right 3 times of 4: softmax(a / T) = 3/4, so a / T = ln 3.
    logits, labels = torch.tensor([[0.0, 2.0]] * 4), torch.tensor([1, 1, 1, 0])
    assert fit_temperature(logits, labels) == pytest.approx(2 / np.log(3), rel=1e-4)


def test_stays_in_range_without_mistakes_and_without_knowledge():
    right = torch.tensor([[1.0, 0.0], [0.0, 1.0]])
    assert fit_temperature(right, torch.tensor([0, 1])) == pytest.approx(LEAST, rel=1e-3)
    assert fit_temperature(right, torch.tensor([1, 0])) == pytest.approx(MOST, rel=1e-3)

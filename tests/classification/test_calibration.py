import numpy as np
import pytest
import torch
from scipy.optimize import minimize

from isagrsc2.classification.calibration import (
    LEAST,
    MOST,
    fit_temperature,
    fit_temperature_of_sides,
    loss_of_sides,
)


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


TWO = torch.tensor([False, True])
FOUR = torch.tensor([True, False, True, False])


def test_sides_of_two_classes_are_the_classes():
    logits, labels = drawn(500, 1.7)
    expected = fit_temperature(logits[:, :2], labels % 2)
    assert fit_temperature_of_sides(logits[:, :2], TWO, labels % 2 == 1) == pytest.approx(expected, rel=1e-3)


@pytest.mark.parametrize("temperature", [0.5, 1.0, 3.0])
def test_finds_the_temperature_that_sides_were_drawn_at(temperature):
    logits, labels = drawn(20_000, temperature)
    assert fit_temperature_of_sides(logits, FOUR, FOUR[labels]) == pytest.approx(temperature, rel=0.06)


def test_loss_of_sides_by_hand():
    # Shares 0.1, 0.2, 0.3, 0.4: the first and third are cultivated, 0.4 together.
    logits = torch.tensor([[0.1, 0.2, 0.3, 0.4]] * 2).log()
    expected = -(np.log(0.4) + np.log(0.6)) / 2
    assert loss_of_sides(logits, FOUR, torch.tensor([True, False]), 1.0) == pytest.approx(expected)


def test_the_lowest_of_several_valleys_is_found():
    generator = torch.Generator().manual_seed(3)
    logits = 4 * torch.randn(12, 4, generator=generator)
    truth = torch.rand(12, generator=generator) > 0.5
    found = fit_temperature_of_sides(logits, FOUR, truth)
    least = min(loss_of_sides(logits, FOUR, truth, one) for one in np.geomspace(LEAST, MOST, 2000))
    assert loss_of_sides(logits, FOUR, truth, found) == pytest.approx(least, abs=1e-4)

"""Temperature scaling (Guo et al. 2017): one number that makes probabilities mean what they say."""

from collections.abc import Callable

import numpy as np
import torch
from scipy.optimize import minimize_scalar
from torch import Tensor
from torch.nn import functional as F

# Range in which the temperature is sought. A network that makes no mistake on the validation set would otherwise be sent to
# certainty, and one that knows nothing to infinity.
LEAST, MOST = 0.1, 10.0

# Temperatures tried where the loss may have several valleys.
GRID = 41


def fit_temperature(logits: Tensor, labels: Tensor) -> float:
    """Temperature with the least negative log-likelihood (Guo et al. 2017, section 4.2); convex in 1 / T.

    Args:
        logits: (N, K), finite, N at least 1.
        labels: (N,) int64.

    Returns:
        The temperature, ``LEAST`` to ``MOST``; the logits are to be divided by it.
    """
    exact = logits.double()
    return _minimise(lambda temperature: float(F.cross_entropy(exact / temperature, labels)), LEAST, MOST)


def fit_temperature_of_sides(logits: Tensor, is_cultivated: Tensor, cultivated: Tensor) -> float:
    """Temperature with the least negative log-likelihood where only cultivated or not is known, and not the class.

    Unlike ``fit_temperature``'s the loss, see ``loss_of_sides``, is not convex: the best of a grid is refined.

    Args:
        logits: (N, K), finite, N at least 1.
        is_cultivated: (K,) bool, of the classes.
        cultivated: (N,) bool, the truth.

    Returns:
        The temperature, ``LEAST`` to ``MOST``; the logits are to be divided by it.
    """
    grid = np.geomspace(LEAST, MOST, GRID)

    def loss(temperature: float) -> float:
        return loss_of_sides(logits, is_cultivated, cultivated, temperature)

    best = int(np.argmin([loss(temperature) for temperature in grid]))
    return _minimise(loss, grid[max(best - 1, 0)], grid[min(best + 1, GRID - 1)])


def loss_of_sides(logits: Tensor, is_cultivated: Tensor, cultivated: Tensor, temperature: float) -> float:
    """Mean negative log-likelihood of being cultivated or not, whose probability is the sum over classes.

    Args:
        logits: (N, K).
        is_cultivated: (K,) bool, of the classes; some are, some are not.
        cultivated: (N,) bool, the truth.
        temperature: divides the logits.
    """
    shares = (logits.double() / temperature).log_softmax(dim=1)  # (N, K)
    same_side = is_cultivated == cultivated[:, None]  # (N, K)
    return -float(shares.masked_fill(~same_side, -torch.inf).logsumexp(dim=1).mean())


def _minimise(loss: Callable[[float], float], least: float, most: float) -> float:
    """The temperature between two limits with the least loss, sought on a logarithmic scale."""
    with torch.no_grad():
        found = minimize_scalar(lambda x: loss(float(np.exp(x))), bounds=(np.log(least), np.log(most)), method="bounded")
    return float(np.exp(found.x))

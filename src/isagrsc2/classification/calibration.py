"""Temperature scaling (Guo et al. 2017): one number that makes probabilities mean what they say."""

import numpy as np
import torch
from scipy.optimize import minimize_scalar
from torch import Tensor
from torch.nn import functional as F

# Range in which the temperature is sought. A network that makes no mistake on the validation set would otherwise be sent to
# certainty, and one that knows nothing to infinity.
LEAST, MOST = 0.1, 10.0


def fit_temperature(logits: Tensor, labels: Tensor) -> float:
    """Temperature with the least negative log-likelihood (Guo et al. 2017, section 4.2); convex in 1 / T.

    Args:
        logits: (N, K), finite, N at least 1.
        labels: (N,) int64.

    Returns:
        The temperature, ``LEAST`` to ``MOST``; the logits are to be divided by it.
    """
    exact = logits.double()

    def loss(log_temperature: float) -> float:
        return float(F.cross_entropy(exact / np.exp(log_temperature), labels))

    with torch.no_grad():
        found = minimize_scalar(loss, bounds=(np.log(LEAST), np.log(MOST)), method="bounded")
    return float(np.exp(found.x))

"""From the logits of a network to the probability that land is cultivated."""

import torch
from torch import Tensor


def p_cultivated(logits: Tensor, is_cultivated: Tensor, temperature: float) -> Tensor:
    """Sum of the softmax over the cultivated classes.

    Args:
        logits: (N, K) float.
        is_cultivated: (K,) bool.
        temperature: divides the logits; 1 leaves them (Guo et al. 2017, eq. 9).

    Returns:
        (N,) float32, 0 to 1.
    """
    shares = torch.softmax(logits.float() / temperature, dim=1)  # (N, K)
    # The sum of several rounded shares may exceed 1 by an ulp.
    return shares[:, is_cultivated].sum(dim=1).clamp(max=1.0)  # (N,)

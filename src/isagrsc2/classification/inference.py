"""Probabilities of every class for chips that a loader gives."""

from collections.abc import Iterable

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn


@torch.inference_mode()
def class_probabilities(
    network: nn.Module, batches: Iterable[tuple[Tensor, Tensor, Tensor]], temperature: float, device: torch.device
) -> npt.NDArray[np.float32]:
    """Classify chips.

    Args:
        network: (B, 3, S, S) uint8 to (B, K) logits; is moved to the device and set to evaluation.
        batches: chips (B, 3, S, S) uint8, labels, indices; at least one batch.
        temperature: divides the logits (Guo et al. 2017, eq. 9).
        device: where to compute.

    Returns:
        (N, K) float32, rows sum to 1, in the order of the batches.
    """
    network.eval().to(device)
    parts = []
    for chips, _, _ in batches:
        logits = network(chips.to(device, non_blocking=True)).float()  # (B, K)
        parts.append(torch.softmax(logits / temperature, dim=1).cpu())
    return np.asarray(torch.cat(parts).numpy(), np.float32)

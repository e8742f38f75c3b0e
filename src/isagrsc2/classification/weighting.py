"""Weights of classes in the loss."""

from collections.abc import Mapping, Sequence

import torch
from torch import Tensor

from isagrsc2.errors import InputError

# Values of `model.class_weights` besides a list of numbers.
EQUAL = "equal"
BALANCED = "balanced"


def loss_weights(weights: Sequence[float] | str, class_counts: Mapping[str, int]) -> Tensor:
    """Weights of the classes.

    Args:
        weights: ``equal``; ``balanced``, N / (K n_k), so that every class has the same share in the loss of all chips
            (King & Zeng 2001); or K numbers.
        class_counts: name and number of training chips of each of K classes, in the order of the logits.

    Returns:
        (K,) float32.

    Raises:
        InputError: neither of these, or a class to be balanced has no chips.
    """
    names, counts = list(class_counts), list(class_counts.values())
    if weights == EQUAL:
        return torch.ones(len(names))
    if weights == BALANCED:
        if 0 in counts:
            raise InputError(
                f"model.class_weights={BALANCED} cannot weigh the class {names[counts.index(0)]}: it has no training chips; "
                f"use {EQUAL}."
            )
        return torch.tensor([sum(counts) / (len(counts) * count) for count in counts])
    if isinstance(weights, str) or len(weights) != len(names) or not all(weight >= 0 for weight in weights):
        raise InputError(
            f"model.class_weights={weights} must be {EQUAL}, {BALANCED}, or one number from 0 for each of the classes "
            f"{', '.join(names)}."
        )
    return torch.tensor([float(weight) for weight in weights])

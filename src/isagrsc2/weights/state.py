"""Weights from a file into a network; a file that does not fit is the user's to replace."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from torch import nn

from isagrsc2.errors import InputError


def read_state(path: Path) -> Mapping[str, torch.Tensor]:
    """Read a state dict, on the CPU, without running code from the file.

    Args:
        path: a file ``torch.save`` has written.

    Raises:
        InputError: truncated, no such file at all, or it holds something else than named tensors.
    """
    try:
        state: Any = torch.load(path, map_location="cpu", weights_only=True)
    # Bytes that are no checkpoint reach the unpickler as instructions and can fail in any way.
    except Exception as error:
        raise InputError(f"{path} is not a checkpoint, or it breaks off ({type(error).__name__}); replace the file.") from error
    if not isinstance(state, Mapping) or not state or not all(torch.is_tensor(value) for value in state.values()):
        raise InputError(f"{path} holds no plain state dict (tensors by name); save `model.state_dict()` alone.")
    return state


def load_state(network: nn.Module, state: Mapping[str, torch.Tensor], path: Path, what: str) -> None:
    """Load a state dict strictly.

    Args:
        network: receives the weights.
        state: tensors by name.
        path: for the message.
        what: what the network is, for the message.

    Raises:
        InputError: names or shapes differ.
    """
    wanted = network.state_dict()
    differ = [name for name in wanted if name not in state or state[name].shape != wanted[name].shape]
    strange = [name for name in state if name not in wanted]
    if differ or strange:
        first = (differ or strange)[0]
        raise InputError(
            f"{path} does not fit {what} ({len(differ)} of {len(wanted)} tensors are missing or have another shape, "
            f"{len(strange)} are unknown, the first is {first}); choose the segmenter it was saved from."
        )
    network.load_state_dict(dict(state))

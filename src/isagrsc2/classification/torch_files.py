"""Reading files of torch without running anything that is in them."""

from pathlib import Path
from typing import Any

import torch

from isagrsc2.classification.torchscript import is_torchscript, read_torchscript
from isagrsc2.errors import InputError


def read_torch_file(path: Path, remedy: str) -> Any:
    """Load tensors and plain values to the CPU.

    Args:
        path: a file written by ``torch.save``, or a TorchScript archive, of which the state dict is read.
        remedy: what the user should do when it cannot be read; ends the message.

    Raises:
        InputError: absent, damaged, or holding objects other than tensors and plain values.
    """
    if not path.is_file():
        raise InputError(f"{path} does not exist; {remedy}")
    try:
        if is_torchscript(path):
            return read_torchscript(path)
        return torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:  # damaged bytes lead the reader to errors of any kind
        reason = str(error).strip().splitlines() or [type(error).__name__]
        raise InputError(f"{path} is damaged or not a file of torch ({reason[0][:120]}); {remedy}") from None

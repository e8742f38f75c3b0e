"""Which device the networks run on."""

import torch

from isagrsc2.errors import InputError


def choose_device(name: str) -> torch.device:
    """Turn the option ``device`` into a torch device that exists here.

    Args:
        name: ``auto`` (the first of CUDA, MPS, CPU that is there), ``cpu``, ``cuda``, ``cuda:N`` or ``mps``.

    Raises:
        InputError: not such a name, or the device is absent.
    """
    if name == "auto":
        if torch.cuda.is_available():
            return torch.device("cuda")
        return torch.device("mps" if torch.backends.mps.is_available() else "cpu")
    try:
        device = torch.device(name)
    except RuntimeError:
        device = None
    if device is None or device.type not in ("cpu", "cuda", "mps"):
        raise InputError(f"device={name} is not understood; choose auto, cpu, cuda, cuda:N or mps.")
    if device.type == "cuda" and not torch.cuda.is_available():
        raise InputError(f"device={name} was asked for, but torch finds no CUDA device; use device=auto or device=cpu.")
    if device.type == "cuda" and (device.index or 0) >= torch.cuda.device_count():
        raise InputError(f"device={name} does not exist; torch counts {torch.cuda.device_count()} CUDA devices from 0.")
    if device.type == "mps" and not torch.backends.mps.is_available():
        raise InputError(f"device={name} was asked for, but torch finds no MPS device; use device=auto or device=cpu.")
    return device

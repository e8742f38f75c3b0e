"""A super-resolution network from a file, in whatever of the many architectures it is; spandrel recognises it."""

from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Any

import safetensors.torch
import torch

from isagrsc2.errors import InputError

if TYPE_CHECKING:
    from spandrel import ImageModelDescriptor

REMEDY = "give superres.checkpoint=PATH of a super-resolution network, such as RealESRGAN_x4plus.pth"


def require_spandrel() -> ModuleType:
    """The package ``spandrel``.

    Raises:
        InputError: it is not installed.
    """
    try:
        import spandrel
    except ImportError:
        raise InputError("superres with a network needs spandrel; pip install 'isagrsc2[sr]'") from None
    return spandrel


def read_network(path: Path, scale: int) -> "ImageModelDescriptor[torch.nn.Module]":
    """Read a network; no code of the file is run.

    Args:
        path: ``.pth`` or ``.safetensors``: tensors by name, as they are or under a key such as ``params_ema``.
        scale: what it must enlarge by.

    Returns:
        The network on the CPU, in evaluation mode. It takes (1, 3, H, W) from 0 to 1 and gives (1, 3, scale * H, scale * W).

    Raises:
        InputError: spandrel is missing; the file is damaged, or holds no network that spandrel knows; the network is none for
            super-resolution of RGB images, or one of another scale.
    """
    spandrel = require_spandrel()
    state = _read_state(path)
    try:
        network = spandrel.MAIN_REGISTRY.load(state)
    except spandrel.UnsupportedModelError:
        raise InputError(f"{path} holds no network that spandrel knows; {REMEDY}.") from None
    # Architectures are told by some names; what else is missing or of another shape fails anywhere in their code.
    except Exception as error:
        reason = (str(error).splitlines() or [""])[0]
        raise InputError(
            f"{path} is incomplete, or of another architecture than it seems ({type(error).__name__}: {reason}); {REMEDY}."
        ) from error
    kind = network.architecture.name
    if not isinstance(network, spandrel.ImageModelDescriptor) or network.purpose not in ("SR", "Restoration"):
        raise InputError(f"{path} is a network for {network.purpose} ({kind}), not for super-resolution; {REMEDY}.")
    if network.scale != scale:
        raise InputError(f"{path} ({kind}) enlarges {network.scale} times, but superres.scale={scale}; {REMEDY}.")
    channels = network.input_channels, network.output_channels
    if channels != (3, 3):
        raise InputError(f"{path} ({kind}) takes {channels[0]} channels and gives {channels[1]}, not RGB; {REMEDY}.")
    return network.eval()


def _read_state(path: Path) -> dict[str, Any]:
    """What is in the file: tensors by name, perhaps one level down."""
    try:
        if path.suffix == ".safetensors":
            state: Any = safetensors.torch.load_file(path)
        else:
            state = torch.load(path, map_location="cpu", weights_only=True)
    # Bytes that are no checkpoint reach the readers as instructions and can fail in any way.
    except Exception as error:
        raise InputError(f"{path} is not a checkpoint, or it breaks off ({type(error).__name__}); replace the file.") from error
    if not isinstance(state, dict) or not state:
        raise InputError(f"{path} holds no weights (tensors by name); {REMEDY}.")
    return state

"""A classifier's weights alone: safetensors, which also say what network they are of and what its classes are."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor, nn

from isagrsc2.classification.networks.published import use_of
from isagrsc2.errors import InputError
from isagrsc2.files import replacing

# Suffix of such files.
SUFFIX = ".safetensors"

# What their metadata say under "format".
FORMAT = "isagrsc2 classifier 1"


def write_classifier(network: nn.Module, description: Mapping[str, Any], path: Path) -> None:
    """Write a network and what belongs to it, whole or not at all.

    Args:
        network: whose weights; they are written as they are, single precision in every network of ours.
        description: plain values by name, see ``isagrsc2.classification.trained.DESCRIPTION``.
        path: of the file, ending in ``SUFFIX``.
    """
    state = {name: value.detach().cpu().contiguous() for name, value in network.state_dict().items()}
    about = {name: json.dumps(value, sort_keys=True) for name, value in description.items()}
    with replacing(path) as temporary:
        save_file(state, temporary, {"format": FORMAT} | about)


def read_classifier(path: Path, remedy: str) -> tuple[dict[str, Any], dict[str, Tensor]]:
    """Read what ``write_classifier`` has written.

    Args:
        path: of the file.
        remedy: what the user should do when it cannot be used; ends the message.

    Returns:
        The description, and the network's state dict on the CPU.

    Raises:
        InputError: absent, damaged, or weights of something else.
    """
    if not path.is_file():
        raise InputError(f"{path} does not exist; {remedy}")
    try:
        with safe_open(path, framework="pt") as file:
            about = file.metadata() or {}
            state = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118, it is no mapping
    except (SafetensorError, OSError) as error:
        raise InputError(f"{path} is damaged or no safetensors ({error}); {remedy}") from None
    if about.pop("format", None) != FORMAT:
        encoder = use_of(path, state)
        raise InputError(f"{encoder}." if encoder else f"{path} holds no classifier; {remedy}")
    try:
        return {name: json.loads(value) for name, value in about.items()}, state
    except json.JSONDecodeError:
        raise InputError(f"{path} describes its classifier in a way that cannot be read; {remedy}") from None

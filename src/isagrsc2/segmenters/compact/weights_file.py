"""The compact segmenter's weights on disk: safetensors with a word about what they are."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from safetensors import SafetensorError, safe_open
from safetensors.torch import load_file, save_file
from torch import nn

from isagrsc2.errors import InputError
from isagrsc2.files import replacing
from isagrsc2.segmenters.compact.network import BorderNetwork
from isagrsc2.segmenters.compact.scorer import RegionScorer
from isagrsc2.weights.state import load_state

# What the metadata of such a file says.
FORMAT = "isagrsc2 compact 1"


class CompactModel(nn.Module):
    """The two networks of the compact segmenter, whose weights lie in one file.

    Attributes:
        network: draws borders.
        scorer: predicts the IoU of regions.
    """

    def __init__(self) -> None:
        """Build them with random weights."""
        super().__init__()
        self.network = BorderNetwork()
        self.scorer = RegionScorer()


def read_weights(path: Path) -> CompactModel:
    """Build the networks with the weights of a file, on the CPU, in evaluation.

    Raises:
        InputError: absent, damaged, or weights of something else.
    """
    remedy = "give segmenter.checkpoint=PATH of weights that experiment=train/compact has written."
    if not path.is_file():
        raise InputError(f"{path} is not a file; {remedy}")
    try:
        with safe_open(path, framework="pt") as file:
            about = file.metadata() or {}
        state = load_file(path)
    except (SafetensorError, OSError) as error:
        raise InputError(f"{path} cannot be read as safetensors ({error}); {remedy}") from None
    if about.get("format") != FORMAT:
        raise InputError(f"{path} holds no weights of the compact segmenter; {remedy}")
    model = CompactModel()
    load_state(model, state, path, "the compact segmenter")
    return model.eval()


def write_weights(model: CompactModel, path: Path, trained_on: Mapping[str, Any]) -> None:
    """Write weights, whole or not at all.

    Args:
        model: whose weights.
        path: of the file.
        trained_on: the option of the data, plain values.
    """
    state = {name: value.detach().cpu().contiguous() for name, value in model.state_dict().items()}
    with replacing(path) as temporary:
        save_file(state, temporary, {"format": FORMAT, "trained_on": json.dumps(trained_on, sort_keys=True)})

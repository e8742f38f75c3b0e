"""The published networks with their weights."""

from pathlib import Path

from segment_anything import sam_model_registry
from segment_anything.modeling import Sam

from isagrsc2.errors import InputError
from isagrsc2.weights.fetch import locate
from isagrsc2.weights.registry import find
from isagrsc2.weights.state import load_state, read_state

MODELS = ("vit_b", "vit_l", "vit_h")


def build_sam(model: str, checkpoint: str, weights_dir: Path) -> Sam:
    """A published SAM with its weights, on the CPU.

    Args:
        model: ``vit_b``, ``vit_l`` or ``vit_h``.
        checkpoint: local path or ``auto``: the published file, fetched once into ``weights_dir``.
        weights_dir: folder of fetched checkpoints.

    Raises:
        InputError: unknown model; checkpoint missing, damaged or of another model; no network.
    """
    if model not in MODELS:
        raise InputError(f"segmenter.model={model} is unknown; choose {', '.join(MODELS)}.")
    path = locate(checkpoint, find(f"sam_{model}"), weights_dir)
    state = read_state(path)
    sam = sam_model_registry[model]()
    load_state(sam, state, path, f"SAM {model}")
    return sam

"""Whose image encoder a file of weights holds, told by the names in it: files of UNICOM and of CLIP are called alike."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from torch import Tensor

from isagrsc2.classification.networks.unicom import GEOMETRIES

UNICOM, CLIP, CLIP_OF_TRANSFORMERS = "UNICOM", "CLIP", "CLIP in the names of the package transformers"

# Names that are in every file of a family, the more particular family first; a file of CLIP has one of several of them,
# depending on where its text encoder lies.
_NAMES = {
    UNICOM: ({"patch_embed.proj.weight", "pos_embed", "feature.0.weight"},),
    CLIP_OF_TRANSFORMERS: ({"logit_scale", "text_model.embeddings.token_embedding.weight"},),
    CLIP: (
        {"logit_scale", "token_embedding.weight"},
        {"logit_scale", "text.token_embedding.weight"},
        {"visual.conv1.weight", "visual.proj"},
    ),
}


def family_of(state: Mapping[str, Any]) -> str | None:
    """``UNICOM``, ``CLIP``, ``CLIP_OF_TRANSFORMERS``, or None for anything else.

    Args:
        state: names and tensors.
    """
    names = state.keys()
    return next((family for family, kinds in _NAMES.items() if any(kind <= names for kind in kinds)), None)


def unicom_option(state: Mapping[str, Tensor]) -> str | None:
    """The option, ``unicom_vit_b32`` and the like, of UNICOM's weights; None where the sizes are none of the published."""
    width, _, patch, _ = state["patch_embed.proj.weight"].shape
    patches = state["pos_embed"].shape[1]
    fitting = (name for name, one in GEOMETRIES.items() if (one.width, one.patch_size, one.patches) == (width, patch, patches))
    return next(fitting, None)


def use_of(path: Path, state: Mapping[str, Any]) -> str | None:
    """What weights without classes are and how they are used, in one line without a full stop; None for unknown ones.

    Args:
        path: their file.
        state: names and tensors.
    """
    family = family_of(state)
    if family == UNICOM:
        option = unicom_option(state) or "unicom_..."
        return (
            f"{path} is UNICOM's image encoder alone, which knows neither classes nor text; train a classifier on it by "
            f"`python train.py model={option} model.backbone.pretrained={path}` and give its best.ckpt to classifier={option}"
        )
    if family == CLIP:
        return (
            f"{path} is {family}, which knows no classes of its own; classifier=clip classifier.checkpoint={path} uses it "
            "without training"
        )
    if family == CLIP_OF_TRANSFORMERS:
        return f"{path} is {family}; give classifier=clip a file in those of open_clip, such as open_clip_model.safetensors"
    return None

"""The first weights of the compact segmenter: random, ImageNet's in the encoder, or those of an earlier training."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from isagrsc2.classification.networks.start import read_plain_state
from isagrsc2.errors import InputError
from isagrsc2.options import check_choice
from isagrsc2.segmenters.compact.network import encoder_weights
from isagrsc2.segmenters.compact.weights_file import CompactModel, read_weights
from isagrsc2.weights.embedded import resolve
from isagrsc2.weights.registry import COMPACT

NONE = "none"

# What RGB 0 to 255 is divided by, after ImageNet's mean is taken off.
DEVIATIONS = {"mean_only": 1.0, "imagenet": 57.4}


def start_from(model: CompactModel, start: Mapping[str, Any]) -> None:
    """Give new networks their first weights.

    Args:
        model: changed in place.
        start: ``weights``: path of weights of the compact segmenter, ``embedded`` (those in the package), or ``none``.
            ``encoder``: path of a state dict of torchvision's ``squeezenet1_0``, or ``none``; then ``normalisation`` says what
            it was trained with: ``imagenet`` or ``mean_only``.

    Raises:
        InputError: a file cannot be read or does not fit, or both are given.
    """
    weights, encoder = str(start["weights"]), str(start["encoder"])
    check_choice("model.start.normalisation", start["normalisation"], tuple(DEVIATIONS))
    if NONE not in (weights, encoder):
        raise InputError("model.start.weights and model.start.encoder are both given; the first has an encoder of its own.")
    if weights != NONE:
        model.load_state_dict(read_weights(resolve(weights, COMPACT)).state_dict())
    if encoder != NONE:
        state = read_plain_state(Path(encoder), "check model.start.encoder.")
        try:
            own = encoder_weights(state, DEVIATIONS[start["normalisation"]])
            model.network.load_state_dict(own, strict=False)
        except (KeyError, RuntimeError) as error:
            reason = str(error).splitlines()[-1].strip()
            raise InputError(f"{encoder} holds no weights of torchvision's squeezenet1_0 ({reason}).") from None

"""From the description of a network, the ``backbone`` of a model's option, to the network."""

from collections.abc import Mapping
from typing import Any

import timm.models

from isagrsc2.classification.networks.hue_richness import HueRichnessNetwork
from isagrsc2.classification.networks.network import ChipNetwork
from isagrsc2.classification.networks.resnet import ATTENTIONS, ResNetNetwork
from isagrsc2.classification.networks.squeezenet import SqueezeNetNetwork
from isagrsc2.classification.networks.unicom import GEOMETRIES, UnicomNetwork
from isagrsc2.errors import InputError
from isagrsc2.options import check_choice

# What says how a network is built; the other keys of a backbone say where its first weights come from.
PARTS = ("architecture", "attention", "colour", "frozen")

NO_ATTENTION = NO_COLOUR = "none"
RESNETS = {NO_COLOUR: ResNetNetwork, "hue_richness": HueRichnessNetwork}
SQUEEZENET = "squeezenet1_0"


def build_network(backbone: Mapping[str, Any], num_classes: int) -> ChipNetwork:
    """Build a network with random weights.

    Args:
        backbone: ``architecture`` (timm's name of a ResNet, ``squeezenet1_0``, or ``unicom_vit_b32``, ``_b16``, ``_l14``,
            ``_l14_336``), ``attention`` (``cbam`` or ``none``), ``colour`` (``none`` or ``hue_richness``), ``frozen``
            (only what follows the encoder learns).
        num_classes: K.

    Raises:
        InputError: a name is not known, or the parts do not go together.
    """
    architecture, attention, colour, frozen = (backbone[part] for part in PARTS)
    check_choice("model.backbone.attention", attention, tuple(ATTENTIONS))
    check_choice("model.backbone.colour", colour, tuple(RESNETS))
    if not isinstance(frozen, bool):
        raise InputError(f"model.backbone.frozen={frozen} is not true or false.")
    network: ChipNetwork
    if timm.models.is_model_in_modules(architecture, ["resnet"]):
        network = RESNETS[colour](architecture, attention, num_classes)
    elif architecture == SQUEEZENET:
        _refuse(architecture, "colour", colour, NO_COLOUR)
        network = SqueezeNetNetwork(attention, num_classes)
    elif architecture in GEOMETRIES:
        _refuse(architecture, "colour", colour, NO_COLOUR)
        _refuse(architecture, "attention", attention, NO_ATTENTION)
        network = UnicomNetwork(GEOMETRIES[architecture], num_classes)
    else:
        raise InputError(
            f"model.backbone.architecture={architecture} is not known; choose {SQUEEZENET}, {', '.join(GEOMETRIES)}, "
            "or timm's name of a ResNet, such as resnet50."
        )
    if frozen:
        network.freeze_encoder()
    return network


def describe(backbone: Mapping[str, Any]) -> str:
    """A network in words: ``resnet50 with attention cbam``; colours and a frozen encoder are told where there are some.

    Args:
        backbone: ``architecture``, ``attention``, ``colour``, and perhaps ``frozen``.
    """
    colour = "" if backbone["colour"] == NO_COLOUR else f", colour {backbone['colour']}"
    frozen = ", frozen" if backbone.get("frozen") else ""
    return f"{backbone['architecture']} with attention {backbone['attention']}{colour}{frozen}"


def _refuse(architecture: str, part: str, value: str, only: str) -> None:
    if value != only:
        raise InputError(f"{architecture} takes no {part}={value}; give model.backbone.{part}={only}.")

"""The first weights of a network: random, official, or from a file of the plain network."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor

from isagrsc2.classification.networks.cbam import pass_through
from isagrsc2.classification.networks.network import ChipNetwork
from isagrsc2.classification.networks.published import CLIP, CLIP_OF_TRANSFORMERS, UNICOM, family_of, unicom_option
from isagrsc2.classification.networks.unicom import GEOMETRIES, RELEASES
from isagrsc2.classification.torch_files import read_torch_file
from isagrsc2.errors import InputError
from isagrsc2.options import check_choice

REMEDY = "check model.backbone.pretrained."

# What official weights, fetched by timm and torchvision, were trained with.
OFFICIAL = "imagenet"


def start_from(network: ChipNetwork, backbone: Mapping[str, Any]) -> None:
    """Give a new network its first weights.

    Args:
        network: built from ``backbone``, changed in place.
        backbone: ``pretrained`` is false (weights stay random), true (the official ImageNet weights are fetched) or the path
            of a file of ``body``'s weights, ``.safetensors`` or saved by ``torch.save``; then ``normalisation`` says what
            they were trained with, see ``NORMALISATIONS``.

    Raises:
        InputError: the weights cannot be had or do not fit.
    """
    pretrained = backbone["pretrained"]
    if pretrained is False:
        return
    if pretrained is True:
        load_plain_state(network, network.fetch_official(), OFFICIAL, f"the official {backbone['architecture']}")
    else:
        check_choice("model.backbone.normalisation", backbone["normalisation"], network.understood)
        state = read_plain_state(Path(pretrained), REMEDY)
        _check_family(state, backbone["architecture"], str(pretrained))
        load_plain_state(network, state, backbone["normalisation"], str(pretrained))


def load_plain_state(network: ChipNetwork, state: Mapping[str, Tensor], normalisation: str, source: str) -> None:
    """Load weights of the plain network into one that may have attention and another number of classes.

    Two things may be missing: the attention as a whole, which then lets the signal through unchanged, and the linear layer
    when its number of classes differs. Anything else missing, anything too much and any other shape is an error, and
    then nothing is loaded.

    Args:
        network: changed in place.
        state: names and tensors of ``body``; half precision becomes single.
        normalisation: what they were trained with.
        source: where they come from, for messages.

    Raises:
        InputError: they do not fit; names the keys.
    """
    own = network.body.state_dict()
    head = {f"{network.head}.{part}" for part in ("weight", "bias")}
    given = {key: value for key, value in state.items() if key not in head or _same_shape(own, key, value)}
    # Files older than PyTorch 0.4.1 do not count batches; nothing that is computed depends on the counter.
    counters = {key for key in own if key.endswith(".num_batches_tracked")}
    missing = own.keys() - given.keys() - head - counters
    attention = attention_keys(network) - counters
    if missing not in (set(), attention):
        raise InputError(f"{source} is of another network: it lacks {_some(missing - attention or missing)}; {REMEDY}")
    if surplus := given.keys() - own.keys():
        raise InputError(f"{source} is of another network: this one has no {_some(surplus)}; {REMEDY}")
    if reshaped := {key for key, value in given.items() if not _same_shape(own, key, value)}:
        raise InputError(f"{source} is of another network: other shapes of {_some(reshaped)}; {REMEDY}")
    network.body.load_state_dict(network.adapt(given, normalisation), strict=False)
    if missing:
        for attention_module, before in network.gates():
            pass_through(attention_module, before)


def attention_keys(network: ChipNetwork) -> set[str]:
    """Names, in the state dict of ``body``, of everything that belongs to the attention."""
    modules = {id(module) for module, _ in network.gates()}
    return {
        f"{name}.{key}" for name, module in network.body.named_modules() if id(module) in modules for key in module.state_dict()
    }


def read_plain_state(path: Path, remedy: str) -> Mapping[str, Tensor]:
    """Read a state dict.

    Args:
        path: a ``.safetensors`` file, or one saved by ``torch.save``.
        remedy: what the user should do when it cannot be read; ends the message.

    Raises:
        InputError: absent, damaged, or no plain state dict.
    """
    if path.suffix != ".safetensors":
        state = read_torch_file(path, remedy)
        if not isinstance(state, Mapping) or not all(isinstance(value, Tensor) for value in state.values()):
            raise InputError(f"{path} holds no plain state dict (names and tensors); save `network.state_dict()`.")
        return state
    try:
        return load_file(path)
    except FileNotFoundError:
        raise InputError(f"{path} does not exist; {remedy}") from None
    except SafetensorError as error:
        raise InputError(f"{path} is damaged ({error}); {remedy}") from None


def _check_family(state: Mapping[str, Tensor], architecture: str, source: str) -> None:
    """Files of UNICOM and CLIP bear the same names, so say which one this is where it is not the one asked for."""
    family = family_of(state)
    if family in (CLIP, CLIP_OF_TRANSFORMERS):
        official = GEOMETRIES[architecture].file_name if architecture in GEOMETRIES else None
        remedy = f"UNICOM's own file is {official} of {RELEASES}, and " if official else ""
        raise InputError(
            f"{source} is {family}, not the weights of {architecture}: {remedy}classifier=clip uses CLIP's without training; "
            f"{REMEDY}"
        )
    option = unicom_option(state) if family == UNICOM else None
    if option not in (None, architecture):
        raise InputError(f"{source} is UNICOM's {option}, not the weights of {architecture}; give model={option}, or {REMEDY}")


def _same_shape(own: Mapping[str, Tensor], key: str, value: Tensor) -> bool:
    return key in own and own[key].shape == value.shape


def _some(keys: set[str]) -> str:
    """Up to three keys, and how many more."""
    first = sorted(keys)[:3]
    more = f" and {len(keys) - len(first)} more" if len(keys) > len(first) else ""
    return ", ".join(first) + more

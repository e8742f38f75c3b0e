"""Weights of the plain network as a start for one with attention."""

from collections.abc import Mapping
from pathlib import Path

import timm
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor, nn

from isagrsc2.classification.backbone import attention_keys
from isagrsc2.classification.torch_files import read_torch_file
from isagrsc2.errors import InputError

REMEDY = "check model.backbone.pretrained."


def start_from(body: nn.Module, pretrained: str, architecture: str) -> None:
    """Give a new network its first weights.

    Args:
        body: timm's network, changed in place.
        pretrained: ``none`` (stays random), ``imagenet`` (fetched by timm), or a file, see ``load_backbone_weights``.
        architecture: timm's name, says which ImageNet weights to fetch.

    Raises:
        InputError: the weights cannot be had or do not fit.
    """
    if pretrained == "none":
        return
    if pretrained == "imagenet":
        load_plain_state(body, _imagenet_state(architecture), f"timm's {architecture}")
    else:
        load_backbone_weights(body, Path(pretrained))


def load_backbone_weights(body: nn.Module, path: Path) -> None:
    """Load a file of the plain network's weights; see ``load_plain_state``.

    Args:
        body: timm's network, changed in place.
        path: ``.safetensors``, or a state dict saved by ``torch.save``.

    Raises:
        InputError: the file is absent, damaged or of another network.
    """
    load_plain_state(body, _read_state(path), str(path))


def load_plain_state(body: nn.Module, state: Mapping[str, Tensor], source: str) -> None:
    """Load weights of the plain network into one that may have attention and another number of classes.

    Two things may be missing: the attention as a whole, and the classifier's head when its number of classes differs.
    Anything else missing, anything too much and any other shape is an error, and then nothing is loaded.

    Args:
        body: timm's network, changed in place.
        state: names and tensors.
        source: where they come from, for messages.

    Raises:
        InputError: they do not fit; names the keys.
    """
    own = body.state_dict()
    head = {f"{body.pretrained_cfg['classifier']}.{part}" for part in ("weight", "bias")}  # type: ignore[index]
    given = {key: value for key, value in state.items() if key not in head or _same_shape(own, key, value)}
    # Files older than PyTorch 0.4.1 do not count batches; nothing that is computed depends on the counter.
    counters = {key for key in own if key.endswith(".num_batches_tracked")}
    missing = own.keys() - given.keys() - head - counters
    attention = attention_keys(body) - counters
    if missing not in (set(), attention):
        raise InputError(f"{source} is of another network: it lacks {_some(missing - attention or missing)}; {REMEDY}")
    if surplus := given.keys() - own.keys():
        raise InputError(f"{source} is of another network: this one has no {_some(surplus)}; {REMEDY}")
    if reshaped := {key for key, value in given.items() if not _same_shape(own, key, value)}:
        raise InputError(f"{source} is of another network: other shapes of {_some(reshaped)}; {REMEDY}")
    body.load_state_dict(given, strict=False)


def _imagenet_state(architecture: str) -> dict[str, Tensor]:
    try:
        state: dict[str, Tensor] = timm.create_model(architecture, pretrained=True).state_dict()
    except (OSError, RuntimeError) as error:  # the hub's and the network's errors, and timm's "no weights exist"
        reason = (str(error).splitlines() or [type(error).__name__])[0]
        raise InputError(
            f"the ImageNet weights of {architecture} could not be fetched ({reason}); "
            "give a local file, model.backbone.pretrained=PATH, or none."
        ) from None
    return state


def _read_state(path: Path) -> Mapping[str, Tensor]:
    if path.suffix != ".safetensors":
        state = read_torch_file(path, REMEDY)
        if not isinstance(state, Mapping) or not all(isinstance(value, Tensor) for value in state.values()):
            raise InputError(f"{path} holds no plain state dict (names and tensors); save `network.state_dict()`.")
        return state
    try:
        return load_file(path)
    except FileNotFoundError:
        raise InputError(f"{path} does not exist; {REMEDY}") from None
    except SafetensorError as error:
        raise InputError(f"{path} is damaged ({error}); {REMEDY}") from None


def _same_shape(own: Mapping[str, Tensor], key: str, value: Tensor) -> bool:
    return key in own and own[key].shape == value.shape


def _some(keys: set[str]) -> str:
    """Up to three keys, and how many more."""
    first = sorted(keys)[:3]
    more = f" and {len(keys) - len(first)} more" if len(keys) > len(first) else ""
    return ", ".join(first) + more

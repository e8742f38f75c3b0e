"""Trained networks, read from the checkpoints that ``train.py`` writes, or from files of their weights alone."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from torch import Tensor

from isagrsc2.classification.networks.build import PARTS, build_network, describe
from isagrsc2.classification.networks.network import ChipNetwork
from isagrsc2.classification.networks.published import use_of
from isagrsc2.classification.torch_files import read_torch_file
from isagrsc2.classification.weights_file import SUFFIX, read_classifier
from isagrsc2.errors import InputError

# Prefix of the network's weights in a checkpoint: the attribute `net` of `ChipClassifier`.
PREFIX = "net."

# What a file says about its network.
DESCRIPTION = frozenset({"backbone", "class_names", "cultivated", "chip_size", "temperature", "trained_on"})


@dataclass(frozen=True)
class Trained:
    """A network and what belongs to it.

    Attributes:
        network: on the CPU, in evaluation.
        backbone: see ``build_network``.
        class_names: K names, in the order of the logits.
        cultivated: those that count as cultivated.
        chip_size: side of the chips it was trained on, px.
        temperature: divides the logits before a probability is read off them.
        trained_on: the option of the data.
    """

    network: ChipNetwork
    backbone: Mapping[str, Any]
    class_names: tuple[str, ...]
    cultivated: tuple[str, ...]
    chip_size: int
    temperature: float
    trained_on: Mapping[str, Any]

    @property
    def description(self) -> dict[str, Any]:
        """Everything but the network, by the names of ``DESCRIPTION``."""
        return {name: getattr(self, name) for name in DESCRIPTION}


def read_checkpoint(path: Path, remedy: str) -> Mapping[str, Any]:
    """Read a checkpoint and check that it says what it holds.

    Args:
        path: written by ``train.py``.
        remedy: what the user should do when it cannot be used; ends the message.

    Returns:
        Lightning's content; ``hyper_parameters`` has the keys of ``DESCRIPTION``.

    Raises:
        InputError: absent, damaged, or not a checkpoint of ``train.py``.
    """
    content = read_torch_file(path, remedy)
    parameters = content.get("hyper_parameters") if isinstance(content, Mapping) else None
    if not _describes_network(parameters) or "state_dict" not in content:
        encoder = use_of(path, content) if isinstance(content, Mapping) else None
        raise InputError(f"{encoder}." if encoder else f"{path} is not a checkpoint written by train.py; {remedy}")
    checkpoint: Mapping[str, Any] = content
    return checkpoint


def load_trained(path: Path, remedy: str) -> Trained:
    """Restore a trained network.

    Args:
        path: a checkpoint of ``train.py``, or, if it ends in ``.safetensors``, weights exported from one.
        remedy: what the user should do when it cannot be used; ends the message.

    Raises:
        InputError: see ``read_checkpoint`` and ``read_classifier``; or its weights are not those of the network it describes.
    """
    if path.suffix == SUFFIX:
        parameters, state = read_classifier(path, remedy)
        if not _describes_network(parameters):
            raise InputError(f"{path} does not describe its classifier; {remedy}")
    else:
        content = read_checkpoint(path, remedy)
        parameters = content["hyper_parameters"]
        weights = content["state_dict"].items()
        state = {key.removeprefix(PREFIX): value for key, value in weights if key.startswith(PREFIX)}
    class_names = tuple(parameters["class_names"])
    return Trained(
        network=_restore(path, state, parameters["backbone"], class_names, remedy),
        backbone=dict(parameters["backbone"]),
        class_names=class_names,
        cultivated=tuple(parameters["cultivated"]),
        chip_size=int(parameters["chip_size"]),
        temperature=float(parameters["temperature"]),
        trained_on=dict(parameters["trained_on"]),
    )


def check_same_network(path: Path, found: Mapping[str, Any], wanted: Mapping[str, Any]) -> None:
    """Compare a checkpoint's network with the one asked for.

    Args:
        path: the checkpoint, for the message.
        found: its ``backbone``.
        wanted: some or all of the ``PARTS`` of a ``backbone``; other keys do not count.

    Raises:
        InputError: they differ; names both.
    """
    parts = [part for part in PARTS if part in wanted]
    if any(found[part] != wanted[part] for part in parts):
        held, asked = (describe({part: backbone[part] for part in parts}) for backbone in (found, wanted))
        raise InputError(f"{path} holds {held}, but {asked} was asked for; choose the option that fits the checkpoint.")


def _describes_network(parameters: Any) -> bool:
    """Whether everything is there that ``Trained`` says and ``build_network`` asks for."""
    return (
        isinstance(parameters, Mapping)
        and parameters.keys() >= DESCRIPTION
        and isinstance(parameters["backbone"], Mapping)
        and parameters["backbone"].keys() >= set(PARTS)
    )


def _restore(
    path: Path, state: Mapping[str, Tensor], backbone: Mapping[str, Any], names: tuple[str, ...], remedy: str
) -> ChipNetwork:
    network = build_network(backbone, len(names))
    try:
        network.load_state_dict(state)
    except RuntimeError as error:
        mismatch = " ".join(str(error).split())[:160]
        raise InputError(
            f"{path} does not hold {describe(backbone)} and the {len(names)} classes {', '.join(names)}: {mismatch}; {remedy}"
        ) from None
    return network.eval()

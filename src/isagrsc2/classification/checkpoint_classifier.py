"""A trained network as a classifier, read from the checkpoint that ``train.py`` wrote."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import torch

from isagrsc2.classification.backbone import ChipNetwork, build_network
from isagrsc2.classification.predictor import AS_TRAINED, CULTIVATED, NOT_CULTIVATED, Probabilities
from isagrsc2.classification.probability import p_cultivated
from isagrsc2.classification.torch_files import read_torch_file
from isagrsc2.device import choose_device
from isagrsc2.errors import InputError
from isagrsc2.options import check_share, check_whole

# Prefix of the network's weights in a checkpoint: the attribute `net` of `ChipClassifier`.
PREFIX = "net."

REMEDY = "give classifier.checkpoint=PATH of a checkpoint written by train.py."


class CheckpointClassifier:
    """Probability of being cultivated, by a trained network.

    Attributes:
        chip_size: side of the chips it was trained on, px.
        class_names: what a parcel can be named.
    """

    class_names = (NOT_CULTIVATED, CULTIVATED)

    def __init__(
        self,
        checkpoint: Path,
        architecture: str,
        attention: str,
        cultivated: Sequence[str] | str,
        threshold: float,
        device: str,
        batch: int,
    ) -> None:
        """Load the network.

        Args:
            checkpoint: written by ``train.py``.
            architecture: timm's name of the network it must hold.
            attention: ``cbam`` or ``none``.
            cultivated: names of trained classes that count as cultivated, or ``"as_trained"``.
            threshold: probability from which a parcel is named cultivated.
            device: see ``isagrsc2.device.choose_device``.
            batch: chips per forward; does not change the result beyond rounding.

        Raises:
            InputError: the file is absent, damaged, no checkpoint of ``train.py``, of another network, or knows other
                classes; or a number does not fit.
        """
        check_share("classifier.threshold", threshold)
        check_whole("classifier.batch", batch, 1)
        content = read_torch_file(checkpoint, REMEDY)
        trained = read_hyper_parameters(checkpoint, content)
        check_architecture(checkpoint, trained["backbone"], architecture, attention)
        names = list(trained["class_names"])
        chosen = list(trained["cultivated"]) if cultivated == AS_TRAINED else list(cultivated)
        if not set(chosen) <= set(names) or not chosen:
            raise InputError(
                f"{checkpoint} was trained on the classes {', '.join(names)}; "
                f"classifier.cultivated={chosen} must name some of them, or be {AS_TRAINED}."
            )
        self.chip_size = int(trained["chip_size"])
        self._temperature = float(trained["temperature"])
        self._threshold = threshold
        self._batch = batch
        self._device = choose_device(device)
        self._is_cultivated = torch.tensor([name in chosen for name in names], device=self._device)  # (K,)
        network = _restore(checkpoint, content["state_dict"], architecture, attention, names)
        self._network = network.eval().to(self._device)

    @torch.inference_mode()
    def classify(self, chips: npt.NDArray[np.uint8]) -> Probabilities:
        """See ``Classifier.classify``."""
        result = np.empty(len(chips), np.float32)
        for start in range(0, len(chips), self._batch):
            part = torch.from_numpy(chips[start : start + self._batch]).to(self._device)  # (B, S, S, 3)
            logits = self._network(part.permute(0, 3, 1, 2))  # (B, K)
            result[start : start + len(part)] = p_cultivated(logits, self._is_cultivated, self._temperature).cpu().numpy()
        return result

    def names(self, p_cultivated: Probabilities) -> list[str]:
        """See ``Classifier.names``."""
        return [self.class_names[int(p >= self._threshold)] for p in p_cultivated]


def read_hyper_parameters(path: Path, content: Any) -> Mapping[str, Any]:
    """What a checkpoint says about its network.

    Args:
        path: for the message.
        content: the loaded file.

    Raises:
        InputError: not a checkpoint of ``train.py``.
    """
    parameters = content.get("hyper_parameters") if isinstance(content, Mapping) else None
    required = {"backbone", "class_names", "cultivated", "chip_size", "temperature"}
    if not isinstance(parameters, Mapping) or not required <= parameters.keys() or "state_dict" not in content:
        raise InputError(f"{path} is not a checkpoint written by train.py; {REMEDY}")
    return parameters


def check_architecture(path: Path, backbone: Mapping[str, Any], architecture: str, attention: str) -> None:
    """Compare a checkpoint's network with the one asked for.

    Raises:
        InputError: they differ; names both.
    """
    found = f"{backbone['architecture']} with attention {backbone['attention']}"
    wanted = f"{architecture} with attention {attention}"
    if found != wanted:
        raise InputError(f"{path} holds {found}, but {wanted} was asked for; choose the option that fits the checkpoint.")


def _restore(
    path: Path, state: Mapping[str, torch.Tensor], architecture: str, attention: str, names: Sequence[str]
) -> ChipNetwork:
    network = build_network(architecture, attention, len(names))
    own = {key.removeprefix(PREFIX): value for key, value in state.items() if key.startswith(PREFIX)}
    try:
        network.load_state_dict(own)
    except RuntimeError as error:
        mismatch = " ".join(str(error).split())[:160]
        raise InputError(
            f"{path} does not hold {architecture} with attention {attention} and the {len(names)} classes "
            f"{', '.join(names)}: {mismatch}; {REMEDY}"
        ) from None
    return network

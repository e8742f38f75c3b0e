"""A trained network as a classifier of `segment.py`."""

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt
import torch

from isagrsc2.classification.predictor import AS_TRAINED, CULTIVATED, NOT_CULTIVATED, Probabilities
from isagrsc2.classification.probability import p_cultivated
from isagrsc2.classification.trained import check_same_network, load_trained
from isagrsc2.device import choose_device
from isagrsc2.errors import InputError
from isagrsc2.options import check_share, check_whole

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
        network: Mapping[str, str] | str,
        cultivated: Sequence[str] | str,
        threshold: float,
        device: str,
        batch: int,
    ) -> None:
        """Load the network.

        Args:
            checkpoint: written by ``train.py``, or weights exported from one.
            network: ``architecture``, ``attention`` and ``colour`` it must have (see ``build_network``), or
                ``"as_trained"``.
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
        trained = load_trained(checkpoint, REMEDY)
        if isinstance(network, Mapping):
            check_same_network(checkpoint, trained.backbone, network)
        elif network != AS_TRAINED:
            raise InputError(
                f"classifier.network={network} is not {AS_TRAINED}; give the option of a model as classifier=NAME."
            )
        chosen = trained.cultivated if cultivated == AS_TRAINED else tuple(cultivated)
        if not set(chosen) <= set(trained.class_names) or not chosen:
            raise InputError(
                f"{checkpoint} was trained on the classes {', '.join(trained.class_names)}; "
                f"classifier.cultivated={cultivated} must name some of them, or be {AS_TRAINED}."
            )
        self.chip_size = trained.chip_size
        self._temperature = trained.temperature
        self._threshold = threshold
        self._batch = batch
        self._device = choose_device(device)
        self._is_cultivated = torch.tensor([name in chosen for name in trained.class_names], device=self._device)  # (K,)
        self._network = trained.network.to(self._device)

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

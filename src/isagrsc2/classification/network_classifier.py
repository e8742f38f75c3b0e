"""A network that tells classes apart, as a classifier of `segment.py`."""

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn

from isagrsc2.classification.class_mapping import Classes
from isagrsc2.classification.predictor import CULTIVATED, NOT_CULTIVATED, UNCLASSIFIED, Probabilities
from isagrsc2.classification.probability import p_cultivated
from isagrsc2.device import choose_device
from isagrsc2.errors import InputError
from isagrsc2.options import check_choice, check_share, check_whole

# Values of `classifier.labels`.
BINARY, CLASSES = "binary", "classes"


def check_options(labels: str, threshold: float, batch: int) -> None:
    """Check what ``NetworkClassifier`` is given besides a network, before one is loaded.

    Raises:
        InputError: an option does not fit.
    """
    check_choice("classifier.labels", labels, (BINARY, CLASSES))
    check_share("classifier.threshold", threshold)
    check_whole("classifier.batch", batch, 1)


class NetworkClassifier:
    """Classes of chips by a network, and the probability that their land is cultivated.

    Whether land is cultivated is decided by the summed probability of the cultivated classes. With ``labels=classes`` the
    name is the most probable of the classes on that side, so that cultivated land is the same under both labels.

    Attributes:
        chip_size: side of the chips the network expects, px.
        class_names: what a parcel can be named.
        cultivated: those that count as cultivated.
    """

    def __init__(
        self,
        network: nn.Module,
        classes: Classes,
        chip_size: int,
        temperature: float,
        labels: str,
        threshold: float,
        device: str,
        batch: int,
    ) -> None:
        """Move the network to its device.

        Args:
            network: (B, 3, S, S) uint8 RGB to (B, K) logits, in evaluation.
            classes: the K classes.
            chip_size: S, px.
            temperature: divides the logits before a probability is read off them.
            labels: ``binary`` (parcels are named cultivated or not_cultivated) or ``classes`` (by the classes).
            threshold: probability from which a parcel counts as cultivated.
            device: see ``isagrsc2.device.choose_device``.
            batch: chips per forward; does not change the result beyond rounding.

        Raises:
            InputError: an option does not fit, or a class is called like what has no class.
        """
        check_options(labels, threshold, batch)
        if labels == CLASSES and UNCLASSIFIED in classes.names:
            raise InputError(
                f"{classes}: {UNCLASSIFIED} is the name of parcels without class; give classifier.labels={BINARY}, or train "
                "with another name of that class."
            )
        binary = Classes(classes.source, (CULTIVATED, NOT_CULTIVATED), (CULTIVATED,))
        named = classes if labels == CLASSES else binary
        self.chip_size = chip_size
        self.class_names = named.names
        self.cultivated = named.cultivated
        self._names_classes = labels == CLASSES
        self._temperature = temperature
        self._threshold = threshold
        self._batch = batch
        self._device = choose_device(device)
        is_cultivated = [name in classes.cultivated for name in classes.names]
        self._is_cultivated = torch.tensor(is_cultivated, device=self._device)  # (K,)
        self._network = network.to(self._device)

    @torch.inference_mode()
    def classify(self, chips: npt.NDArray[np.uint8]) -> tuple[list[str], Probabilities]:
        """See ``Classifier.classify``."""
        names: list[str] = []
        result = np.empty(len(chips), np.float32)
        for start in range(0, len(chips), self._batch):
            part = torch.from_numpy(chips[start : start + self._batch]).to(self._device)  # (B, S, S, 3)
            logits = self._network(part.permute(0, 3, 1, 2)).float()  # (B, K)
            p = p_cultivated(logits, self._is_cultivated, self._temperature)  # (B,)
            names += [self.class_names[place] for place in self._places(logits, p >= self._threshold).tolist()]
            result[start : start + len(part)] = p.cpu().numpy()
        return names, result

    def _places(self, logits: Tensor, cultivated: Tensor) -> Tensor:
        """(B,) positions in ``class_names`` for (B, K) logits and (B,) whether the land counts as cultivated."""
        if not self._names_classes:
            return (~cultivated).long()
        eligible = self._is_cultivated == cultivated[:, None]  # (B, K)
        # Where every class is cultivated, or none, the other side has no name to give.
        eligible |= ~eligible.any(dim=1, keepdim=True)
        return logits.masked_fill(~eligible, -torch.inf).argmax(dim=1)

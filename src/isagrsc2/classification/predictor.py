"""The contract between the pipeline and whatever decides about a parcel, the null object, and the way to a checkpoint.

Nothing here imports torch: a run without a classifier never pays for it.
"""

import logging
from collections.abc import Mapping, Sequence
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt

from isagrsc2.weights.embedded import resolve
from isagrsc2.weights.registry import CLASSIFIER

CULTIVATED = "cultivated"
NOT_CULTIVATED = "not_cultivated"
UNCLASSIFIED = "unclassified"

# Value of `classifier.checkpoint` that stands for "there is none".
NO_CHECKPOINT = "none"

# Value of `classifier.cultivated` and of `classifier.network` that leaves the choice of the training run as it is.
AS_TRAINED = "as_trained"

Probabilities = npt.NDArray[np.float32]

logger = logging.getLogger(__name__)


class Classifier(Protocol):
    """Decides from chips what land is, and whether it is cultivated."""

    @property
    def chip_size(self) -> int:
        """Side of a chip in px; 0 when no pixels are needed."""
        ...

    @property
    def class_names(self) -> tuple[str, ...]:
        """Every name that ``classify`` can give, in the order of legends."""
        ...

    @property
    def cultivated(self) -> tuple[str, ...]:
        """Those of ``class_names`` that count as cultivated."""
        ...

    def classify(self, chips: npt.NDArray[np.uint8]) -> tuple[list[str], Probabilities]:
        """Name the land of each chip, and estimate how likely it is cultivated.

        Args:
            chips: (N, S, S, 3) uint8 RGB, zero outside the segment, S = ``chip_size``; N may be 0.

        Returns:
            N of ``class_names``; (N,) float32 probabilities, 0 to 1, NaN where nothing is known.
        """
        ...


class Unclassified:
    """Knows nothing and looks at nothing: every parcel is `unclassified`, its probability NaN."""

    chip_size = 0
    class_names = (UNCLASSIFIED,)
    cultivated = ()

    def classify(self, chips: npt.NDArray[np.uint8]) -> tuple[list[str], Probabilities]:
        """See ``Classifier.classify``."""
        return [UNCLASSIFIED] * len(chips), np.full(len(chips), np.nan, np.float32)


def classifier_from_checkpoint(
    checkpoint: str,
    network: Mapping[str, str] | str,
    cultivated: Sequence[str] | str,
    **using: Any,
) -> Classifier:
    """Make the classifier of a checkpoint, or say once that there is none.

    An untrained network is never presented as a result: without a checkpoint parcels stay unclassified.

    Args:
        checkpoint: file written by ``train.py`` or exported from one, ``"embedded"`` (in the package), or ``"none"``.
        network: ``architecture``, ``attention`` and ``colour`` the checkpoint must have, or ``"as_trained"`` for any.
        cultivated: class names that count as cultivated, or ``"as_trained"``.
        using: ``labels``, ``threshold``, ``device`` and ``batch`` of ``NetworkClassifier``.

    Raises:
        InputError: see ``CheckpointClassifier`` and ``locate_embedded``.
    """
    if str(checkpoint) == NO_CHECKPOINT:
        logger.warning(
            "classifier.checkpoint=none: every parcel stays `unclassified`; train one with train.py and give "
            "classifier.checkpoint=PATH."
        )
        return Unclassified()
    path = resolve(str(checkpoint), CLASSIFIER)
    from isagrsc2.classification.checkpoint_classifier import CheckpointClassifier  # imports torch and timm

    return CheckpointClassifier(path, network, cultivated, **using)

"""A trained network as a classifier of `segment.py`."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from isagrsc2.classification.class_mapping import Classes
from isagrsc2.classification.network_classifier import NetworkClassifier, check_options
from isagrsc2.classification.predictor import AS_TRAINED
from isagrsc2.classification.trained import check_same_network, load_trained
from isagrsc2.errors import InputError

REMEDY = "give classifier.checkpoint=PATH of a checkpoint written by train.py."


class CheckpointClassifier(NetworkClassifier):
    """Classes and the probability of being cultivated, by a trained network."""

    def __init__(
        self, checkpoint: Path, network: Mapping[str, str] | str, cultivated: Sequence[str] | str, **using: Any
    ) -> None:
        """Load the network.

        Args:
            checkpoint: written by ``train.py``, or weights exported from one.
            network: ``architecture``, ``attention`` and ``colour`` it must have (see ``build_network``), or
                ``"as_trained"``.
            cultivated: names of trained classes that count as cultivated, or ``"as_trained"``.
            using: ``labels``, ``threshold``, ``device`` and ``batch`` of ``NetworkClassifier``.

        Raises:
            InputError: the file is absent, damaged, no checkpoint of ``train.py``, of another network, or knows other
                classes; or see ``NetworkClassifier``.
        """
        check_options(using["labels"], using["threshold"], using["batch"])
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
        classes = Classes(str(checkpoint), trained.class_names, chosen)
        super().__init__(trained.network, classes, trained.chip_size, trained.temperature, **using)

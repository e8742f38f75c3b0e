"""What a classifier says of chips whose classes are not called as those it was trained on."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from isagrsc2.classification.predictions import Predictions
from isagrsc2.errors import InputError


@dataclass(frozen=True)
class Classes:
    """A list of classes.

    Attributes:
        source: whose they are, for messages.
        names: K names, in the order of labels or logits.
        cultivated: those that count as cultivated.
    """

    source: str
    names: tuple[str, ...]
    cultivated: tuple[str, ...]

    def divides(self) -> bool:
        """Whether some classes are cultivated and some are not."""
        return 0 < len(set(self.names) & set(self.cultivated)) < len(self.names)

    def __str__(self) -> str:
        names = ", ".join(self.names)
        return f"{self.source} has {names} (cultivated: {', '.join(self.cultivated) or 'none'})"


def check_comparable(trained: Classes, given: Classes) -> None:
    """Check that two lists of classes are the same, or that both divide into cultivated and not, without contradiction.

    Raises:
        InputError: neither; names both lists.
    """
    contradicting = sorted(
        name for name in set(trained.names) & set(given.names) if (name in trained.cultivated) != (name in given.cultivated)
    )
    if contradicting:
        raise InputError(
            f"{trained}, but {given}: {', '.join(contradicting)} cannot be both cultivated and not; change data.cultivated."
        )
    if set(trained.names) != set(given.names) and not (trained.divides() and given.divides()):
        raise InputError(
            f"{trained}, but {given}: other classes, which do not map to cultivated and not cultivated; choose data with "
            "the same classes, or say by data.cultivated which are cultivated."
        )


def is_same(trained: Classes, given: Classes) -> bool:
    """Whether the classes are the same, in any order."""
    return set(trained.names) == set(given.names)


def predictions_on(
    trained: Classes,
    given: Classes,
    names: Sequence[str],
    labels: npt.NDArray[np.int64],
    probabilities: npt.NDArray[np.float32],
) -> Predictions:
    """Put the probabilities of a classifier beside the truth of other data.

    Args:
        trained: K classes of the classifier.
        given: classes of the data; comparable, see ``check_comparable``.
        names: N, what a person calls each chip.
        labels: (N,) positions in ``given.names``.
        probabilities: (N, K).

    Returns:
        Of the K classes where they are the same, else of cultivated and not cultivated.
    """
    if is_same(trained, given):
        positions = np.array([trained.names.index(name) for name in given.names], np.int64)
        return Predictions(trained.names, trained.cultivated, tuple(names), positions[labels], probabilities)
    # A stand-in for the true class, right in what the binary question needs: whether it is cultivated.
    stand_in = {
        cultivated: next(place for place, name in enumerate(trained.names) if (name in trained.cultivated) == cultivated)
        for cultivated in (False, True)
    }
    positions = np.array([stand_in[name in given.cultivated] for name in given.names], np.int64)
    return Predictions(trained.names, trained.cultivated, tuple(names), positions[labels], probabilities).as_binary()

"""What a classifier says of chips whose class is known."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from isagrsc2.classification.predictor import CULTIVATED, NOT_CULTIVATED


@dataclass(frozen=True)
class Predictions:
    """Probabilities beside the truth, for N chips and K classes.

    Attributes:
        class_names: K names.
        cultivated: those that count as cultivated.
        names: N, what a person calls each chip: its file, or scene and parcel.
        labels: (N,) int64, true class.
        probabilities: (N, K) float32, rows sum to 1.
    """

    class_names: tuple[str, ...]
    cultivated: tuple[str, ...]
    names: tuple[str, ...]
    labels: npt.NDArray[np.int64]
    probabilities: npt.NDArray[np.float32]

    def __post_init__(self) -> None:
        """Check that everything is aligned."""
        shape = len(self.labels), len(self.class_names)
        if self.probabilities.shape != shape or len(self.names) != len(self.labels):
            raise ValueError(f"{self.probabilities.shape} probabilities and {len(self.names)} names, expected {shape}")

    @property
    def predicted(self) -> npt.NDArray[np.int64]:
        """(N,) the most probable class."""
        return np.asarray(self.probabilities.argmax(axis=1), np.int64)

    @property
    def cultivated_columns(self) -> npt.NDArray[np.bool_]:
        """(K,) whether a class counts as cultivated."""
        return np.array([name in self.cultivated for name in self.class_names], bool)

    @property
    def p_cultivated(self) -> npt.NDArray[np.float32]:
        """(N,) probability that the land is cultivated: the sum over the cultivated classes."""
        # The sum of several rounded shares may exceed 1 by an ulp.
        return np.minimum(self.probabilities[:, self.cultivated_columns].sum(axis=1), np.float32(1))

    @property
    def is_cultivated(self) -> npt.NDArray[np.bool_]:
        """(N,) whether the land is cultivated."""
        return self.cultivated_columns[self.labels]

    def as_binary(self) -> "Predictions":
        """The same as the one question of the pipeline: cultivated or not."""
        p = self.p_cultivated
        return Predictions(
            class_names=(NOT_CULTIVATED, CULTIVATED),
            cultivated=(CULTIVATED,),
            names=self.names,
            labels=self.is_cultivated.astype(np.int64),
            probabilities=np.stack([1 - p, p], axis=1),
        )

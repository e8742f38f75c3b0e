"""Many scenes to one figure: pooled, where every parcel counts the same, or the mean, where every scene does."""

import functools
import operator
from collections.abc import Sequence
from typing import Protocol, Self

import numpy as np
import numpy.typing as npt

Scores = dict[str, float | int | None]

# Name of a score: its value in each of B resamples, (B,) float64, NaN where it is undefined.
Samples = dict[str, npt.NDArray[np.float64]]


class Counts(Protocol):
    """Whatever is counted of one scene."""

    def __add__(self, other: Self) -> Self:
        """Counts of both scenes."""
        ...

    def scores(self) -> Scores:
        """The scores that follow; None where undefined."""
        ...

    @classmethod
    def resample(cls, scenes: Sequence[Self], weights: npt.NDArray[np.float64]) -> Samples:
        """Pooled scores where scenes count more or less often.

        Args:
            scenes: (S,) counts.
            weights: (B, S), how often each scene counts in each resample.
        """
        ...


def pooled_scores(scenes: Sequence[Counts]) -> Scores:
    """Scores of the added counts of at least one scene."""
    return functools.reduce(operator.add, scenes).scores()


def mean_scores(scenes: Sequence[Counts]) -> Scores:
    """Mean of each score over the scenes where it is defined; None where it is defined in none."""
    scored = [counts.scores() for counts in scenes]
    means: Scores = {}
    for name in scored[0]:
        defined = [scores[name] for scores in scored]
        values = [value for value in defined if value is not None]
        means[name] = sum(values) / len(values) if values else None
    return means

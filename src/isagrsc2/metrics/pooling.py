"""Many scenes to one figure: pooled, where every parcel counts the same, or the mean, where every scene does."""

import functools
import operator
from collections.abc import Sequence

from isagrsc2.metrics.rounds import RoundCounts

Scores = dict[str, float | int | None]


def pooled_scores(scenes: Sequence[RoundCounts]) -> Scores:
    """Scores of the added counts of at least one scene."""
    return functools.reduce(operator.add, scenes).scores()


def mean_scores(scenes: Sequence[RoundCounts]) -> Scores:
    """Mean of each score over the scenes where it is defined; None where it is defined in none."""
    scored = [counts.scores() for counts in scenes]
    means: Scores = {}
    for name in scored[0]:
        defined = [scores[name] for scores in scored]
        values = [value for value in defined if value is not None]
        means[name] = sum(values) / len(values) if values else None
    return means

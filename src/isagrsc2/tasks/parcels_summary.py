"""Many scenes to one report: mean and pooled scores, each with its bootstrap interval."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from isagrsc2.metrics.bootstrap import Intervals, mean_intervals, pooled_intervals
from isagrsc2.metrics.last_round import LastRoundCounts
from isagrsc2.metrics.pooling import Counts, Scores, mean_scores, pooled_scores
from isagrsc2.metrics.rounds import RoundCounts
from isagrsc2.metrics.scoring import DetailedCounts
from isagrsc2.metrics.size_classes import SizeClass, SizeCounts
from isagrsc2.metrics.tile_consistency import ConsistencyCounts

# Stands beside the scores it belongs to: name to lower and upper bound.
INTERVAL = "interval_95"


@dataclass(frozen=True)
class Summary:
    """A way to make one figure of many scenes.

    Attributes:
        score: counts of scenes to scores.
        intervals: counts of scenes and their draws to intervals.
    """

    score: Callable[[Sequence[Counts]], Scores]
    intervals: Callable[[Sequence[Counts], npt.NDArray[np.float64]], Intervals]


SUMMARIES = {"mean": Summary(mean_scores, mean_intervals), "pooled": Summary(pooled_scores, pooled_intervals)}


def summarise(scenes: Sequence[DetailedCounts], draws: npt.NDArray[np.float64]) -> dict[str, Any]:
    """Mean and pooled scores of at least one scene, as they stand in ``metrics.json``.

    Args:
        scenes: (S,) with equally many rounds.
        draws: (B, S), see ``draw_scenes``.
    """

    def both(summary: Summary, counts: Sequence[Counts]) -> dict[str, Any]:
        return {**summary.score(counts), INTERVAL: summary.intervals(counts, draws)}

    def of_size(summary: Summary, last: Sequence[LastRoundCounts], size: SizeClass) -> dict[str, Any]:
        """Of the scenes that have the class: others count areas in another unit, or have no parcels to count."""
        having = [number for number, counts in enumerate(last) if size in counts.sizes]
        counts = [last[number].sizes[size] for number in having]
        return {**summary.score(counts), INTERVAL: summary.intervals(counts, draws[:, having])}

    def report(summary: Summary, rounds: Sequence[Sequence[RoundCounts]], last: Sequence[LastRoundCounts]) -> dict[str, Any]:
        each = [{"round": number, **both(summary, counts)} for number, counts in enumerate(zip(*rounds, strict=True), start=1)]
        classes = sorted({size for counts in last for size in counts.sizes})
        sizes = {size: of_size(summary, last, size) for size in classes}
        return {"rounds": each, "last_round": {**both(summary, last), "by_size": sizes_report(sizes)}}

    return {
        kind: {
            **report(summary, [one.scene.rounds for one in scenes], [one.last_round for one in scenes]),
            "oracle_class": report(summary, [one.scene.oracle_class for one in scenes], [one.oracle_class for one in scenes]),
        }
        for kind, summary in SUMMARIES.items()
    }


def summarise_consistency(scenes: Sequence[ConsistencyCounts], draws: npt.NDArray[np.float64]) -> dict[str, Any]:
    """Mean and pooled tile consistency of at least one scene; arguments as in ``summarise``."""
    return {kind: {**summary.score(scenes), INTERVAL: summary.intervals(scenes, draws)} for kind, summary in SUMMARIES.items()}


def scene_report(counts: DetailedCounts) -> dict[str, Any]:
    """The scores of one scene, as they stand in ``metrics.json``."""
    scores = counts.scene.scores()
    oracle = scores["oracle_class"] | {"last_round": _last_round(counts.oracle_class)}
    outcomes = counts.shown.outcomes.counts() if counts.scene.rounds[-1].objects else None
    return scores | {"last_round": _last_round(counts.last_round), "oracle_class": oracle, "outcomes": outcomes}


def sizes_report(sizes: Mapping[SizeClass, Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Scores of every size class with its bounds."""
    return [{**size.bounds(), **scores} for size, scores in sizes.items()]


def _last_round(counts: LastRoundCounts) -> dict[str, Any]:
    sizes: dict[SizeClass, SizeCounts] = dict(counts.sizes)
    return {**counts.scores(), "by_size": sizes_report({size: one.scores() for size, one in sizes.items()})}

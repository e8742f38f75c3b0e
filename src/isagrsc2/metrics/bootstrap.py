"""How sure a figure is: the bootstrap over scenes, because parcels of one scene are not independent."""

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from isagrsc2.metrics.pooling import Counts, Samples

# Of the resamples that lies in the interval.
LEVEL = 0.95

Intervals = dict[str, tuple[float, float] | None]


def draw_scenes(scenes: int, resamples: int, seed: int) -> npt.NDArray[np.float64]:
    """How often each scene is drawn in each resample of as many scenes, with replacement: (resamples, scenes)."""
    rng = np.random.default_rng(seed)
    return rng.multinomial(scenes, np.full(scenes, 1 / scenes), size=resamples).astype(np.float64)


def mean_intervals(scenes: Sequence[Counts], draws: npt.NDArray[np.float64]) -> Intervals:
    """Percentile intervals (Efron & Tibshirani 1993, chapter 13) of ``mean_scores``.

    Args:
        scenes: (S,) counts of at least one scene.
        draws: (B, S) of ``draw_scenes``.

    Returns:
        2.5 and 97.5 % quantile of every score; None where fewer than two scenes define it: one scene says nothing of
        others.
    """
    scored = [scene.scores() for scene in scenes]
    values = np.array([list(scores.values()) for scores in scored], np.float64)  # (S, K); None becomes NaN
    defined = ~np.isnan(values)
    sums, counts = draws @ np.nan_to_num(values), draws @ defined  # (B, K)
    means = np.divide(sums, counts, out=np.full_like(sums, np.nan), where=counts > 0)
    return _intervals(dict(zip(scored[0], means.T, strict=True)), scenes)


def pooled_intervals(scenes: Sequence[Counts], draws: npt.NDArray[np.float64]) -> Intervals:
    """Percentile intervals of ``pooled_scores`` that are no plain numbers of parcels; see ``mean_intervals``."""
    return _intervals(type(scenes[0]).resample(scenes, draws), scenes)


def _intervals(samples: Samples, scenes: Sequence[Counts]) -> Intervals:
    scored = [scene.scores() for scene in scenes]
    tails = [(1 - LEVEL) / 2, (1 + LEVEL) / 2]
    intervals: Intervals = {}
    for name, values in samples.items():
        known = sum(scores[name] is not None for scores in scored)
        found = values[~np.isnan(values)]
        if known < 2 or not len(found):
            intervals[name] = None
        else:
            low, high = np.quantile(found, tails).tolist()
            intervals[name] = (low, high)
    return intervals

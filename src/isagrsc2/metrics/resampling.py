"""Scores that are ratios of sums, computed for many resamples at once."""

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from isagrsc2.metrics.pooling import Samples
from isagrsc2.metrics.ratio import Ratios


def resample_ratios(scenes: Sequence[Ratios], weights: npt.NDArray[np.float64]) -> Samples:
    """Ratios of the weighted sums; NaN where the whole is zero.

    Args:
        scenes: (S,) the same names in each, at least one scene.
        weights: (B, S), how often each scene counts in each resample.
    """
    table = np.array([list(scene.values()) for scene in scenes], np.float64)  # (S, K, 2)
    parts, wholes = weights @ table[..., 0], weights @ table[..., 1]  # (B, K)
    values = np.divide(parts, wholes, out=np.full_like(parts, np.nan), where=wholes > 0)
    return dict(zip(scenes[0], values.T, strict=True))

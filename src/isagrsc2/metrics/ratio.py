"""The one division of this folder."""

# Name of a score: part and whole. Both add over scenes, so that the score of many scenes is the ratio of the sums.
Ratios = dict[str, tuple[float, float]]


def ratio(part: float, whole: float) -> float | None:
    """``part / whole``; None where the whole is zero, because a score of nothing is neither 0 nor 1."""
    return part / whole if whole else None

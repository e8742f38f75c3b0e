"""The one division of this folder."""


def ratio(part: float, whole: float) -> float | None:
    """``part / whole``; None where the whole is zero, because a score of nothing is neither 0 nor 1."""
    return part / whole if whole else None

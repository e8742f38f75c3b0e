"""Whether more or less of a figure is better, by its name."""

import re
from collections.abc import Iterable

MAX, MIN = "max", "min"

# A name is read by its words, as in "parcels/boundary_f1" and "val/score_error".
_MORE = {"accuracy", "auroc", "coverage", "f1", "iou", "passing", "pq", "precision", "quality", "recall"}
_LESS = {"ece", "error", "hausdorff", "loss", "nll", "segmentation"}
# Groups in which every figure is a cost.
_COSTS = ("seconds/", "memory_mb/")


def direction(name: str) -> str | None:
    """``max`` or ``min``, whichever is better; None where neither is, as of numbers of parcels or a learning rate.

    Args:
        name: as in ``val/f1_cultivated``.
    """
    if name.startswith(_COSTS):
        return MIN
    words = re.split(r"[_/]", name)
    # First, because of the quality of a segmentation.
    if _MORE.intersection(words):
        return MAX
    return MIN if _LESS.intersection(words) else None


def directions(names: Iterable[str]) -> dict[str, str]:
    """The directions of those figures that have one."""
    return {name: best for name in names if (best := direction(name)) is not None}

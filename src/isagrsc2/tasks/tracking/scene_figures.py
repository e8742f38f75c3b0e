"""The figures of scenes under the names that runs are compared by, the same for every task."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

# Scores that dashboards show first have short names.
_SHORT = {"area_iou": "iou", "object_f1": "f1", "panoptic_quality": "pq"}

# Groups of figures, and the ends of those of stages.
SECONDS, MEMORY = "seconds/", "memory_mb/"
_TOTAL, _PEAK = f"{SECONDS}total", f"{MEMORY}peak"


def scene_figures(metrics: Mapping[str, Any]) -> dict[str, float]:
    """Flatten the metrics of a scene to ``group/name`` -> number.

    Args:
        metrics: as ``segment.py`` writes them.
    """
    flat: dict[str, float] = {"parcels/count": metrics["parcels"]}
    flat |= coverage_figures(metrics["coverage"])
    if "reference" in metrics:
        flat |= parcel_figures(metrics["reference"]["rounds"][-1])
    for name, sizes in metrics["classes"].items():
        flat |= {f"{name}/{key}": value for key, value in sizes.items()}
    return flat | stage_figures(metrics["seconds"], metrics["memory_mb"])


def coverage_figures(coverage: Sequence[float | None]) -> dict[str, float]:
    """Coverage after every round, where it is defined."""
    return {f"coverage/round_{number}": share for number, share in enumerate(coverage, start=1) if share is not None}


def parcel_figures(scores: Mapping[str, float | None]) -> dict[str, float]:
    """Those scores of parcels that are defined."""
    return {
        f"parcels/{_SHORT.get(name, name)}": value for name, value in scores.items() if value is not None and name != "round"
    }


def stage_figures(seconds: Mapping[str, float], memory_mb: Mapping[str, float]) -> dict[str, float]:
    """Seconds and peak memory (MB) of every stage, the sum of the first and the largest of the second."""
    flat = {f"{SECONDS}{stage}": value for stage, value in seconds.items()} | {_TOTAL: sum(seconds.values())}
    if memory_mb:
        flat |= {f"{MEMORY}{stage}": value for stage, value in memory_mb.items()} | {_PEAK: max(memory_mb.values())}
    return flat


def figures_of_scenes(scenes: Iterable[Mapping[str, float]]) -> dict[str, float]:
    """One figure of many scenes: the mean over those that have it, of memory the largest, and the number of ``scenes``."""
    values: dict[str, list[float]] = {}
    all_scenes = list(scenes)
    for scene in all_scenes:
        for name, value in scene.items():
            values.setdefault(name, []).append(value)
    means = {name: max(found) if name.startswith(MEMORY) else sum(found) / len(found) for name, found in values.items()}
    return {"scenes": len(all_scenes), **means}

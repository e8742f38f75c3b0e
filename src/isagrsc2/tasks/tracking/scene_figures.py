"""The figures of a scene, as runs are compared by them."""

from collections.abc import Mapping
from typing import Any


def scene_figures(metrics: Mapping[str, Any]) -> dict[str, float]:
    """Flatten the metrics of a scene to ``group/name`` -> number, the names that dashboards compare."""
    flat: dict[str, float] = {"parcels/count": metrics["parcels"]}
    flat |= {f"coverage/round_{number}": share for number, share in enumerate(metrics["coverage"], start=1)}
    flat |= {f"seconds/{stage}": value for stage, value in metrics["seconds"].items()}
    for name, sizes in metrics["classes"].items():
        flat |= {f"{name}/{key}": value for key, value in sizes.items()}
    if "reference" in metrics:
        last = metrics["reference"]["rounds"][-1]
        names = {"area_iou": "iou", "object_f1": "f1", "panoptic_quality": "pq", "mean_best_iou": "mean_best_iou"}
        flat |= {f"parcels/{short}": last[key] for key, short in names.items() if last[key] is not None}
    return flat

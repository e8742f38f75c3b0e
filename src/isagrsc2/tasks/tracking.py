"""Where the figures of a segmentation run are kept: a CSV file, or Weights & Biases."""

import csv
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol


class Tracker(Protocol):
    """Takes the figures of every scene."""

    def start(self, configuration: Any) -> None:
        """Begin a run with its resolved configuration, plain types."""
        ...

    def scene(self, name: str, metrics: Mapping[str, Any], written: Mapping[str, Path]) -> None:
        """Take the figures and the files of a finished scene."""
        ...

    def finish(self, failed: int) -> None:
        """End the run; ``failed`` scenes could not be segmented."""
        ...


def figures(metrics: Mapping[str, Any]) -> dict[str, float]:
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


@dataclass
class CsvTracker:
    """``logger=csv``: ``metrics.csv`` with one line per scene, written anew after each.

    Attributes:
        folder: where the file goes.
    """

    folder: str
    rows: list[dict[str, Any]] = field(default_factory=list, init=False)

    def start(self, configuration: Any) -> None:
        """Nothing to do: Hydra keeps the configuration beside the results."""

    def scene(self, name: str, metrics: Mapping[str, Any], written: Mapping[str, Path]) -> None:  # noqa: ARG002
        """Add a line."""
        self.rows.append({"scene": name, **figures(metrics)})
        columns = list(dict.fromkeys(column for row in self.rows for column in row))
        with (Path(self.folder) / "metrics.csv").open("w", newline="") as file:
            writer = csv.DictWriter(file, columns)
            writer.writeheader()
            writer.writerows(self.rows)

    def finish(self, failed: int) -> None:
        """Nothing to do: the file is complete after every scene."""


@dataclass
class WandbTracker:
    """``logger=wandb``: one run, one step per scene, the overlay as an image.

    Attributes:
        folder: where an offline run is kept.
        project: of the dashboard.
        name: of the run.
        group: runs compared together.
        job_type: kind of run.
        tags: for filtering.
        offline: keep the run on disk; ``wandb sync`` uploads it later.
        max_side: long side of logged overlays, px.
    """

    folder: str
    project: str
    name: str
    group: str
    job_type: str
    tags: Sequence[str]
    offline: bool
    max_side: int
    run: Any = field(default=None, init=False)

    def start(self, configuration: Any) -> None:
        """Begin a run."""
        import wandb  # takes a second to import

        self.run = wandb.init(
            dir=self.folder,
            project=self.project,
            name=self.name,
            group=self.group,
            job_type=self.job_type,
            tags=list(self.tags),
            config=configuration,
            mode="offline" if self.offline else "online",
            settings=wandb.Settings(silent=True),
        )
        for key in ("parcels/iou", "parcels/f1", "parcels/pq"):
            self.run.define_metric(key, summary="mean")

    def scene(self, name: str, metrics: Mapping[str, Any], written: Mapping[str, Path]) -> None:
        """Log figures and overlay."""
        import wandb
        from PIL import Image

        record: dict[str, Any] = {"scene": name, **figures(metrics)}
        if "overlay" in written:
            with Image.open(written["overlay"]) as overlay:
                overlay.thumbnail((self.max_side, self.max_side))
                record["overlay"] = wandb.Image(overlay.convert("RGB"), caption=name)
        self.run.log(record)

    def finish(self, failed: int) -> None:
        """End the run."""
        self.run.summary["scenes/failed"] = failed
        self.run.finish(exit_code=1 if failed else 0)

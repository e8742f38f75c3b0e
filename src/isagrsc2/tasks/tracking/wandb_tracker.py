"""``logger=wandb``."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from isagrsc2.tasks.tracking.provenance import provenance
from isagrsc2.tasks.tracking.scene_figures import scene_figures

if TYPE_CHECKING:
    from pytorch_lightning.loggers import Logger

# What Lightning counts batches by.
STEP = "trainer/global_step"


@dataclass
class WandbTracker:
    """Weights & Biases: one run; one step per scene with its overlay, or the metrics of a training.

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
    _run: Any = field(default=None, init=False, repr=False)

    def start(self, configuration: Any) -> None:
        """Begin a run; its configuration is the whole of ours, the commit and the versions of packages."""
        import wandb  # takes a second to import

        self._run = wandb.init(
            # Another process writes the files, and its working directory may be another.
            dir=Path(self.folder).resolve(),
            project=self.project,
            name=self.name,
            group=self.group,
            job_type=self.job_type,
            tags=list(self.tags),
            config={**configuration, **provenance()},
            mode="offline" if self.offline else "online",
            # Jobs of a sweep may share a process; none may write into the run of another.
            reinit="finish_previous",
            settings=wandb.Settings(silent=True),
        )
        for key in ("parcels/iou", "parcels/f1", "parcels/pq"):
            self._run.define_metric(key, summary="mean")

    def scene(self, name: str, metrics: Mapping[str, Any], written: Mapping[str, Path]) -> None:
        """Log figures and overlay."""
        import wandb
        from PIL import Image

        record: dict[str, Any] = {"scene": name, **scene_figures(metrics)}
        if "overlay" in written:
            with Image.open(written["overlay"]) as overlay:
                overlay.thumbnail((self.max_side, self.max_side))
                record["overlay"] = wandb.Image(overlay.convert("RGB"), caption=name)
        self._run.log(record)

    def lightning(self) -> "Logger":
        """Give a logger that writes into this run, and make its summary the best epoch's instead of the last's."""
        from pytorch_lightning.loggers import WandbLogger

        from isagrsc2.classification.scores import ERRORS, SCORES

        self._run.define_metric(STEP)
        self._run.define_metric("*", step_metric=STEP, step_sync=True)
        for name in (*SCORES, "loss"):
            best = "min" if name in (*ERRORS, "loss") else "max"
            self._run.define_metric(f"val/{name}", step_metric=STEP, step_sync=True, summary=best)
        return WandbLogger(experiment=self._run, save_dir=self.folder)

    def pictures(self, pictures: Mapping[str, Path]) -> None:
        """Log the pictures."""
        import wandb

        self._run.log({name: wandb.Image(str(path.resolve())) for name, path in pictures.items()})

    def summary(self, figures: Mapping[str, float]) -> None:
        """Set the figures that the table of runs shows."""
        self._run.summary.update(dict(figures))

    def artifact(self, name: str, kind: str, path: Path, metadata: Mapping[str, Any]) -> None:
        """Log the file. It is not copied before it is uploaded: checkpoints are large."""
        import wandb

        artifact = wandb.Artifact(re.sub(r"[^\w.-]", "-", name), type=kind, metadata={**metadata, **provenance()})
        artifact.add_file(str(path.resolve()), policy="immutable", skip_cache=True)
        self._run.log_artifact(artifact)

    def finish(self, failed: int) -> None:
        """End the run."""
        self._run.summary["failed"] = failed
        self._run.finish(exit_code=1 if failed else 0)

"""``logger=wandb``."""

import logging
import re
import secrets
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import pandas

from isagrsc2.errors import InputError
from isagrsc2.export.result import SceneResult
from isagrsc2.options import check_number, check_whole
from isagrsc2.tasks.tracking.class_layers import layered_image
from isagrsc2.tasks.tracking.provenance import provenance
from isagrsc2.tasks.tracking.row_table import RowTable
from isagrsc2.tasks.tracking.scene_figures import MEMORY, figures_of_scenes, scene_figures

if TYPE_CHECKING:
    from pytorch_lightning.loggers import Logger

    from isagrsc2.tasks.evaluation import ComparedScene

logger = logging.getLogger(__name__)

# What Lightning counts batches by.
STEP = "trainer/global_step"

# Formats whose files make up the artifact of a run's parcels: what `evaluate.py` reads, and what a GIS opens.
PARCEL_FILES = ("segments", "metrics", "geoparquet", "geopackage", "coco")


@dataclass
class WandbTracker:
    """Weights & Biases: one run; one step per scene with its overlay, or the metrics of a training.

    At the end of a run of scenes stand the tables ``tables/scenes`` and ``tables/parcels``, the mean figures as its summary,
    and an artifact with the parcels. A run that the server does not take is kept on disk, like one that is offline.

    Attributes:
        folder: where an offline run is kept.
        project: of the dashboard.
        name: of the run.
        group: runs compared together.
        job_type: kind of run.
        tags: for filtering.
        offline: keep the run on disk; ``wandb sync`` uploads it later.
        connect_seconds: wait so long for the server at the start, s.
        upload_seconds: wait so long at the end for what is not uploaded, s.
        max_side: long side of logged overlays, px.
        max_rows: of every table.
    """

    folder: str
    project: str
    name: str
    group: str
    job_type: str
    tags: Sequence[str]
    offline: bool
    connect_seconds: float
    upload_seconds: float
    max_side: int
    max_rows: int
    _run: Any = field(default=None, init=False, repr=False)
    _configured: str = field(default="", init=False, repr=False)
    _scenes: dict[str, dict[str, float]] = field(default_factory=dict, init=False, repr=False)
    _shown: list[str] = field(default_factory=list, init=False, repr=False)
    _parcels: RowTable = field(init=False, repr=False)
    _files: dict[str, Path] = field(default_factory=dict, init=False, repr=False)

    def __post_init__(self) -> None:
        """Check the numbers."""
        # 0 would mean "as long as it takes" at the end.
        check_number("logger.connect_seconds", self.connect_seconds, 1)
        check_number("logger.upload_seconds", self.upload_seconds, 1)
        check_whole("logger.max_side", self.max_side, 1)
        check_whole("logger.max_rows", self.max_rows, 1)
        self._parcels = RowTable(self.max_rows)

    def start(self, configuration: Any) -> None:
        """Begin a run; its configuration is the whole of ours, the commit and the versions of packages."""
        import wandb  # takes a second to import

        self._configured = str(configuration.get("name", self.name))
        settings = {**configuration, **provenance()}
        if not self.offline:
            number = secrets.token_hex(4)
            try:
                # Silent: it would ask for a missing key where there is a terminal, and a batch job would wait for ever.
                wandb.setup(settings=wandb.Settings(silent=True))
                self._run = self._begin("online", settings, number)
            except (wandb.Error, TimeoutError) as error:
                # An empty run that would be uploaded with the others; where it cannot be removed it does no harm.
                for begun in Path(self.folder, "wandb").glob(f"run-*-{number}"):
                    shutil.rmtree(begun, ignore_errors=True)
                logger.warning(
                    "Weights & Biases does not take the run (%s); it is kept offline in %s, and `wandb sync` uploads it.",
                    str(error).splitlines()[0].rstrip("."),
                    Path(self.folder) / "wandb",
                )
        if self._run is None:
            try:
                self._run = self._begin("offline", settings, None)
            except wandb.Error as error:
                reason = str(error).splitlines()[0].rstrip(".")
                raise InputError(f"Weights & Biases refuses the run ({reason}); correct this option of logger.") from None
        # One step is one scene: what a run is worth is the mean of its scenes and not the last of them.
        for group in ("parcels", "coverage", "seconds"):
            self._run.define_metric(f"{group}/*", summary="mean")
        self._run.define_metric(f"{MEMORY}*", summary="max")

    def _begin(self, mode: Literal["online", "offline"], configuration: Mapping[str, Any], number: str | None) -> Any:
        import wandb

        return wandb.init(
            # Another process writes the files, and its working directory may be another.
            dir=Path(self.folder).resolve(),
            project=self.project,
            id=number,
            name=self.name,
            group=self.group,
            job_type=self.job_type,
            tags=list(self.tags),
            config=dict(configuration),
            mode=mode,
            # Jobs of a sweep may share a process; none may write into the run of another.
            reinit="finish_previous",
            settings=wandb.Settings(
                silent=True,
                init_timeout=self.connect_seconds,
                finish_timeout=self.upload_seconds,
                finish_timeout_raises=True,
            ),
        )

    def scene(self, name: str, result: SceneResult, written: Mapping[str, Path]) -> None:
        """Log figures, the image with layers of classes, and the drawn overlay; remember what stands in the tables."""
        self._scenes[name] = scene_figures(result.metrics)
        self._show(name, result, written, self._scenes[name])

    def compared(self, scene: "ComparedScene") -> None:
        """Log the image with layers of classes and the picture of the comparison; remember its parcels."""
        with scene.open() as result:
            self._show(scene.name, result, scene.written, {})

    def _show(self, name: str, result: SceneResult, written: Mapping[str, Path], figures: Mapping[str, float]) -> None:
        import wandb
        from PIL import Image

        drawn = layered_image(result, self.max_side)
        masks = {layer: {"mask_data": one.mask, "class_labels": one.labels} for layer, one in drawn.layers.items()}
        record: dict[str, Any] = {"scene": name, **figures, "overlay": wandb.Image(drawn.image, caption=name, masks=masks)}
        if "overlay" in written:
            with Image.open(written["overlay"]) as picture:
                picture.thumbnail((self.max_side, self.max_side))
                record["picture"] = wandb.Image(picture.convert("RGB"), caption=name)
        self._run.log(record)
        self._shown.append(name)
        for batch in result.parcels:
            rows = batch.drop(columns="geometry").to_dict("records")
            self._parcels.add({"scene": name, **row} for row in rows)
        self._files |= {f"{name}/{written[key].name}": written[key] for key in PARCEL_FILES if key in written}

    def lightning(self, best: Mapping[str, str]) -> "Logger":
        """Give a logger that writes into this run, and make its summary the best epoch's instead of the last's."""
        from pytorch_lightning.loggers import WandbLogger

        self._run.define_metric(STEP)
        self._run.define_metric("*", step_metric=STEP, step_sync=True)
        for name, direction in best.items():
            self._run.define_metric(name, step_metric=STEP, step_sync=True, summary=direction)
        return WandbLogger(experiment=self._run, save_dir=self.folder)

    def pictures(self, pictures: Mapping[str, Path]) -> None:
        """Log the pictures."""
        import wandb

        self._run.log({name: wandb.Image(str(path.resolve())) for name, path in pictures.items()})

    def table(self, name: str, path: Path) -> None:
        """Log the table under ``tables/``, without geometries, which no dashboard shows."""
        table = RowTable(self.max_rows)
        frame = pandas.read_parquet(path)
        table.add(frame.drop(columns="geometry", errors="ignore").to_dict("records"))
        self._log_table(name, table)

    def summary(self, figures: Mapping[str, float]) -> None:
        """Set the figures that the table of runs shows."""
        self._run.summary.update(dict(figures))

    def artifact(self, name: str, kind: str, path: Path, metadata: Mapping[str, Any]) -> None:
        """Log the file. It is not copied before it is uploaded: checkpoints are large."""
        self._log_artifact(name, kind, {path.name: path}, metadata)

    def finish(self, failed: int) -> None:
        """End the run; of one with scenes log what is told of them together."""
        together = figures_of_scenes(self._scenes.values())
        if self._scenes:
            scenes = RowTable(self.max_rows)
            scenes.add({"scene": name, **figures} for name, figures in self._scenes.items())
            self._log_table("scenes", scenes)
            self.summary(together)
        if self._shown:
            self._log_table("parcels", self._parcels)
        if self._files:
            metadata = {"scenes": self._shown, "metrics": together}
            self._log_artifact(f"{self._configured}-parcels", "parcels", self._files, metadata)
        self._run.summary["failed"] = failed
        kept = Path(self._run.settings.sync_dir)
        try:
            self._run.finish(exit_code=1 if failed else 0)
        except TimeoutError:
            logger.warning(
                "Weights & Biases has not taken all of the run in %g s (logger.upload_seconds); `wandb sync %s` uploads it.",
                self.upload_seconds,
                kept,
            )

    def _log_table(self, name: str, table: RowTable) -> None:
        import wandb

        self._run.log({f"tables/{name}": wandb.Table(columns=[*table.columns], data=table.data)})
        if table.left_out:
            logger.warning(
                "The table of %s in Weights & Biases holds the first %d rows and not the other %d (logger.max_rows).",
                name,
                self.max_rows,
                table.left_out,
            )

    def _log_artifact(self, name: str, kind: str, files: Mapping[str, Path], metadata: Mapping[str, Any]) -> None:
        import wandb

        artifact = wandb.Artifact(re.sub(r"[^\w.-]", "-", name), type=kind, metadata={**metadata, **provenance()})
        for place, path in files.items():
            artifact.add_file(str(path.resolve()), name=place, policy="immutable", skip_cache=True)
        self._run.log_artifact(artifact)

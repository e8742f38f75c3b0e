"""``logger=csv``."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from isagrsc2.tasks.tracking.csv_table import CsvTable
from isagrsc2.tasks.tracking.scene_figures import scene_figures

if TYPE_CHECKING:
    from pytorch_lightning.loggers import Logger

    from isagrsc2.export.result import SceneResult
    from isagrsc2.tasks.evaluation import ComparedScene


@dataclass
class CsvTracker:
    """``metrics.csv`` with one line per scene, or the lines of a training.

    Configuration, pictures, tables, final figures and checkpoints lie in the output folder already.

    Attributes:
        folder: where the file goes.
    """

    folder: str
    _table: CsvTable | None = field(default=None, init=False, repr=False)

    def start(self, configuration: Any) -> None:
        """Do nothing."""

    def scene(self, name: str, result: "SceneResult", written: Mapping[str, Path]) -> None:  # noqa: ARG002
        """Add a line; a run started again in the folder goes through all scenes again, so it begins the file anew."""
        if self._table is None:
            self._path.unlink(missing_ok=True)
            self._table = CsvTable(self._path)
        self._table.add({"scene": name, **scene_figures(result.metrics)})

    def compared(self, scene: "ComparedScene") -> None:
        """Do nothing."""

    def lightning(self, best: Mapping[str, str]) -> "Logger":  # noqa: ARG002
        """Give a logger that adds lines, of which anybody sees the best; those of a run that is resumed in the folder stay."""
        from isagrsc2.tasks.tracking.lightning_csv import LightningCsv  # torch takes seconds to import

        return LightningCsv(self._path)

    def pictures(self, pictures: Mapping[str, Path]) -> None:
        """Do nothing."""

    def table(self, name: str, path: Path) -> None:
        """Do nothing."""

    def summary(self, figures: Mapping[str, float]) -> None:
        """Do nothing."""

    def artifact(self, name: str, kind: str, path: Path, metadata: Mapping[str, Any]) -> None:
        """Do nothing."""

    def finish(self, failed: int) -> None:
        """Do nothing: the file is complete after every line."""

    @property
    def _path(self) -> Path:
        return Path(self.folder) / "metrics.csv"

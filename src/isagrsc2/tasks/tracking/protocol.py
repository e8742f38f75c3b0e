"""The contract between a task and whatever keeps its figures."""

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    from pytorch_lightning.loggers import Logger

    from isagrsc2.export.result import SceneResult
    from isagrsc2.tasks.evaluation import ComparedScene


class Tracker(Protocol):
    """Takes what a run has to show. A task calls ``start`` first and ``finish`` last, whatever happens between."""

    def start(self, configuration: Any) -> None:
        """Begin a run with its resolved configuration, plain types."""
        ...

    def scene(self, name: str, result: "SceneResult", written: Mapping[str, Path]) -> None:
        """Take a finished scene, which is still open, and its files by the name of their format."""
        ...

    def compared(self, scene: "ComparedScene") -> None:
        """Take a scene of a comparison; it is opened only where it is shown."""
        ...

    def lightning(self, best: Mapping[str, str]) -> "Logger":
        """Give the logger that a Lightning ``Trainer`` fills: metrics of every epoch, learning rate.

        Args:
            best: names of metrics to ``max`` or ``min``, whichever is better; the others have no best value.
        """
        ...

    def pictures(self, pictures: Mapping[str, Path]) -> None:
        """Take PNG files by name, as in ``val/confusion_matrix``."""
        ...

    def table(self, name: str, path: Path) -> None:
        """Take a table, a Parquet file, by name, as in ``scenes``."""
        ...

    def summary(self, figures: Mapping[str, float]) -> None:
        """Take the final figures, those that runs are compared by."""
        ...

    def artifact(self, name: str, kind: str, path: Path, metadata: Mapping[str, Any]) -> None:
        """Take a file that others build on.

        Args:
            name: its versions are counted under this name.
            kind: of file, as in ``model``.
            path: of the file; it is not changed afterwards.
            metadata: where it came from, plain types; commit and versions of packages are added.
        """
        ...

    def finish(self, failed: int) -> None:
        """End the run, of which ``failed`` parts (scenes, or the training) could not be done."""
        ...

"""The tracker that keeps nothing."""

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pytorch_lightning.loggers import Logger

    from isagrsc2.export.result import SceneResult
    from isagrsc2.tasks.evaluation import ComparedScene


class NoTracker:
    """Null object: of several processes that train together only one keeps figures."""

    def start(self, configuration: Any) -> None:
        """Do nothing."""

    def scene(self, name: str, result: "SceneResult", written: Mapping[str, Path]) -> None:
        """Do nothing."""

    def compared(self, scene: "ComparedScene") -> None:
        """Do nothing."""

    def lightning(self, best: Mapping[str, str]) -> "Logger":  # noqa: ARG002
        """Give a logger that does nothing: callbacks insist on one."""
        from pytorch_lightning.loggers.logger import DummyLogger

        return DummyLogger()

    def pictures(self, pictures: Mapping[str, Path]) -> None:
        """Do nothing."""

    def table(self, name: str, path: Path) -> None:
        """Do nothing."""

    def summary(self, figures: Mapping[str, float]) -> None:
        """Do nothing."""

    def artifact(self, name: str, kind: str, path: Path, metadata: Mapping[str, Any]) -> None:
        """Do nothing."""

    def finish(self, failed: int) -> None:
        """Do nothing."""

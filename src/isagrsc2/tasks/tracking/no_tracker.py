"""The tracker that keeps nothing."""

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pytorch_lightning.loggers import Logger


class NoTracker:
    """Null object: of several processes that train together only one keeps figures."""

    def start(self, configuration: Any) -> None:
        """Do nothing."""

    def scene(self, name: str, metrics: Mapping[str, Any], written: Mapping[str, Path]) -> None:
        """Do nothing."""

    def lightning(self) -> "Logger":
        """Give a logger that does nothing: callbacks insist on one."""
        from pytorch_lightning.loggers.logger import DummyLogger

        return DummyLogger()

    def pictures(self, pictures: Mapping[str, Path]) -> None:
        """Do nothing."""

    def summary(self, figures: Mapping[str, float]) -> None:
        """Do nothing."""

    def artifact(self, name: str, kind: str, path: Path, metadata: Mapping[str, Any]) -> None:
        """Do nothing."""

    def finish(self, failed: int) -> None:
        """Do nothing."""

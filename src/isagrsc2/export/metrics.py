"""The figures of a run."""

from dataclasses import dataclass
from pathlib import Path

from isagrsc2.export.json_file import write_json
from isagrsc2.export.result import SceneResult


@dataclass(frozen=True)
class Metrics:
    """``metrics.json``: the figures of the run, for programs and people."""

    def write(self, result: SceneResult, folder: Path) -> Path:
        """See ``Exporter``."""
        return write_json(result.metrics, folder / "metrics.json", indent=2)

"""What an option of ``subject`` does: compare something with the truth, and hand back all that is printed and kept."""

from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

from rich.table import Table

from isagrsc2.export.result import SceneResult


@dataclass(frozen=True)
class ComparedScene:
    """A scene for dashboards.

    Attributes:
        name: no other scene has it.
        open: opens the image and gives what was compared.
        written: its files by the name of their format; ``overlay`` is the picture of it.
    """

    name: str
    open: Callable[[], AbstractContextManager[SceneResult]]
    written: Mapping[str, Path]


@dataclass(frozen=True)
class Evaluation:
    """The result of a comparison.

    Attributes:
        report: what stands in ``metrics.json``, plain JSON types.
        table: what is printed.
        notes: sentences below the table.
        pictures: name to PNG.
        figures: name to number, for dashboards and comparisons of runs.
        refused: what could not be compared, with the reason.
        score: what a sweep optimises; None where it is undefined.
        tables: name to Parquet, for dashboards.
        scenes: for dashboards that show them.
    """

    report: Mapping[str, Any]
    table: Table
    notes: Sequence[str]
    pictures: Mapping[str, Path]
    figures: Mapping[str, float]
    refused: Mapping[str, str]
    score: float | None
    tables: Mapping[str, Path] = field(default_factory=dict)
    scenes: Sequence[ComparedScene] = ()


class Subject(Protocol):
    """An option of ``subject``."""

    def evaluate(self, folder: Path) -> Evaluation:
        """Compare.

        Args:
            folder: takes pictures and tables; it exists.

        Raises:
            InputError: nothing could be compared.
        """
        ...

"""What an option of ``subject`` does: compare something with the truth, and hand back all that is printed and kept."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from rich.table import Table


@dataclass(frozen=True)
class Evaluation:
    """The result of a comparison.

    Attributes:
        report: what stands in ``metrics.json``, plain JSON types.
        table: what is printed.
        notes: sentences below the table.
        pictures: name to PNG.
        figures: name to number, for dashboards.
        refused: what could not be compared, with the reason.
        score: what a sweep optimises; None where it is undefined.
    """

    report: Mapping[str, Any]
    table: Table
    notes: Sequence[str]
    pictures: Mapping[str, Path]
    figures: Mapping[str, float]
    refused: Mapping[str, str]
    score: float | None


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

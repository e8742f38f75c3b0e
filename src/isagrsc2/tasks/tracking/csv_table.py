"""A CSV file that grows by lines, and by columns where a line has new ones."""

import csv
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from isagrsc2.files import replacing


class CsvTable:
    """A CSV file with a header. One that is there already goes on.

    Args:
        path: of the file; its folder exists when the first line is added.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._columns: list[str] = []
        if path.exists():
            with path.open(newline="") as file:
                self._columns = next(csv.reader(file), [])

    def add(self, row: Mapping[str, Any]) -> None:
        """Add a line; only new columns make the file be written anew."""
        new = [column for column in row if column not in self._columns]
        if new:
            earlier = self._rows()
            self._columns += new
            with replacing(self._path) as temporary:
                self._write(temporary, "w", [dict(zip(self._columns, self._columns, strict=True)), *earlier])
        self._write(self._path, "a", [row])

    def _rows(self) -> list[dict[str, str]]:
        if not self._path.exists():
            return []
        with self._path.open(newline="") as file:
            return list(csv.DictReader(file))

    def _write(self, path: Path, mode: str, rows: list[Any]) -> None:
        with path.open(mode, newline="") as file:
            csv.DictWriter(file, self._columns).writerows(rows)

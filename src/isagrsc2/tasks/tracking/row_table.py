"""Rows for a table of a dashboard, as many as it shows."""

from collections.abc import Iterable, Mapping
from typing import Any

import pandas


class RowTable:
    """Rows with any columns; those over a limit are counted and not kept.

    Args:
        max_rows: the limit.
    """

    def __init__(self, max_rows: int) -> None:
        self._max_rows = max_rows
        self._rows: list[dict[str, Any]] = []
        self.left_out = 0

    def add(self, rows: Iterable[Mapping[str, Any]]) -> None:
        """Add rows; values are numbers, texts, or NaN for none."""
        for row in rows:
            if len(self._rows) < self._max_rows:
                self._rows.append(dict(row))
            else:
                self.left_out += 1

    @property
    def columns(self) -> list[str]:
        """Names in the order in which they first occur."""
        return list(dict.fromkeys(name for row in self._rows for name in row))

    @property
    def data(self) -> list[list[Any]]:
        """The rows, None where one has no value."""
        return [[_plain(row.get(name)) for name in self.columns] for row in self._rows]


def _plain(value: Any) -> Any:
    """What JSON has a word for."""
    value = value.item() if hasattr(value, "item") else value
    return None if pandas.api.types.is_scalar(value) and pandas.isna(value) else value

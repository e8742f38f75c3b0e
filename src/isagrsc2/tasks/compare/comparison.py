"""The runs of one kind, ready to be printed and drawn."""

import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from rich.table import Table
from rich.text import Text

from isagrsc2.figures.run_comparison import Panel, draw_run_comparison
from isagrsc2.tasks.compare.differences import differing_options
from isagrsc2.tasks.compare.figures import best_value, choose_figures, figure_text, sorted_by
from isagrsc2.tasks.compare.runs import Run


@dataclass(frozen=True)
class Comparison:
    """Runs of one kind.

    Attributes:
        kind: of run.
        runs: at least one, in the order of the table.
        names: of every run.
        options: in which they differ, to a value per run.
        figures: what is shown.
        sort: the figure they are sorted by.
    """

    kind: str
    runs: list[Run]
    names: list[str]
    options: dict[str, list[str]]
    figures: list[str]
    sort: str

    @property
    def title(self) -> str:
        """Above the table."""
        return f"{self.kind}: {len(self.runs)} run{'' if len(self.runs) == 1 else 's'} by {self.sort}, the best first"

    def table(self) -> Table:
        """One row per run: options that differ, then figures, the best of each in bold."""
        table = Table()
        table.add_column("run", overflow="fold")
        for option in self.options:
            table.add_column(option.replace(".", ".\n"), overflow="fold", style="cyan")
        for figure in self.figures:
            table.add_column(figure.replace("/", "/\n"), justify="right", overflow="fold")
        best = {figure: best_value(self.runs, figure) for figure in self.figures}
        for row, (run, name) in enumerate(zip(self.runs, self.names, strict=True)):
            values = {figure: run.figures.get(figure) for figure in self.figures}
            cells = [
                Text(figure_text(value), "bold green" if value is not None and value == best[figure] else "")
                for figure, value in values.items()
            ]
            # Text, because names of folders and lists may look like markup.
            table.add_row(Text(name), *(Text(column[row]) for column in self.options.values()), *cells)
        return table

    def left_out(self) -> list[str]:
        """Figures of the runs that are not shown."""
        return list(dict.fromkeys(name for run in self.runs for name in run.figures if name not in self.figures))

    def draw(self, path: Path) -> None:
        """Draw the table: a panel per figure, a row per run.

        Args:
            path: of the PNG; its folder exists.
        """
        labels = [
            ", ".join(f"{option}={column[row]}" for option, column in self.options.items()) for row in range(len(self.runs))
        ]
        panels = [
            Panel(figure, [run.figures.get(figure) for run in self.runs], best_value(self.runs, figure))
            for figure in self.figures
        ]
        rows = [f"{name}\n{label}" if label else name for name, label in zip(self.names, labels, strict=True)]
        draw_run_comparison(self.title, rows, panels, figure_text, path)


def compare(runs: Sequence[Run], patterns: Sequence[str], sort: str | None) -> list[Comparison]:
    """Compare the runs of every kind among themselves.

    Args:
        runs: at least one.
        patterns: of figures to show, see ``choose_figures``; those of kinds that have none of them are left out.
        sort: a figure; None for the first that is shown.

    Raises:
        InputError: a pattern fits no figure, or no run has the figure to sort by.
    """
    kinds: dict[str, list[Run]] = {}
    for run in runs:
        kinds.setdefault(run.kind, []).append(run)
    if patterns:
        choose_figures(runs, patterns)
    if sort is not None:
        sorted_by(runs, sort)
    comparisons = []
    for kind, same in kinds.items():
        known = {name for run in same for name in run.figures}
        figures = [name for name in choose_figures(runs, patterns) if name in known] if patterns else choose_figures(same, ())
        if sort in known and sort not in figures:
            figures = [sort, *figures]
        if figures:
            by = sort if sort in known else figures[0]
            ordered = sorted_by(same, by)
            names = _names([run.folder for run in ordered])
            comparisons.append(Comparison(kind, ordered, names, differing_options(ordered), figures, by))
    return comparisons


def _names(folders: Sequence[Path]) -> list[str]:
    """Folders without the way that all of them have in common."""
    paths = [folder.resolve() for folder in folders]
    above = Path(os.path.commonpath([path.parent for path in paths]))
    return [str(path.relative_to(above)) for path in paths]

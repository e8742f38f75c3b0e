"""What a sweep over variants of the method ends with: one table for a paper, and a picture of quality against seconds."""

import csv
import io
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from hydra.core.utils import JobReturn
from hydra.experimental.callback import Callback
from omegaconf import DictConfig
from rich.console import Console
from rich.table import Column, Table

from isagrsc2.errors import InputError
from isagrsc2.files import replacing

# The files, in the folder of the sweep.
NAME = "ablation"
# Columns of the table where the output is a file and has no width of its own.
WIDTH = 130


@dataclass(frozen=True)
class Variant:
    """A finished job.

    Attributes:
        name: of its experiment, ``whitened``; of its folder, where it has none.
        values: a figure per column, None where it is undefined.
    """

    name: str
    values: Mapping[str, float | None]


def _last_coverage(figures: Mapping[str, float]) -> float | None:
    rounds = {int(name.rpartition("_")[2]): value for name, value in figures.items() if name.startswith("coverage/round_")}
    return rounds[max(rounds)] if rounds else None


def _figure(name: str) -> Callable[[Mapping[str, float]], float | None]:
    return lambda figures: figures.get(name)


# Columns of the table: how a paper calls them, and where they are among the figures of a run.
COVERAGE, F1, SECONDS = "coverage", "F1 at IoU 0.5", "seconds per scene"
COLUMNS: Mapping[str, Callable[[Mapping[str, float]], float | None]] = {
    COVERAGE: _last_coverage,
    "area IoU": _figure("parcels/iou"),
    F1: _figure("parcels/f1"),
    "F1 at IoU 0.75": _figure("parcels/object_f1_75"),
    "PQ": _figure("parcels/pq"),
    "best IoU by area": _figure("parcels/mean_best_iou_by_area"),
    "F1, perfect classes": _figure("oracle_class/f1"),
    SECONDS: _figure("seconds/total"),
}


def read_variants(folder: Path) -> list[Variant]:
    """The finished jobs of a sweep of ``evaluate.py``, in its order.

    Args:
        folder: of the sweep.
    """
    from isagrsc2.tasks.compare.runs import read_run

    jobs = sorted((path for path in folder.iterdir() if path.name.isdecimal()), key=lambda path: int(path.name))
    variants = []
    for job in jobs:
        try:
            run = read_run(job)
        except InputError:  # it failed, which its own message has said, or it is not finished
            continue
        name = run.choices.get("experiment", job.name).rpartition("/")[2]
        variants.append(Variant(name, {column: value(run.figures) for column, value in COLUMNS.items()}))
    return variants


def markdown(variants: Sequence[Variant]) -> str:
    """A table as papers and READMEs take it."""
    rows = [["variant", *COLUMNS], ["---"] * (1 + len(COLUMNS))]
    rows += [[one.name, *(_text(column, one.values[column]) for column in COLUMNS)] for one in variants]
    return "".join(f"| {' | '.join(row)} |\n" for row in rows)


def comma_separated(variants: Sequence[Variant]) -> str:
    """The same table with all digits; what is undefined is empty."""
    text = io.StringIO()
    table = csv.writer(text, lineterminator="\n")
    table.writerow(["variant", *COLUMNS])
    table.writerows([one.name, *one.values.values()] for one in variants)
    return text.getvalue()


def write_ablation(folder: Path) -> list[Path]:
    """Write table and picture of the jobs of a sweep that are done.

    Args:
        folder: of the sweep.

    Returns:
        ``ablation.md``, ``ablation.csv`` and ``ablation.png``; nothing where no job is done.
    """
    variants = read_variants(folder)
    if not variants:
        return []
    from isagrsc2.figures.ablation import Point, draw_ablation

    paths = [folder / f"{NAME}.{suffix}" for suffix in ("md", "csv", "png")]
    for path, text in zip(paths, (markdown(variants), comma_separated(variants)), strict=False):
        with replacing(path) as temporary:
            temporary.write_text(text, encoding="utf-8")
    panels = {name: [Point(one.name, one.values[SECONDS], one.values[name]) for one in variants] for name in (COVERAGE, F1)}
    draw_ablation(SECONDS, panels, paths[-1])
    return paths


class AblationTable(Callback):
    """Writes the table whenever a job has ended, so that what is done is not lost with a later job, and says where it is."""

    def on_job_end(self, config: DictConfig, job_return: JobReturn, **kwargs: Any) -> None:  # noqa: ARG002
        """Write the table of the jobs that are done."""
        write_ablation(Path(config.hydra.sweep.dir))

    def on_multirun_end(self, config: DictConfig, **kwargs: Any) -> None:  # noqa: ARG002
        """Print the table."""
        folder = Path(config.hydra.sweep.dir)
        variants = read_variants(folder)
        if not variants:
            return
        table = Table("variant", *(Column(name, justify="right") for name in COLUMNS))
        for one in variants:
            table.add_row(one.name, *(_text(column, one.values[column]) for column in COLUMNS))
        console = Console(width=None if sys.stdout.isatty() else WIDTH)
        console.print(table)
        console.print(f"table and picture: {folder / NAME}.md, .csv, .png", markup=False, highlight=False, soft_wrap=True)


def _text(column: str, value: float | None) -> str:
    if value is None:
        return "–"
    return f"{value:.1f}" if column == SECONDS else f"{value:.3f}"

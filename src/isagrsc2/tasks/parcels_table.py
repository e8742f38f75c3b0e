"""The table of the scores of parcels, scene by scene."""

from collections.abc import Mapping, Sequence
from typing import Any

from rich.table import Table

from isagrsc2.metrics.bootstrap import Intervals
from isagrsc2.metrics.pooling import Scores
from isagrsc2.metrics.scoring import DetailedCounts
from isagrsc2.tasks.parcels_summary import INTERVAL

# Column heading and score of the printed table; metrics.json holds all scores.
COLUMNS = {
    "coverage": "coverage",
    "area\nIoU": "area_iou",
    "best IoU\nby area": "mean_best_iou_by_area",
    "object\nF1": "object_f1",
    "F1\n50:95": "object_f1_50_95",
    "PQ": "panoptic_quality",
    "over-\nsegm.": "over_segmentation",
    "under-\nsegm.": "under_segmentation",
    "boundary\nF1": "boundary_f1",
}


def parcels_table(
    names: Sequence[str], scenes: Sequence[DetailedCounts], summaries: Mapping[str, Any], tolerance: str
) -> Table:
    """Make the table of what was counted after the last round, with mean and pooled scores.

    Args:
        names: of at least one scene.
        scenes: their counts.
        summaries: of ``summarise``.
        tolerance: of boundaries, with its unit.
    """
    kinds = sorted({counts.scene.predictions for counts in scenes})
    table = Table(
        title=f"Parcels after the last round; predictions: {', '.join(kinds)}\n"
        f"objects match at IoU > 0.5; boundaries within {tolerance}; over- and under-segmentation are errors"
    )
    table.add_column("scene", overflow="fold")
    table.add_column("parcels", justify="right")
    table.add_column("reference", justify="right")
    for heading in COLUMNS:
        table.add_column(heading, justify="right")
    for name, counts in zip(names, scenes, strict=True):
        table.add_row(*_row(name, counts.scene.rounds[-1].scores() | counts.last_round.scores()))
    mean, pooled = summaries["mean"], summaries["pooled"]
    table.add_section()
    table.add_row(*_row("mean over scenes", _last(mean)), style="bold")
    if len(scenes) > 1:
        for name, end in (("  95 % interval from", 0), ("  to", 1)):
            table.add_row(*_bounds(name, mean, end), style="dim")
    table.add_row(*_row("pooled", _last(pooled)))
    table.add_section()
    table.add_row(*_row("with a perfect classifier, mean", _last(mean["oracle_class"])))
    table.add_row(*_row("with a perfect classifier, pooled", _last(pooled["oracle_class"])))
    return table


def _last(summary: Mapping[str, Any]) -> Scores:
    """Scores after the last round, those counted in every round and those of the last only."""
    return {**summary["rounds"][-1], **summary["last_round"]}


def _bounds(name: str, summary: Mapping[str, Any], end: int) -> list[str]:
    """A row of lower (0) or upper (1) bounds."""
    intervals: Intervals = {**summary["rounds"][-1][INTERVAL], **summary["last_round"][INTERVAL]}
    bounds = {key: None if interval is None else interval[end] for key, interval in intervals.items()}
    return [name, "", "", *(_text(bounds[key], ".3f") for key in COLUMNS.values())]


def _row(name: str, scores: Scores) -> list[str]:
    counts = [_text(scores[key], ".6g") for key in ("predicted_parcels", "reference_parcels")]
    return [name, *counts, *(_text(scores[key], ".3f") for key in COLUMNS.values())]


def _text(value: float | None, form: str) -> str:
    return "-" if value is None else f"{value:{form}}"

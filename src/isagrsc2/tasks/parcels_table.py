"""The table of the scores of parcels, scene by scene."""

from collections.abc import Sequence

from rich.table import Table

from isagrsc2.metrics.pooling import Scores, mean_scores, pooled_scores
from isagrsc2.metrics.rounds import SceneCounts

# Column heading and score of the printed table; metrics.json holds all scores.
COLUMNS = {
    "coverage": "coverage",
    "area IoU": "area_iou",
    "best IoU": "mean_best_iou",
    "by area": "mean_best_iou_by_area",
    "precision": "object_precision",
    "recall": "object_recall",
    "F1": "object_f1",
    "PQ": "panoptic_quality",
}


def parcels_table(names: Sequence[str], scenes: Sequence[SceneCounts]) -> Table:
    """Make the table of what was counted after the last round, with mean and pooled scores.

    Args:
        names: of at least one scene.
        scenes: their counts.
    """
    kinds = sorted({counts.predictions for counts in scenes})
    table = Table(title=f"Parcels after the last round; predictions: {', '.join(kinds)}; objects match at IoU > 0.5")
    table.add_column("scene", overflow="fold")
    table.add_column("parcels", justify="right")
    table.add_column("reference", justify="right")
    for heading in COLUMNS:
        table.add_column(heading, justify="right")
    predicted = [counts.rounds[-1] for counts in scenes]
    perfect = [counts.oracle_class[-1] for counts in scenes]
    for name, counts in zip(names, predicted, strict=True):
        table.add_row(*_row(name, counts.scores()))
    table.add_section()
    table.add_row(*_row("mean over scenes", mean_scores(predicted)), style="bold")
    table.add_row(*_row("pooled", pooled_scores(predicted)))
    table.add_section()
    table.add_row(*_row("with a perfect classifier, mean", mean_scores(perfect)))
    table.add_row(*_row("with a perfect classifier, pooled", pooled_scores(perfect)))
    return table


def _row(name: str, scores: Scores) -> list[str]:
    counts = [_text(scores[key], ".6g") for key in ("predicted_parcels", "reference_parcels")]
    return [name, *counts, *(_text(scores[key], ".3f") for key in COLUMNS.values())]


def _text(value: float | None, form: str) -> str:
    return "-" if value is None else f"{value:{form}}"

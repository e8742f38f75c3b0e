"""The table of scores at the end of a training."""

from collections.abc import Mapping

from rich.console import Console
from rich.table import Table

# Score of a classifier and what people call it, in the order of the table.
LABELS = {
    "accuracy": "accuracy",
    "f1_macro": "F1, mean over classes",
    "f1_cultivated": "F1 of cultivated",
    "precision_cultivated": "precision of cultivated",
    "recall_cultivated": "recall of cultivated",
    "auroc": "area under the ROC curve",
    "ece": "calibration error",
    "ece_cultivated": "calibration error of cultivated",
    "nll": "negative log-likelihood",
}


def print_scores(title: str, labels: Mapping[str, str], metrics: Mapping[str, float]) -> None:
    """Print scores, one column per side.

    Args:
        title: above the table.
        labels: score to what people call it, in the order of the table.
        metrics: ``side/score`` to value.
    """
    sides = list(dict.fromkeys(name.split("/")[0] for name in metrics))
    table = Table(title=title, title_justify="left")
    table.add_column("score")
    for side in sides:
        table.add_column(side, justify="right")
    for score, label in labels.items():
        values = [metrics.get(f"{side}/{score}") for side in sides]
        table.add_row(label, *("-" if value is None else f"{value:.4f}" for value in values))
    Console().print(table)

"""The table of a classifier's scores."""

from collections.abc import Mapping, Sequence

from rich.console import Console
from rich.table import Table

# Score and what people call it, in the order of the table.
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


def print_scores(metrics: Mapping[str, float], class_names: Sequence[str]) -> None:
    """Print scores, one column per side.

    Args:
        metrics: ``side/score`` to value.
        class_names: what was told apart.
    """
    sides = list(dict.fromkeys(name.split("/")[0] for name in metrics))
    table = Table(title=f"{len(class_names)} classes: {', '.join(class_names)}", title_justify="left")
    table.add_column("score")
    for side in sides:
        table.add_column(side, justify="right")
    for score, label in LABELS.items():
        values = [metrics.get(f"{side}/{score}") for side in sides]
        table.add_row(label, *("-" if value is None else f"{value:.4f}" for value in values))
    Console().print(table)

"""Evaluate: compare results with references, show one table, leave ``metrics.json``."""

import logging
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from hydra.utils import instantiate
from omegaconf import DictConfig
from rich.console import Console
from rich.table import Table

from isagrsc2.export.json_file import write_json
from isagrsc2.metrics.pooling import Scores, mean_scores, pooled_scores
from isagrsc2.metrics.rounds import RoundCounts

if TYPE_CHECKING:
    # Reads rasters and tables; `--help` needs neither, and they take seconds to import.
    from isagrsc2.tasks.parcels_subject import Evaluated

logger = logging.getLogger(__name__)

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
# Columns of the table where the output is a file and has no width of its own.
WIDTH = 130


def evaluate(cfg: DictConfig) -> float | None:
    """Compare what the subject names with its references.

    Args:
        cfg: composed from ``conf/evaluate.yaml``.

    Returns:
        Mean object F1 over the scenes after the last round, for sweeps; None where it is undefined.

    Raises:
        InputError: nothing could be compared.
        SystemExit: with code 1, after everything is written, when some scenes could not be compared.
    """
    scenes, refused = instantiate(cfg.subject).evaluate()
    report = {
        "subject": {"predictions": cfg.subject.predictions, "reference": cfg.subject.reference},
        "scenes": [scene.report() for scene in scenes],
        **_summaries(scenes),
        "refused": refused,
    }
    path = write_json(report, Path(cfg.output_dir, "metrics.json"), indent=2)
    console = Console(width=None if sys.stdout.isatty() else WIDTH)
    console.print(_table(scenes))
    logger.info("all scores after every round: %s", path)
    for reason in refused.values():
        logger.error("%s", reason)
    if refused:
        sys.exit(1)
    return mean_scores(_last(scenes, oracle_class=False))["object_f1"]


def _summaries(scenes: "Sequence[Evaluated]") -> dict[str, Any]:
    """Mean and pooled scores after every round."""
    kinds = {"mean": mean_scores, "pooled": pooled_scores}
    return {
        kind: {
            "rounds": _each_round([scene.counts.rounds for scene in scenes], score),
            "oracle_class": {"rounds": _each_round([scene.counts.oracle_class for scene in scenes], score)},
        }
        for kind, score in kinds.items()
    }


def _each_round(scenes: Sequence[tuple[RoundCounts, ...]], score: Any) -> list[dict[str, Any]]:
    return [{"round": number, **score(counts)} for number, counts in enumerate(zip(*scenes, strict=True), start=1)]


def _last(scenes: "Sequence[Evaluated]", oracle_class: bool) -> list[RoundCounts]:
    """Counts after the last round, one per scene."""
    return [(scene.counts.oracle_class if oracle_class else scene.counts.rounds)[-1] for scene in scenes]


def _table(scenes: "Sequence[Evaluated]") -> Table:
    kinds = sorted({scene.counts.predictions for scene in scenes})
    table = Table(title=f"Parcels after the last round; predictions: {', '.join(kinds)}; objects match at IoU > 0.5")
    table.add_column("scene", overflow="fold")
    table.add_column("parcels", justify="right")
    table.add_column("reference", justify="right")
    for heading in COLUMNS:
        table.add_column(heading, justify="right")
    predicted, perfect = _last(scenes, oracle_class=False), _last(scenes, oracle_class=True)
    for scene, counts in zip(scenes, predicted, strict=True):
        table.add_row(*_row(scene.scene, counts.scores()))
    table.add_section()
    table.add_row(*_row("mean over scenes", mean_scores(predicted)), style="bold")
    table.add_row(*_row("pooled", pooled_scores(predicted)))
    table.add_section()
    table.add_row(*_row("with a perfect classifier, mean", mean_scores(perfect)))
    table.add_row(*_row("with a perfect classifier, pooled", pooled_scores(perfect)))
    return table


def _row(name: str, scores: Scores) -> list[str]:
    counts = [f"{scores[key]:.6g}" for key in ("predicted_parcels", "reference_parcels")]
    return [name, *counts, *("-" if (value := scores[key]) is None else f"{value:.3f}" for key in COLUMNS.values())]

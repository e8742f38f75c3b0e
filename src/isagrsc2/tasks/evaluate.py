"""Evaluate: compare results with the truth, show one table, leave ``metrics.json``."""

import logging
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from hydra.utils import instantiate
from omegaconf import DictConfig, OmegaConf
from rich.console import Console

from isagrsc2.export.json_file import write_json
from isagrsc2.stopwatch import Stopwatch
from isagrsc2.tasks.tracking import choose_tracker, stage_figures

if TYPE_CHECKING:
    from isagrsc2.tasks.evaluation import Evaluation, Subject

logger = logging.getLogger(__name__)

# Columns of the table where the output is a file and has no width of its own.
WIDTH = 130


def evaluate(cfg: DictConfig) -> float | None:
    """Compare what the subject names with the truth.

    Args:
        cfg: composed from ``conf/evaluate.yaml``.

    Returns:
        The score of the subject, for sweeps: mean object F1 over scenes, F1 of cultivated over chips; None where it is
        undefined.

    Raises:
        InputError: nothing could be compared.
        SystemExit: with code 1, after everything is written, when a part could not be compared.
    """
    subject: Subject = instantiate(cfg.subject)
    folder = Path(cfg.output_dir)
    tracker = choose_tracker(cfg.logger)
    tracker.start(OmegaConf.to_container(cfg, resolve=True))
    failed, watch = 1, Stopwatch()
    try:
        with watch.stage("evaluate"):
            found = subject.evaluate(folder)
        # The figures that `python -m isagrsc2.tasks.compare` reads, whatever the subject.
        path = write_json({**found.report, "figures": dict(found.figures)}, folder / "metrics.json", indent=2)
        _tell(found, path)
        tracker.summary({**stage_figures(watch.seconds, watch.memory_mb), **found.figures})
        tracker.pictures(found.pictures)
        for name, table in found.tables.items():
            tracker.table(name, table)
        for scene in found.scenes:
            tracker.compared(scene)
        failed = len(found.refused)
    finally:
        tracker.finish(failed=failed)
    if found.refused:
        sys.exit(1)
    return found.score


def _tell(found: "Evaluation", path: Path) -> None:
    """Print the table and where everything is; before an upload, which may take minutes."""
    console = Console(width=None if sys.stdout.isatty() else WIDTH)
    console.print(found.table)
    for note in found.notes:
        logger.info("%s", note)
    if found.pictures:
        logger.info("pictures: %s", ", ".join(str(picture) for picture in found.pictures.values()))
    logger.info("all scores: %s", path)
    for reason in found.refused.values():
        logger.error("%s", reason)

"""Evaluate: compare results with the truth, show one table, leave ``metrics.json``."""

import logging
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from hydra.utils import instantiate
from omegaconf import DictConfig, OmegaConf
from rich.console import Console

from isagrsc2.export.json_file import write_json
from isagrsc2.tasks.tracking import choose_tracker

if TYPE_CHECKING:
    from isagrsc2.tasks.evaluation import Subject

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
    found = subject.evaluate(folder)
    path = write_json(dict(found.report), folder / "metrics.json", indent=2)
    tracker = choose_tracker(cfg.logger)
    tracker.start(OmegaConf.to_container(cfg, resolve=True))
    tracker.summary(found.figures)
    tracker.pictures(found.pictures)
    tracker.finish(failed=len(found.refused))
    console = Console(width=None if sys.stdout.isatty() else WIDTH)
    console.print(found.table)
    for note in found.notes:
        logger.info("%s", note)
    if found.pictures:
        logger.info("pictures: %s", ", ".join(str(picture) for picture in found.pictures.values()))
    logger.info("all scores: %s", path)
    for reason in found.refused.values():
        logger.error("%s", reason)
    if found.refused:
        sys.exit(1)
    return found.score

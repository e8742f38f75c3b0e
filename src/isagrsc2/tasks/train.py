"""Train: data, network, trainer, and what is left in the output folder, whatever is trained."""

import json
import logging
import sys
import warnings
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from hydra.utils import instantiate
from omegaconf import DictConfig, OmegaConf

from isagrsc2.errors import InputError
from isagrsc2.files import replacing
from isagrsc2.options import check_choice, check_whole
from isagrsc2.stopwatch import Stopwatch
from isagrsc2.tasks.sweep import in_sweep
from isagrsc2.tasks.tracking import Tracker, choose_tracker, directions, stage_figures
from isagrsc2.tasks.trainee import Trainee

if TYPE_CHECKING:
    import pytorch_lightning as pl

logger = logging.getLogger(__name__)

# What a shell reports for a program ended by Ctrl-C.
_INTERRUPTED = 130

# Values of `divergence`.
STOP, WORST = "stop", "worst"

# Values of `keep`, and names of the callbacks that write these checkpoints.
BEST, LAST = "best", "last"


@dataclass(frozen=True)
class _Run:
    """What a run is made of."""

    cfg: DictConfig
    trainee: Trainee
    callbacks: Mapping[str, Any]
    trainer: "pl.Trainer"
    tracker: Tracker
    watch: Stopwatch


def train(cfg: DictConfig) -> float:
    """Train, keep the best and the last checkpoint, and measure the chosen one on validation and test data.

    Args:
        cfg: composed from ``conf/train.yaml``.

    Returns:
        What the monitored metric is of this checkpoint; for a diverged run with ``divergence=worst`` the worst there is.

    Raises:
        InputError: the data, the weights to start from or the checkpoint to go on from cannot be used, or the loss
            diverged.
        SystemExit: with 130, when interrupted by Ctrl-C.
    """
    # Here and not above: torch takes seconds to import, and `--help` needs none of it.
    import pytorch_lightning as pl

    from isagrsc2.training.divergence import DivergedError

    quiet()
    check_choice("divergence", cfg.divergence, (STOP, WORST))
    check_choice("keep", cfg.keep, (BEST, LAST))
    check_choice("monitor.mode", cfg.monitor.mode, ("max", "min"))
    check_whole("trainer.max_epochs", cfg.trainer.max_epochs, 1)
    if in_sweep() and str(cfg.trainer.strategy).startswith("ddp"):
        # Lightning starts its other processes with the command line of this one, and each would sweep again.
        raise InputError("trainer=ddp does not go with a sweep (-m); start its jobs one by one, or use trainer.devices=1.")
    pl.seed_everything(cfg.seed, workers=True)
    # Partial, because Hydra would make data and model where it is given their configuration.
    make_trainee = instantiate(cfg.trainee, _partial_=True)
    trainee: Trainee = make_trainee(data=cfg.data, model=cfg.model)
    if cfg.monitor.metric not in trainee.val_metrics:
        raise InputError(f"monitor.metric={cfg.monitor.metric} is not known; choose from {', '.join(trainee.val_metrics)}.")
    resume = _checkpoint_to_resume(cfg, trainee)
    tracker = choose_tracker(cfg.logger)
    tracker.start(OmegaConf.to_container(cfg, resolve=True))
    done = False
    try:
        callbacks = {name: instantiate(callback) for name, callback in cfg.callbacks.items()}
        # Partial, because Hydra would try to make configuration of the loggers it is given.
        make_trainer = instantiate(cfg.trainer, _partial_=True)
        best_by = directions([*trainee.val_metrics, "train/loss"]) | {cfg.monitor.metric: cfg.monitor.mode}
        trainer = make_trainer(callbacks=list(callbacks.values()), logger=tracker.lightning(best_by))
        best = _fit(_Run(cfg, trainee, callbacks, trainer, tracker, Stopwatch()), resume)
        done = True
    except DivergedError as error:
        if cfg.divergence == STOP:
            raise
        logger.warning("%s The run counts as the worst.", error)
        best = float("-inf") if cfg.monitor.mode == "max" else float("inf")
    finally:
        tracker.finish(failed=0 if done else 1)
    return best


def _fit(run: _Run, resume: Path | None) -> float:
    """Train and report; returns the value of the monitored metric, of the checkpoint that is kept."""
    trainee = run.trainee
    logger.info("%s", trainee.introduction())
    try:
        with run.watch.stage("fit"):
            run.trainer.fit(trainee.module, datamodule=trainee.data, ckpt_path=resume, weights_only=True)
    except SystemExit:  # Lightning's answer to Ctrl-C
        if run.trainer.interrupted:
            logger.error("interrupted; the same command with output_dir=%s ckpt_path=last goes on.", run.cfg.output_dir)
            sys.exit(_INTERRUPTED)
        raise
    best = run.callbacks["best"]
    kept = run.callbacks[run.cfg.keep].best_model_path
    metrics, pictures = _measure(run, kept)
    metric = run.cfg.monitor.metric
    monitored = float(best.best_model_score) if run.cfg.keep == BEST else metrics[metric]
    if run.trainer.is_global_zero:
        _report(run, {metric: monitored, **metrics}, pictures, Path(kept))
    return monitored


def _measure(run: _Run, checkpoint: str) -> tuple[dict[str, float], dict[str, Path]]:
    """Scores and pictures of a checkpoint on validation data, and on test data where there are some."""
    trainee = run.trainee
    metrics: dict[str, float] = {}
    pictures: dict[str, Path] = {}
    for side, measure in (("val", run.trainer.validate), ("test", run.trainer.test)):
        if trainee.count(side):
            with run.watch.stage(side):
                (scores,) = measure(
                    trainee.module, datamodule=trainee.data, ckpt_path=checkpoint, weights_only=True, verbose=False
                )
            metrics |= scores
            if run.trainer.is_global_zero:
                pictures |= trainee.draw(side, Path(run.cfg.output_dir))
    return metrics, pictures


def _report(run: _Run, metrics: Mapping[str, float], pictures: Mapping[str, Path], checkpoint: Path) -> None:
    """Leave figures, pictures and the result where they are looked for, and say so."""
    trainee, folder = run.trainee, Path(run.cfg.output_dir)
    with replacing(folder / "metrics.json") as temporary:
        temporary.write_text(json.dumps(metrics, indent=2) + "\n")
    run.tracker.summary({**metrics, **stage_figures(run.watch.seconds, run.watch.memory_mb)})
    run.tracker.pictures(pictures)
    result = trainee.result(checkpoint, folder)
    data = OmegaConf.to_container(run.cfg.data, resolve=True)
    run.tracker.artifact(run.cfg.name, "model", result, {"data": data, **trainee.description(), "metrics": dict(metrics)})
    trainee.print_scores(metrics)
    logger.info("pictures: %s", ", ".join(str(path) for path in pictures.values()))
    logger.info("%s checkpoint: %s", run.cfg.keep, checkpoint)
    logger.info("use it: %s", trainee.usage(result))


def _checkpoint_to_resume(cfg: DictConfig, trainee: Trainee) -> Path | None:
    """The checkpoint the run goes on from, checked against what is trained in this run."""
    if cfg.ckpt_path == "none":
        return None
    path = _last(cfg) if cfg.ckpt_path == "last" else Path(cfg.ckpt_path)
    content = trainee.read_checkpoint(path, "give ckpt_path=PATH of a checkpoint written by train.py, last, or none.")
    done, wanted = content["epoch"] + 1, cfg.trainer.max_epochs
    if done >= wanted:
        raise InputError(f"{path} has been trained for {done} epochs already; raise trainer.max_epochs above {wanted}.")
    logger.info("going on from %s after %d epochs", path, done)
    return path


def _last(cfg: DictConfig) -> Path:
    """The last checkpoint of the run in the output folder, else of the newest run of this name."""
    own = Path(cfg.output_dir, "checkpoints", "last.ckpt")
    if own.is_file():
        return own
    found = sorted(Path(cfg.runs_dir).glob("*/checkpoints/last.ckpt"), key=lambda path: path.stat().st_mtime)
    if not found:
        raise InputError(f"{cfg.runs_dir} holds no run with a checkpoint to go on from; give ckpt_path=PATH or ckpt_path=none.")
    return found[-1]


def quiet() -> None:
    """Keep Lightning's news of devices, tips and seeds out of the log; its warnings stay, but for those that mislead."""
    # Lightning 2.6 calls what torch 2.15 deprecates; nothing a user could change.
    warnings.filterwarnings("ignore", ".*LeafSpec.* is deprecated", category=FutureWarning)
    # The number of workers is a choice of the configuration, and 0 a good one for small sets.
    warnings.filterwarnings("ignore", ".*does not have many workers")
    # A run goes on in the folder it began in.
    warnings.filterwarnings("ignore", ".*Checkpoint directory .* exists and is not empty")
    for name in ("pytorch_lightning", "lightning_fabric", "lightning.pytorch", "lightning.fabric"):
        logging.getLogger(name).setLevel(logging.WARNING)

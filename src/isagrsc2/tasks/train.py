"""Train a classifier of chips: data, network, trainer, and what is left in the output folder."""

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
from isagrsc2.tasks.scores_table import print_scores
from isagrsc2.tasks.sweep import in_sweep
from isagrsc2.tasks.tracking import Tracker, choose_tracker

if TYPE_CHECKING:
    import pytorch_lightning as pl

    from isagrsc2.classification.data.base import ChipDataModule, ChipSet, ChipSplits
    from isagrsc2.classification.lightning_module import ChipClassifier

logger = logging.getLogger(__name__)

# What a shell reports for a program ended by Ctrl-C.
_INTERRUPTED = 130

# Values of `divergence`.
STOP, WORST = "stop", "worst"


@dataclass(frozen=True)
class _Run:
    """What a run is made of."""

    cfg: DictConfig
    data: "ChipDataModule"
    splits: "ChipSplits"
    module: "ChipClassifier"
    callbacks: Mapping[str, Any]
    trainer: "pl.Trainer"
    tracker: Tracker


def train(cfg: DictConfig) -> float:
    """Train, keep the best and the last checkpoint, and measure the best one on validation and test chips.

    Args:
        cfg: composed from ``conf/train.yaml``.

    Returns:
        The best value of the monitored metric; for a diverged run with ``divergence=worst`` the worst there is.

    Raises:
        InputError: the data, the weights to start from or the checkpoint to go on from cannot be used, or the loss
            diverged.
        SystemExit: with 130, when interrupted by Ctrl-C.
    """
    # Here and not above: torch takes seconds to import, and `--help` needs none of it.
    import pytorch_lightning as pl

    from isagrsc2.classification.lightning_module import DivergedError

    quiet()
    check_choice("divergence", cfg.divergence, (STOP, WORST))
    check_choice("monitor.mode", cfg.monitor.mode, ("max", "min"))
    check_whole("trainer.max_epochs", cfg.trainer.max_epochs, 1)
    if in_sweep() and str(cfg.trainer.strategy).startswith("ddp"):
        # Lightning starts its other processes with the command line of this one, and each would sweep again.
        raise InputError("trainer=ddp does not go with a sweep (-m); start its jobs one by one, or use trainer.devices=1.")
    pl.seed_everything(cfg.seed, workers=True)
    data: ChipDataModule = instantiate(cfg.data)
    splits = data.splits
    module = _make_module(cfg, data)
    _check_chip_size(data.chip_size, module)
    resume = _checkpoint_to_resume(cfg, module.hparams)
    tracker = choose_tracker(cfg.logger)
    tracker.start(OmegaConf.to_container(cfg, resolve=True))
    done = False
    try:
        callbacks = {name: instantiate(callback) for name, callback in cfg.callbacks.items()}
        # Partial, because Hydra would try to make configuration of the loggers it is given.
        make_trainer = instantiate(cfg.trainer, _partial_=True)
        trainer = make_trainer(callbacks=list(callbacks.values()), logger=tracker.lightning())
        best = _fit(_Run(cfg, data, splits, module, callbacks, trainer, tracker), resume)
        done = True
    except DivergedError as error:
        if cfg.divergence == STOP:
            raise
        logger.warning("%s The run counts as the worst.", error)
        best = float("-inf") if cfg.monitor.mode == "max" else float("inf")
    finally:
        tracker.finish(failed=0 if done else 1)
    return best


def _make_module(cfg: DictConfig, data: "ChipDataModule") -> "ChipClassifier":
    splits = data.splits
    for side in ("train", "val"):
        if not getattr(splits, side).labels:
            raise InputError(f"the data have no chips to {_USES[side]}; give more images, or change the shares of the split.")
    counts = [list(splits.train.labels).count(number) for number in range(len(splits.class_names))]
    # Partial, because Hydra would make the data again where it is given their configuration.
    make_module = instantiate(cfg.model, _partial_=True)
    module: ChipClassifier = make_module(
        class_names=splits.class_names,
        cultivated=splits.cultivated,
        class_counts=counts,
        chip_size=data.chip_size,
        trained_on=OmegaConf.to_container(cfg.data, resolve=True),
    )
    if cfg.monitor.metric not in module.val_metrics:
        raise InputError(f"monitor.metric={cfg.monitor.metric} is not known; choose from {', '.join(module.val_metrics)}.")
    return module


def _check_chip_size(chip_size: int, module: "ChipClassifier") -> None:
    """Refuse chips that the network would refuse at its first batch."""
    required = module.net.required_chip_size
    if required not in (0, chip_size):
        architecture = module.hparams["backbone"]["architecture"]
        raise InputError(f"{architecture} takes chips of {required} px and no others; give data.chip_size={required}.")


def _fit(run: _Run, resume: Path | None) -> float:
    """Train and report; returns the best value of the monitored metric."""
    sides = ", ".join(f"{len(getattr(run.splits, side).labels)} to {use}" for side, use in _USES.items())
    logger.info("classes %s; chips: %s", ", ".join(run.splits.class_names), sides)
    try:
        run.trainer.fit(run.module, datamodule=run.data, ckpt_path=resume, weights_only=True)
    except SystemExit:  # Lightning's answer to Ctrl-C
        if run.trainer.interrupted:
            logger.error("interrupted; the same command with output_dir=%s ckpt_path=last goes on.", run.cfg.output_dir)
            sys.exit(_INTERRUPTED)
        raise
    best = run.callbacks["best"]
    metrics, pictures = _measure(run, best.best_model_path)
    monitored = float(best.best_model_score)
    if run.trainer.is_global_zero:
        _report(run, {run.cfg.monitor.metric: monitored, **metrics}, pictures, Path(best.best_model_path))
    return monitored


def _measure(run: _Run, checkpoint: str) -> tuple[dict[str, float], dict[str, Path]]:
    """Scores and pictures of a checkpoint on validation chips, and on test chips where there are some."""
    metrics: dict[str, float] = {}
    pictures: dict[str, Path] = {}
    for side, measure in (("val", run.trainer.validate), ("test", run.trainer.test)):
        chips: ChipSet = getattr(run.splits, side)
        if chips.labels:
            (scores,) = measure(run.module, datamodule=run.data, ckpt_path=checkpoint, weights_only=True, verbose=False)
            metrics |= scores
            if run.trainer.is_global_zero:
                pictures |= _draw(run, side, chips)
    return metrics, pictures


def _draw(run: _Run, side: str, chips: "ChipSet") -> dict[str, Path]:
    """Pictures of what the module has just said of the chips of one side."""
    from isagrsc2.figures.confusion_matrix import draw_confusion_matrix
    from isagrsc2.figures.reliability import draw_reliability
    from isagrsc2.figures.worst_mistakes import draw_worst_mistakes

    predictions = run.module.predictions(chips.names)
    names = ("confusion_matrix", "reliability", "worst_mistakes")
    paths = {name: Path(run.cfg.output_dir, f"{side}_{name}.png") for name in names}
    draw_confusion_matrix(predictions, paths["confusion_matrix"])
    draw_reliability(predictions, paths["reliability"])
    draw_worst_mistakes(predictions, chips.chip, run.cfg.worst_mistakes, paths["worst_mistakes"])
    return {f"{side}/{name}": path for name, path in paths.items()}


def _report(run: _Run, metrics: Mapping[str, float], pictures: Mapping[str, Path], checkpoint: Path) -> None:
    """Leave figures, pictures and the checkpoint where they are looked for, and say so."""
    with replacing(Path(run.cfg.output_dir, "metrics.json")) as temporary:
        temporary.write_text(json.dumps(metrics, indent=2) + "\n")
    run.tracker.summary(metrics)
    run.tracker.pictures(pictures)
    described = {
        "data": OmegaConf.to_container(run.cfg.data, resolve=True),
        "classes": list(run.splits.class_names),
        "chips": {side: len(getattr(run.splits, side).labels) for side in _USES},
        "metrics": dict(metrics),
    }
    run.tracker.artifact(run.cfg.name, "model", checkpoint, described)
    print_scores(metrics, run.splits.class_names)
    logger.info("pictures: %s", ", ".join(str(path) for path in pictures.values()))
    logger.info("best checkpoint: %s", checkpoint)
    logger.info("use it: python segment.py scene.path=PATH classifier=trained classifier.checkpoint=%s", checkpoint)


_USES = {"train": "learn from", "val": "choose the best epoch", "test": "test"}


def _checkpoint_to_resume(cfg: DictConfig, own: Mapping[str, Any]) -> Path | None:
    """The checkpoint the run goes on from, checked against the network and the classes of this run."""
    if cfg.ckpt_path == "none":
        return None
    from isagrsc2.classification.trained import check_same_network, read_checkpoint

    path = _last(cfg) if cfg.ckpt_path == "last" else Path(cfg.ckpt_path)
    content = read_checkpoint(path, "give ckpt_path=PATH of a checkpoint written by train.py, last, or none.")
    trained = content["hyper_parameters"]
    check_same_network(path, trained["backbone"], own["backbone"])
    if trained["class_names"] != own["class_names"]:
        raise InputError(
            f"{path} was trained on the classes {', '.join(trained['class_names'])}, but the data have "
            f"{', '.join(own['class_names'])}; choose data with the same classes."
        )
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

"""Train a classifier of chips: data, network, trainer, and what is left in the output folder."""

import json
import logging
import warnings
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from hydra.utils import instantiate
from omegaconf import DictConfig

from isagrsc2.errors import InputError

if TYPE_CHECKING:
    from isagrsc2.classification.data.base import ChipDataModule
    from isagrsc2.classification.lightning_module import ChipClassifier

logger = logging.getLogger(__name__)


def train(cfg: DictConfig) -> float:
    """Train, keep the best and the last checkpoint, and test the best one where there are test chips.

    Args:
        cfg: composed from ``conf/train.yaml``.

    Returns:
        The best value of the monitored metric.

    Raises:
        InputError: the data, the weights to start from or the checkpoint to go on from cannot be used.
    """
    # Here and not above: torch takes seconds to import, and `--help` needs none of it.
    import pytorch_lightning as pl

    _quiet()
    pl.seed_everything(cfg.seed, workers=True)
    data: ChipDataModule = instantiate(cfg.data)
    splits = data.splits
    module: ChipClassifier = instantiate(
        cfg.model, class_names=splits.class_names, cultivated=splits.cultivated, chip_size=data.chip_size
    )
    if cfg.monitor.metric not in module.val_metrics:
        raise InputError(f"monitor.metric={cfg.monitor.metric} is not known; choose from {', '.join(module.val_metrics)}.")
    resume = _checkpoint_to_resume(cfg, module.hparams)
    checkpoint = instantiate(cfg.callbacks.checkpoint)
    others = [instantiate(callback) for name, callback in cfg.callbacks.items() if name != "checkpoint"]
    trainer: pl.Trainer = instantiate(cfg.trainer, callbacks=[checkpoint, *others], logger=instantiate(cfg.train_logger))

    counts = ", ".join(f"{len(getattr(splits, side).labels)} to {use}" for side, use in _USES.items())
    logger.info("classes %s; chips: %s", ", ".join(splits.class_names), counts)
    trainer.fit(module, datamodule=data, ckpt_path=resume, weights_only=True)
    best = float(checkpoint.best_model_score)
    metrics: dict[str, float] = {cfg.monitor.metric: best}
    if splits.test.labels:
        metrics |= trainer.test(
            module, datamodule=data, ckpt_path=checkpoint.best_model_path, weights_only=True, verbose=False
        )[0]
    Path(cfg.output_dir, "metrics.json").write_text(json.dumps(metrics, indent=2) + "\n")
    logger.info("%s", ", ".join(f"{name} {value:.4f}" for name, value in metrics.items()))
    logger.info("best checkpoint: %s", checkpoint.best_model_path)
    return best


_USES = {"train": "learn from", "val": "choose the best epoch", "test": "test"}


def _checkpoint_to_resume(cfg: DictConfig, own: Mapping[str, Any]) -> Path | None:
    """The checkpoint the run goes on from, checked against the network and the classes of this run."""
    from isagrsc2.classification.checkpoint_classifier import check_architecture, read_hyper_parameters
    from isagrsc2.classification.torch_files import read_torch_file

    if cfg.ckpt_path == "none":
        return None
    path = _newest(Path(cfg.runs_dir)) if cfg.ckpt_path == "last" else Path(cfg.ckpt_path)
    content = read_torch_file(path, "give ckpt_path=PATH of a checkpoint written by train.py, last, or none.")
    trained = read_hyper_parameters(path, content)
    check_architecture(path, trained["backbone"], own["backbone"]["architecture"], own["backbone"]["attention"])
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


def _newest(runs: Path) -> Path:
    found = sorted(runs.glob("*/checkpoints/last.ckpt"), key=lambda path: path.stat().st_mtime)
    if not found:
        raise InputError(f"{runs} holds no run with a checkpoint to go on from; give ckpt_path=PATH or ckpt_path=none.")
    return found[-1]


def _quiet() -> None:
    """Keep Lightning's news of devices, tips and seeds out of the log; its warnings stay, but for those that mislead."""
    # Lightning 2.6 calls what torch 2.15 deprecates; nothing a user could change.
    warnings.filterwarnings("ignore", ".*LeafSpec.* is deprecated", category=FutureWarning)
    # The number of workers is a choice of the configuration, and 0 a good one for small sets.
    warnings.filterwarnings("ignore", ".*does not have many workers")
    for name in ("pytorch_lightning", "lightning_fabric", "lightning.pytorch", "lightning.fabric"):
        logging.getLogger(name).setLevel(logging.WARNING)

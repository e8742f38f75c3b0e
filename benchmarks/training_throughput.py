"""Training images per second of train.py against a bare timm loop: same network, images, batches and machine.

    python benchmarks/training_throughput.py
    python benchmarks/training_throughput.py model=cbam_resnet18 data.chip_size=64 data.workers=0

Overrides are those of train.py. The bare loop is what one would write by hand: timm's network, torchvision's ImageFolder and
transforms, a DataLoader, cross entropy, one optimiser; no metrics, no checkpoints, no seeds. Validation is left out of both.
"""

import statistics
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import pytorch_lightning as pl
import timm
import torch
from hydra import compose, initialize_config_dir
from hydra.utils import instantiate
from omegaconf import DictConfig
from PIL import Image
from rich.console import Console
from rich.table import Table
from torch.utils.data import DataLoader
from torchvision.datasets import ImageFolder
from torchvision.transforms import v2

from isagrsc2.classification.networks.normalisation import NORMALISATIONS
from isagrsc2.tasks.train import quiet

ROOT = Path(__file__).parents[1]

IMAGES = 256  # of each of two classes
SIDE = 256  # px, of the JPEGs
EPOCHS = 3  # per turn; the first warms up and is not counted
TURNS = 2  # of each, by turns, so that a noisy neighbour meets both


class Stopwatch(pl.Callback):
    """Training images per second of every epoch, from the call for the first batch to the end of the last."""

    def __init__(self) -> None:
        self.rates: list[float] = []

    def on_train_epoch_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:  # noqa: ARG002
        """Begin."""
        self.images, self.begun, self.ended = 0, time.perf_counter(), 0.0

    def on_train_batch_end(self, trainer, pl_module, outputs, batch, batch_idx) -> None:  # type: ignore[no-untyped-def]  # noqa: ARG002
        """Count."""
        self.images += len(batch[1])
        self.ended = time.perf_counter()

    def on_train_epoch_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:  # noqa: ARG002
        """Keep the rate."""
        self.rates.append(self.images / (self.ended - self.begun))


def write_images(root: Path) -> None:
    """JPEGs of noise, of about the size that aerial images have."""
    rng = np.random.default_rng(0)
    for name in ("field", "nonfield"):
        (root / name).mkdir()
        for index in range(IMAGES):
            coarse = Image.fromarray(rng.integers(0, 255, (SIDE // 4, SIDE // 4, 3), dtype=np.uint8))
            coarse.resize((SIDE, SIDE)).save(root / name / f"{index}.jpg", quality=90)


def ours(cfg: DictConfig) -> list[float]:
    """Rates of train.py's parts."""
    data = instantiate(cfg.data)
    splits = data.splits
    counts = [splits.train.labels.count(0), splits.train.labels.count(1)]
    module = instantiate(
        cfg.model,
        class_names=splits.class_names,
        cultivated=splits.cultivated,
        class_counts=counts,
        chip_size=data.chip_size,
        trained_on={},
    )
    watch = Stopwatch()
    callbacks = [instantiate(callback) for callback in cfg.callbacks.values()]
    make_trainer = instantiate(cfg.trainer, _partial_=True)
    trainer = make_trainer(callbacks=[*callbacks, watch], logger=instantiate(cfg.logger).lightning())
    trainer.fit(module, datamodule=data)
    return watch.rates[1:]


def bare(cfg: DictConfig) -> list[float]:
    """Rates of a loop written by hand."""
    side = cfg.data.chip_size
    augment = v2.Compose(
        [
            v2.PILToTensor(),
            v2.Resize((side, side)),
            v2.RandomHorizontalFlip(),
            v2.RandomVerticalFlip(),
            v2.ColorJitter(0.2, 0.2, 0.2),
            v2.ToDtype(torch.float32),
            v2.Normalize(NORMALISATIONS["imagenet"].mean, NORMALISATIONS["imagenet"].deviation),
        ]
    )
    loader = DataLoader(
        ImageFolder(cfg.data.root, augment),
        cfg.data.batch_size,
        shuffle=True,
        drop_last=True,
        num_workers=cfg.data.workers,
        persistent_workers=cfg.data.workers > 0,
        pin_memory=torch.cuda.is_available(),
    )
    device = torch.device("cuda" if torch.cuda.is_available() and cfg.trainer.accelerator != "cpu" else "cpu")
    attention = None if cfg.model.backbone.attention == "none" else cfg.model.backbone.attention
    network = timm.create_model(cfg.model.backbone.architecture, num_classes=2, block_args={"attn_layer": attention})
    network = network.to(device, memory_format=torch.channels_last if cfg.model.channels_last else torch.contiguous_format)
    optimizer = torch.optim.AdamW(network.parameters(), lr=cfg.model.optimizer.lr)
    rates = []
    for _ in range(EPOCHS):
        images, begun = 0, time.perf_counter()
        for chips, labels in loader:
            with torch.autocast(device.type, torch.bfloat16, enabled=cfg.trainer.precision == "bf16-mixed"):
                loss = torch.nn.functional.cross_entropy(network(chips.to(device)), labels.to(device))
            optimizer.zero_grad()
            loss.backward()
            torch.nn.utils.clip_grad_norm_(network.parameters(), cfg.trainer.gradient_clip_val)
            optimizer.step()
            images += len(labels)
        if device.type == "cuda":
            torch.cuda.synchronize()
        rates.append(images / (time.perf_counter() - begun))
    return rates[1:]


def main() -> None:
    """Measure and print."""
    quiet()
    with tempfile.TemporaryDirectory() as folder:
        root, output = Path(folder, "images"), Path(folder, "run")
        root.mkdir()
        output.mkdir()
        write_images(root)
        overrides = ["data=image_folder", f"data.root={root}", "data.val_share=0.02", "data.test_share=0", *sys.argv[1:]]
        quick = [f"trainer.max_epochs={EPOCHS}", f"output_dir={output}", "+trainer.enable_progress_bar=false"]
        with initialize_config_dir(str(ROOT / "conf"), version_base="1.3"):
            cfg = compose("train", [*overrides, *quick])
        rates: dict[str, list[float]] = {"bare timm loop": [], "train.py": []}
        for _ in range(TURNS):
            rates["bare timm loop"] += bare(cfg)
            rates["train.py"] += ours(cfg)
    network = f"{cfg.model.backbone.architecture}, attention {cfg.model.backbone.attention}"
    loading = f"{cfg.data.chip_size} px, batch {cfg.data.batch_size}, {cfg.data.workers} workers"
    table = Table("", "images per second", "ratio", title=f"{network}, {loading}", title_justify="left")
    reference = statistics.median(rates["bare timm loop"])
    for name, values in rates.items():
        middle = statistics.median(values)
        table.add_row(name, f"{middle:.1f} ({min(values):.1f} to {max(values):.1f})", f"{middle / reference:.3f}")
    Console().print(table)


if __name__ == "__main__":
    main()

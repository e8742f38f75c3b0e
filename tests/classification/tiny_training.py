"""Eight tiny chips and a network small enough to train on them in a second."""

from functools import partial

import numpy as np

SIZE = 64  # px

BACKBONE = {"architecture": "resnet18", "attention": "cbam", "colour": "none", "pretrained": False, "frozen": False}


def brown_and_blue(count, size=SIZE, seed=0):
    """(count, size, size, 3) noisy chips, brown and blue by turns, and (count,) labels 1 and 0."""
    rng = np.random.default_rng(seed)
    labels = np.arange(count) % 2 == 0
    colours = np.where(labels[:, None], (150, 110, 60), (40, 80, 160))  # (count, 3)
    noise = rng.normal(0, 25, (count, size, size, 3))
    return np.clip(colours[:, None, None] + noise, 0, 255).astype(np.uint8), labels.astype(int)


def make_module(**changes):
    """A ResNet-18 with CBAM, two classes, and everything else it needs."""
    import torch

    from isagrsc2.classification.lightning_module import ChipClassifier

    arguments = {
        "backbone": BACKBONE,
        "class_names": ["not_cultivated", "cultivated"],
        "cultivated": ["cultivated"],
        "class_counts": [4, 4],
        "chip_size": SIZE,
        "trained_on": {"root": "chips"},
        "class_weights": "equal",
        "label_smoothing": 0.0,
        "channels_last": False,
        "compile": False,
        "gradient_checkpointing": False,
        "optimizer": partial(torch.optim.AdamW, lr=1e-3),
        "scheduler": partial(torch.optim.lr_scheduler.ConstantLR, factor=1.0),
    }
    torch.manual_seed(0)
    return ChipClassifier(**(arguments | changes))


def make_trainer(folder, **changes):
    import pytorch_lightning as pl

    return pl.Trainer(
        **{
            "default_root_dir": folder,
            "accelerator": "cpu",
            "logger": False,
            "enable_checkpointing": False,
            "enable_progress_bar": False,
            "enable_model_summary": False,
            "num_sanity_val_steps": 0,
        }
        | changes
    )


def loader(count=8, batch=4):
    import torch

    chips, labels = brown_and_blue(count)
    items = list(zip(torch.from_numpy(chips).permute(0, 3, 1, 2), labels.tolist(), range(count), strict=True))
    return torch.utils.data.DataLoader(items, batch)

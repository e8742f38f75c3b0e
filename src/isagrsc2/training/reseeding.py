"""Random numbers of training that depend on seed and step alone."""

from typing import Any

import numpy as np
import pytorch_lightning as pl
import torch


class ReseedEveryStep(pl.Callback):
    """Seeds torch before every batch, so that a resumed run draws (dropout, say) what it would have drawn.

    Not once an epoch: whether a loader takes a random number before or after an epoch begins is not the same in the first
    epoch of a run and in the others.
    """

    def __init__(self, seed: int) -> None:
        """Remember the seed of the run."""
        self._seed = seed

    def on_train_batch_start(
        self,
        trainer: pl.Trainer,
        pl_module: pl.LightningModule,  # noqa: ARG002
        batch: Any,  # noqa: ARG002
        batch_idx: int,  # noqa: ARG002
    ) -> None:
        """Seed by run, step and process."""
        sequence = np.random.SeedSequence((self._seed, trainer.global_step, trainer.global_rank))
        seed = int(sequence.generate_state(1, np.uint64)[0] >> 1)  # 63 bits
        # Not torch.manual_seed, which costs a millisecond where there is no device to seed.
        torch.default_generator.manual_seed(seed)
        if torch.cuda.is_initialized():
            torch.cuda.manual_seed(seed)

"""What every source of labelled images for a promptable segmenter shares: how it is measured on them."""

from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import Any

import pytorch_lightning as pl
import torch
from torch.utils.data import DataLoader, Dataset

from isagrsc2.classification.data.scene_split import TEST, VAL
from isagrsc2.options import check_whole
from isagrsc2.prompt_training.batches import PromptedImage
from isagrsc2.training.sampling import ShareSampler


class PromptedImages(Sequence[PromptedImage], Dataset[PromptedImage], ABC):
    """Images that are read when they are asked for, each with the same prompts every time."""


class PromptedDataModule(pl.LightningDataModule, ABC):
    """Base of the sources: a subclass has ``images`` and ``train_dataloader``."""

    def __init__(self, workers: int) -> None:
        """Remember how items are loaded.

        Args:
            workers: processes that make items; 0 makes them in the main process.

        Raises:
            InputError: the number does not fit.
        """
        super().__init__()
        check_whole("data.workers", workers, 0)
        self.workers = workers

    @abstractmethod
    def images(self, side: str) -> PromptedImages:
        """The images of ``val`` or ``test``.

        Raises:
            InputError: they are absent or unusable.
        """

    def val_dataloader(self) -> DataLoader[PromptedImage]:
        """Lists of one image, in order."""
        return self._one_by_one(self.images(VAL))

    def test_dataloader(self) -> DataLoader[PromptedImage]:
        """Lists of one image, in order."""
        return self._one_by_one(self.images(TEST))

    def transfer_batch_to_device(self, batch: Any, device: torch.device, dataloader_idx: int) -> Any:
        """Leave images where they are: a segmenter takes arrays, and Lightning cannot look into frozen dataclasses."""
        if isinstance(batch, list) and all(isinstance(item, PromptedImage) for item in batch):
            return batch
        return super().transfer_batch_to_device(batch, device, dataloader_idx)

    def place(self) -> tuple[int, int]:
        """Number of this process and how many there are."""
        return (self.trainer.global_rank, self.trainer.world_size) if self.trainer else (0, 1)

    def _one_by_one(self, images: PromptedImages) -> DataLoader[PromptedImage]:
        return DataLoader(
            images,
            batch_size=1,
            sampler=ShareSampler(len(images), *self.place()),  # every image in exactly one process
            collate_fn=list,
            num_workers=self.workers,
            persistent_workers=self.workers > 0,
        )

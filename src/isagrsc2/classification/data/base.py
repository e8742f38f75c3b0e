"""What every source of chips shares: three sets of chips with labels, and how they are loaded."""

from abc import abstractmethod
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pytorch_lightning as pl
import torch
from torch import Tensor
from torch.utils.data import DataLoader, Dataset

Augmentation = Callable[[Tensor], Tensor]  # (3, S, S) uint8 to the same


@dataclass(frozen=True)
class ChipSet:
    """Chips with labels.

    Attributes:
        sources: N things that ``read`` understands: files, or the chips themselves.
        labels: N class indices.
        read: source to (S, S, 3) uint8 RGB.
    """

    sources: Sequence[Any]
    labels: Sequence[int]
    read: Callable[[Any], npt.NDArray[np.uint8]]


@dataclass(frozen=True)
class ChipSplits:
    """A source of chips, read and split.

    Attributes:
        class_names: K names, in the order of the labels.
        cultivated: those that count as cultivated.
        train: to learn from.
        val: to choose the best epoch on.
        test: looked at once, at the end; may be empty.
    """

    class_names: tuple[str, ...]
    cultivated: tuple[str, ...]
    train: ChipSet
    val: ChipSet
    test: ChipSet


class ChipDataset(Dataset[tuple[Tensor, int]]):
    """A set of chips as (3, S, S) uint8 tensors with class indices."""

    def __init__(self, chips: ChipSet, augment: Augmentation) -> None:
        self._chips = chips
        self._augment = augment

    def __len__(self) -> int:
        return len(self._chips.labels)

    def __getitem__(self, index: int) -> tuple[Tensor, int]:
        chip = torch.from_numpy(self._chips.read(self._chips.sources[index])).permute(2, 0, 1)  # (3, S, S)
        return self._augment(chip), self._chips.labels[index]


class ChipDataModule(pl.LightningDataModule):
    """Base of the sources: a subclass says in ``load`` what there is.

    Attributes:
        chip_size: side of the chips, px.
    """

    def __init__(self, chip_size: int, batch_size: int, workers: int, augment: Augmentation) -> None:
        """Remember how chips are loaded.

        Args:
            chip_size: side of the chips, px, S.
            batch_size: chips per batch (and device).
            workers: processes that read chips; 0 reads in the main process.
            augment: changes training chips at random, (3, S, S) uint8 to the same.
        """
        super().__init__()
        self.chip_size = chip_size
        self._batch_size = batch_size
        self._workers = workers
        self._augment = augment
        self._splits: ChipSplits | None = None

    @abstractmethod
    def load(self) -> ChipSplits:
        """Find, check and split the chips.

        Raises:
            InputError: they are absent or unusable.
        """

    @property
    def splits(self) -> ChipSplits:
        """The chips, loaded at the first call."""
        if self._splits is None:
            self._splits = self.load()
        return self._splits

    def train_dataloader(self) -> DataLoader[tuple[Tensor, int]]:
        """Shuffled and augmented; a rest that does not fill a batch is left for another epoch."""
        chips = self.splits.train
        # A rest of one chip has no variance for batch normalisation to divide by.
        return self._loader(chips, self._augment, shuffle=True, drop_last=len(chips.labels) > self._batch_size)

    def val_dataloader(self) -> DataLoader[tuple[Tensor, int]]:
        """In order, as they are."""
        return self._loader(self.splits.val, torch.nn.Identity())

    def test_dataloader(self) -> DataLoader[tuple[Tensor, int]]:
        """In order, as they are."""
        return self._loader(self.splits.test, torch.nn.Identity())

    def _loader(self, chips: ChipSet, augment: Augmentation, **options: Any) -> DataLoader[tuple[Tensor, int]]:
        return DataLoader(
            ChipDataset(chips, augment),
            self._batch_size,
            num_workers=self._workers,
            persistent_workers=self._workers > 0,
            pin_memory=torch.cuda.is_available(),
            **options,
        )

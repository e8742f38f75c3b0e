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
from torch.utils.data import DataLoader, Dataset, Sampler

from isagrsc2.options import check_whole
from isagrsc2.training.sampling import EpochSampler, ShareSampler

Augmentation = Callable[[Tensor], Tensor]  # (3, S, S) uint8 to the same
Item = tuple[Tensor, int, int]  # (3, S, S) uint8 RGB, class index, index of the chip in its set


@dataclass(frozen=True)
class ChipSet:
    """Chips with labels.

    Attributes:
        sources: N things that ``read`` understands: files, or the chips themselves.
        labels: N class indices.
        names: N, what a person calls each chip: its file, or scene and parcel.
        read: source to (S, S, 3) uint8 RGB; goes to other processes, so it can be pickled.
    """

    sources: Sequence[Any]
    labels: Sequence[int]
    names: Sequence[str]
    read: Callable[[Any], npt.NDArray[np.uint8]]

    def chip(self, index: int) -> npt.NDArray[np.uint8]:
        """(S, S, 3) uint8 RGB of one chip."""
        return self.read(self.sources[index])


@dataclass(frozen=True)
class ChipSplits:
    """A source of chips, read and split.

    Attributes:
        class_names: K names, in the order of the labels.
        cultivated: those that count as cultivated.
        train: to learn from.
        val: to choose the best epoch and the temperature on.
        test: looked at once, at the end; may be empty.
    """

    class_names: tuple[str, ...]
    cultivated: tuple[str, ...]
    train: ChipSet
    val: ChipSet
    test: ChipSet


class TrainingChips(Dataset[Item]):
    """Augmented chips, asked by draw (see ``EpochSampler``): the same draw gives the same chip, whatever came before."""

    def __init__(self, chips: ChipSet, augment: Augmentation, seed: int) -> None:
        self._chips = chips
        self._augment = augment
        self._seed = seed

    def __len__(self) -> int:
        return len(self._chips.labels)

    def __getitem__(self, draw: int) -> Item:
        index = draw % len(self)
        chip = _channels_first(self._chips.chip(index))  # (3, S, S)
        with torch.random.fork_rng(devices=()):
            (state,) = np.random.SeedSequence((self._seed, draw)).generate_state(1, np.uint64)
            # Not torch.manual_seed, which also seeds devices and costs a millisecond where there are none.
            torch.default_generator.manual_seed(int(state >> 1))  # 63 bits
            return self._augment(chip), self._chips.labels[index], index


class PlainChips(Dataset[Item]):
    """Chips as they are."""

    def __init__(self, chips: ChipSet) -> None:
        self._chips = chips

    def __len__(self) -> int:
        return len(self._chips.labels)

    def __getitem__(self, index: int) -> Item:
        return _channels_first(self._chips.chip(index)), self._chips.labels[index], index


class ChipDataModule(pl.LightningDataModule):
    """Base of the sources: a subclass says in ``load`` what there is.

    Attributes:
        chip_size: side of the chips, px.
    """

    def __init__(self, chip_size: int, batch_size: int, workers: int, seed: int, augment: Augmentation) -> None:
        """Remember how chips are loaded.

        Args:
            chip_size: side of the chips, px, S.
            batch_size: chips per batch and process.
            workers: processes that read chips; 0 reads in the main process.
            seed: of the order of the chips and of their augmentation.
            augment: changes training chips at random, (3, S, S) uint8 to the same.

        Raises:
            InputError: a number does not fit.
        """
        super().__init__()
        check_whole("data.chip_size", chip_size, 1)
        check_whole("data.batch_size", batch_size, 1)
        check_whole("data.workers", workers, 0)
        self.chip_size = chip_size
        self._batch_size = batch_size
        self._workers = workers
        self._loading_seed = seed
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

    def train_dataloader(self) -> DataLoader[Item]:
        """Shuffled and augmented; a rest that does not fill a batch is left for another epoch.

        A rest of one chip would have no variance for batch normalisation to divide by.
        """
        chips = self.splits.train
        sampler = EpochSampler(len(chips.labels), self._batch_size, self._loading_seed, *self._place())
        if self.trainer:
            # The trainer sets the epoch only after it has made the first iterator, which reads ahead where there are workers.
            sampler.set_epoch(self.trainer.fit_loop.epoch_progress.current.ready)
        return self._loader(TrainingChips(chips, self._augment, self._loading_seed), sampler)

    def val_dataloader(self) -> DataLoader[Item]:
        """In order, as they are."""
        return self.plain_loader(self.splits.val)

    def test_dataloader(self) -> DataLoader[Item]:
        """In order, as they are."""
        return self.plain_loader(self.splits.test)

    def plain_loader(self, chips: ChipSet) -> DataLoader[Item]:
        """Any chips in order, as they are; every chip in exactly one process."""
        return self._loader(PlainChips(chips), ShareSampler(len(chips.labels), *self._place()))

    def _place(self) -> tuple[int, int]:
        """Number of this process and how many there are."""
        return (self.trainer.global_rank, self.trainer.world_size) if self.trainer else (0, 1)

    def _loader(self, chips: Dataset[Item], sampler: Sampler[int]) -> DataLoader[Item]:
        return DataLoader(
            chips,
            self._batch_size,
            sampler=sampler,
            num_workers=self._workers,
            persistent_workers=self._workers > 0,
            pin_memory=torch.cuda.is_available(),
        )


def _channels_first(chip: npt.NDArray[np.uint8]) -> Tensor:
    """(S, S, 3) to (3, S, S)."""
    return torch.from_numpy(chip).permute(2, 0, 1)

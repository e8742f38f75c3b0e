"""Which item comes when: a function of seed, epoch and process, so that a run that was stopped goes on as it would have."""

from collections.abc import Iterator

import numpy as np
from torch.utils.data import Sampler


class EpochSampler(Sampler[int]):
    """A new random order every epoch, shared by the processes of a run.

    Yields draws: ``epoch * count + index`` says which item it is and also which of its visits, so that whoever augments it
    can draw the same numbers again. Process r of w takes every w-th item: the w batches of one step hold the items that
    one process with batches w times as large would have taken.
    """

    def __init__(self, count: int, batch: int, seed: int, process: int, processes: int) -> None:
        """Prepare the first epoch.

        Args:
            count: number of items, N.
            batch: items per batch and process; a rest that does not fill a batch in every process is left for another
                epoch, unless there are too few chips for one.
            seed: of the orders.
            process: number of this process, from 0.
            processes: how many there are.
        """
        self._count = count
        step = batch * processes
        used = count // step * step or count // processes * processes
        self._length = used // processes
        self._seed = seed
        self._process = process
        self._processes = processes
        self._epoch = 0

    def set_epoch(self, epoch: int) -> None:
        """Choose the epoch, from 0; the trainer does."""
        self._epoch = epoch

    def __len__(self) -> int:
        return self._length

    def __iter__(self) -> Iterator[int]:
        order = np.random.default_rng((self._seed, self._epoch)).permutation(self._count)
        mine = order[self._process :: self._processes][: self._length]
        return iter((self._epoch * self._count + mine).tolist())


class ShareSampler(Sampler[int]):
    """Every w-th item in order, each in exactly one process; the shares may differ by one."""

    def __init__(self, count: int, process: int, processes: int) -> None:
        """See ``EpochSampler``."""
        self._mine = range(process, count, processes)

    def __len__(self) -> int:
        return len(self._mine)

    def __iter__(self) -> Iterator[int]:
        return iter(self._mine)

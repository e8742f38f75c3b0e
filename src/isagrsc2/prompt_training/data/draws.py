"""In which order crops are drawn."""

from collections.abc import Iterator

from torch.utils.data import Sampler


class DrawsInOrder(Sampler[int]):
    """Draws ``epoch * count + index`` as ``EpochSampler`` gives them, but in order.

    Every draw is random itself, so nothing is gained by shuffling, and neighbours can share a scene. Process r of w takes
    every w-th batch: the w batches of one step hold what one process with batches w times as large would have taken.
    """

    def __init__(self, count: int, batch: int, process: int, processes: int) -> None:
        """Prepare the first epoch.

        Args:
            count: draws of an epoch; a rest that does not fill a batch in every process is left out.
            batch: draws per batch and process.
            process: number of this process, from 0.
            processes: how many there are.
        """
        self._count = count
        self._batch = batch
        self._starts = range(process * batch, count // (batch * processes) * batch * processes, batch * processes)
        self._epoch = 0

    def set_epoch(self, epoch: int) -> None:
        """Choose the epoch, from 0; the trainer does."""
        self._epoch = epoch

    def __len__(self) -> int:
        return len(self._starts) * self._batch

    def __iter__(self) -> Iterator[int]:
        first = self._epoch * self._count
        return (first + start + item for start in self._starts for item in range(self._batch))

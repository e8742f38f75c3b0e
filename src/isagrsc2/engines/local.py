"""Compute on this machine, in this process or in several."""

import multiprocessing
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass
from itertools import islice
from typing import Any

from isagrsc2.engines.engine import EngineError, Item, Result
from isagrsc2.options import check_whole

# Items per process that are computed or wait, computed, to be taken.
_AHEAD = 3


@dataclass(frozen=True)
class LocalEngine:
    """``engine=local``: results come in the order of the items, and the first failure is raised.

    Attributes:
        workers: processes; with 1 everything happens in this one.
    """

    workers: int

    def __post_init__(self) -> None:
        """Check the number."""
        check_whole("engine.workers", self.workers, 1)

    def map(self, function: Callable[[Item], Result], items: Iterable[Item]) -> Iterator[Result]:
        """See ``Engine``."""
        if self.workers == 1:
            yield from map(function, items)
            return
        # Spawned, not forked: GDAL, OpenMP and CUDA do not survive a fork.
        context = multiprocessing.get_context("spawn")
        with ProcessPoolExecutor(self.workers, context, _remember, (function,)) as pool:
            waiting: deque[Future[Any]] = deque()
            rest = iter(items)
            try:
                # Never more than a few ahead of what is taken: results would pile up.
                while True:
                    waiting.extend(pool.submit(_call, item) for item in islice(rest, _AHEAD * self.workers - len(waiting)))
                    if not waiting:
                        return
                    yield waiting.popleft().result()
            except BrokenProcessPool:
                raise EngineError(
                    "a process of engine=local died: it was killed, or there is too little memory; "
                    f"choose fewer than engine.workers={self.workers}, or a smaller tiling.size."
                ) from None
            finally:
                for future in waiting:
                    future.cancel()

    def close(self) -> None:
        """See ``Engine``; nothing is kept."""


# The function of a worker process: sent once, when the process starts, and not with every item (it holds the model).
_FUNCTION: list[Callable[..., object]] = []


def _remember(function: Callable[..., object]) -> None:
    _FUNCTION[:] = [function]


def _call(item: object) -> object:
    return _FUNCTION[0](item)

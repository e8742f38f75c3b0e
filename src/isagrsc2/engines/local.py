"""Compute on this machine, in this process or in several."""

import multiprocessing
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from typing import Any, Protocol, TypeVar

from isagrsc2.options import check_whole

Item = TypeVar("Item")
Result = TypeVar("Result")


class Engine(Protocol):
    """Maps a function over independent items."""

    def map(self, function: Callable[[Item], Result], items: Iterable[Item]) -> Iterator[Result]:
        """Yield the results in the order of the items; the first failure is raised."""
        ...


@dataclass(frozen=True)
class LocalEngine:
    """``engine=local``.

    Attributes:
        workers: processes; with 1 everything happens in this one. Function, items and results travel by pickle.
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
            results: Iterator[Any] = pool.map(_call, items)
            yield from results


# The function of a worker process: sent once, when the process starts, and not with every item (it holds the model).
_FUNCTION: list[Callable[..., object]] = []


def _remember(function: Callable[..., object]) -> None:
    _FUNCTION[:] = [function]


def _call(item: object) -> object:
    return _FUNCTION[0](item)

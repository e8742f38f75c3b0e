"""Which item is handed to a dask scheduler when, what is tried again, and what is given up."""

import logging
import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping
from concurrent.futures import CancelledError
from dataclasses import dataclass
from typing import Any

from distributed import Client, Future, KilledWorker, wait

from isagrsc2.engines.dask_worker import Refused, call
from isagrsc2.engines.engine import EngineError, Lost

logger = logging.getLogger(__name__)

# Items at the scheduler for every one that can be computed now: the next is there when one is done.
_AHEAD = 2
_GLANCE = 1.0  # s between two looks at the workers
_FETCH = 10.0  # s; a result whose worker dies before it is fetched is computed again, and waited for as any other


@dataclass
class _Task:
    """One item.

    Attributes:
        item: what the function is applied to.
        failures: attempts in which it raised.
        suspect: workers died while they had it; it is computed alone from now on.
    """

    item: Any
    failures: int = 0
    suspect: bool = False


class Schedule:
    """One map on a dask cluster.

    dask suspects all items that a dying worker had, those that only waited there too. So an item that dask gives up for its
    dead workers is computed once more with no other beside it, at the end: then it is known who kills.

    Args:
        client: connected.
        name: of the ``WorkerFunction`` that every worker holds.
        scheduler: what a user calls the cluster.
        resources: what one item needs of its worker.
        retries: further attempts at an item.
        wait_seconds: how long to wait while no worker can compute anything.
        revive: is called now and then while workers are missing; starts them again where that is this program's task.
    """

    def __init__(
        self,
        client: Client,
        name: str,
        scheduler: str,
        resources: Mapping[str, float],
        retries: int,
        wait_seconds: float,
        revive: Callable[[], None],
    ) -> None:
        self._client = client
        self._name = name
        self._scheduler = scheduler
        self._resources = dict(resources)
        self._retries = retries
        self._wait_seconds = wait_seconds
        self._revive = revive
        self._waiting: deque[_Task] = deque()
        self._suspects: deque[_Task] = deque()
        self._running: dict[Future, _Task] = {}
        self._slots = self._most = 0
        self._looked = self._could_compute = time.monotonic()

    def run(self, items: Iterable[Any]) -> Iterator[Any]:
        """Yield results and ``Lost``; see ``Engine.map``."""
        self._waiting.extend(_Task(item) for item in items)
        self._slots = self._most = self._count_slots()
        try:
            while self._waiting or self._suspects or self._running:
                self._submit()
                for future in self._finished():
                    yield from self._settle(future, self._running.pop(future))
        finally:
            if self._running and self._client.status == "running":
                self._client.cancel(list(self._running))

    def _submit(self) -> None:
        """Hand over so many items that no worker idles and the scheduler is not flooded."""
        while self._waiting and len(self._running) < max(1, _AHEAD * self._slots):
            self._hand_over(self._waiting.popleft())
        if not self._running and self._suspects:
            self._hand_over(self._suspects.popleft())

    def _hand_over(self, task: _Task) -> None:
        future = self._client.submit(call, self._name, task.item, pure=False, resources=self._resources or None)
        self._running[future] = task

    def _finished(self) -> list[Future]:
        """Futures that have come to an end, after a short wait perhaps none.

        Raises:
            EngineError: the scheduler is gone, or for a long time no worker could compute anything.
        """
        try:
            with self._client.as_current():
                done = list(wait(list(self._running), timeout=_GLANCE, return_when="FIRST_COMPLETED").done)
        except TimeoutError:
            done = []
        except CancelledError:
            raise EngineError(
                f"the scheduler {self._scheduler} went away or has dropped this work; start it again, then the same command."
            ) from None
        self._look()
        return done

    def _look(self) -> None:
        """Count the workers, now and then."""
        now = time.monotonic()
        if now - self._looked < _GLANCE:
            return
        had, self._slots, self._looked = self._slots, self._count_slots(), now
        self._most = max(self._most, self._slots)
        if self._slots < self._most:
            self._revive()
        if self._slots:
            self._could_compute = now
            return
        if had:
            logger.warning("no worker is left; waiting for one, %g s at most", self._wait_seconds)
        if now - self._could_compute > self._wait_seconds:
            having = " with " + ", ".join(f"{name}={amount:g}" for name, amount in self._resources.items())
            raise EngineError(
                f"for {self._wait_seconds:g} s the scheduler {self._scheduler} has had no worker"
                f"{having if self._resources else ''}; start some, check engine.resources, or raise engine.wait_seconds."
            )

    def _count_slots(self) -> int:
        """How many items can be computed at a time."""
        try:
            workers = self._client.scheduler_info(n_workers=-1)["workers"].values()
        except OSError:  # of a scheduler that is gone the futures tell
            return 0
        return sum(self._room(worker) for worker in workers if worker["status"] == "running")

    def _room(self, worker: Mapping[str, Any]) -> int:
        having = [worker["resources"].get(name, 0) // amount for name, amount in self._resources.items()]
        return int(min([worker["nthreads"], *having]))

    def _settle(self, future: Future, task: _Task) -> Iterator[Any]:
        """The result of a future, or what becomes of its item."""
        try:
            result = future.result(timeout=_FETCH)
        except Exception as error:  # whatever the function raises
            if future.status == "error":
                yield from self._failed(task, error)
            elif isinstance(error, TimeoutError):
                self._running[future] = task
            else:
                raise
            return
        if isinstance(result, Refused):
            raise result.error
        yield result

    def _failed(self, task: _Task, error: Exception) -> Iterator[Lost[Any]]:
        """Try again, or give up."""
        if isinstance(error, KilledWorker):
            if not task.suspect:
                task.suspect = True
                self._suspects.append(task)
                return
            logger.error("given up: %s", task.item)
            yield Lost(task.item, "its worker died whenever it was computed: it was killed, or there is too little memory")
            return
        task.failures += 1
        reason = f"{type(error).__name__}: {str(error).strip().partition(chr(10))[0]}"
        if task.failures <= self._retries:
            logger.warning("attempt %d of %d failed, %s", task.failures, self._retries + 1, reason)
            (self._suspects if task.suspect else self._waiting).append(task)
            return
        logger.error("given up after %d attempts: %s", task.failures, task.item, exc_info=error)
        yield Lost(task.item, reason)

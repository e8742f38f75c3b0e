"""Compute on dask.distributed: on processes of this machine, or on a cluster that is there already."""

import importlib.util
import json
import logging
import os
import pickle
import time
import uuid
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import ExitStack, suppress
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from isagrsc2.engines.engine import EngineError, Item, Lost, Result
from isagrsc2.errors import InputError
from isagrsc2.options import check_number, check_whole

if TYPE_CHECKING:
    from distributed import Client

logger = logging.getLogger(__name__)

LOCAL, AUTO, NONE = "local", "auto", "none"
_LOOK = 0.2  # s between two looks for a scheduler file


class DaskEngine:
    """``engine=dask``: workers may come, go and be killed; an item that cannot be computed is lost, and the others go on.

    Items are computed in the working folder of this process, so all workers have to see it under the same path.

    Args:
        scheduler: ``local``: processes of this machine, while the engine is open; or the address of a scheduler
            (``tcp://host:port``); or the path of its scheduler file.
        workers: processes of ``local``, one item at a time in each.
        threads: of the numeric libraries in each of them; ``auto``: ``OMP_NUM_THREADS``, else the cores by the processes.
        memory_limit: of each of them, bytes or with a unit (``8GiB``): with more it is stopped and started again; 0: none.
        dashboard: address of dask's page about ``local`` (``:8787``), or ``none``.
        resources: what one item needs of its worker, by the names that workers declare.
        retries: further attempts at an item that fails.
        wait_seconds: how long to wait for the scheduler, and while no worker can compute anything.

    Raises:
        InputError: an option does not fit, or dask is not installed.
    """

    def __init__(
        self,
        scheduler: str,
        workers: int,
        threads: int | str,
        memory_limit: int | str,
        dashboard: str,
        resources: Mapping[str, float],
        retries: int,
        wait_seconds: float,
    ) -> None:
        if importlib.util.find_spec("distributed") is None:
            raise InputError("engine=dask needs the packages of the extra cluster; pip install -e '.[cluster]'.")
        check_whole("engine.workers", workers, 1)
        check_whole("engine.retries", retries, 0)
        check_number("engine.wait_seconds", wait_seconds, 1)
        if threads != AUTO:
            check_whole("engine.threads", threads, 1)
        for name, amount in resources.items():
            check_number(f"engine.resources.{name}", amount, 1e-6)
        self._scheduler = str(scheduler)
        self._workers = workers
        self._threads = threads
        self._memory_limit = _bytes(memory_limit)
        self._dashboard = str(dashboard)
        self._resources = dict(resources)
        self._retries = retries
        self._wait_seconds = wait_seconds
        self._opened = ExitStack()
        # Names of the workers of ``local`` that were dead when last looked at.
        self._dead: set[Any] = set()

    def map(self, function: Callable[[Item], Result], items: Iterable[Item]) -> Iterator[Result | Lost[Item]]:
        """See ``Engine``; results come as they are finished."""
        todo = list(items)
        if not todo:
            return
        from isagrsc2.engines.dask_schedule import Schedule
        from isagrsc2.engines.dask_worker import WorkerFunction

        client, name = self._client, f"isagrsc2-{uuid.uuid4().hex}"
        try:
            # One that dies at this moment does not matter: the scheduler gives plugins also to those that come.
            with suppress(OSError):
                client.register_plugin(WorkerFunction(pickle.dumps(function), str(Path.cwd())), name)
        except ModuleNotFoundError as error:
            raise EngineError(
                f"workers of {self._scheduler} have no {error.name}; install there what is installed here."
            ) from None
        try:
            schedule = Schedule(client, name, self._scheduler, self._resources, self._retries, self._wait_seconds, self._revive)
            yield from schedule.run(todo)
        finally:
            with suppress(OSError):  # likewise, or the scheduler is gone
                client.unregister_worker_plugin(name)

    def close(self) -> None:
        """See ``Engine``: stop the processes of ``local``, leave a cluster that was there."""
        self._opened.close()
        self.__dict__.pop("_client", None)

    @cached_property
    def _client(self) -> "Client":
        import distributed

        # Importing it has made it talkative. What concerns an item, or ends the run, is told by the schedule.
        logging.getLogger(distributed.__name__).setLevel(logging.CRITICAL)
        return self._start() if self._scheduler == LOCAL else self._connect()

    def _start(self) -> "Client":
        import dask
        from distributed import Client, LocalCluster

        from isagrsc2.engines.dask_worker import Uninterrupted

        # The numbers are set for each worker below, and not for this process, as dask would do.
        config: dict[str, Any] = {"distributed.nanny.pre-spawn-environ": {}}
        config["distributed.scheduler.allowed-failures"] = self._retries
        # Nothing in the memory of a worker could be written to disk: to be started again is all that helps.
        config |= {f"distributed.worker.memory.{threshold}": False for threshold in ("target", "spill", "pause")}
        auto = os.environ.get("OMP_NUM_THREADS", max(1, (os.cpu_count() or 1) // self._workers))
        threads = auto if self._threads == AUTO else self._threads
        # Without a page the scheduler still has a port for it; any free one, so that several runs do not meet.
        page = {"dashboard_address": "127.0.0.1:0"} if self._dashboard == NONE else {"dashboard_address": self._dashboard}
        with dask.config.set(config):
            cluster = self._opened.enter_context(
                LocalCluster(
                    n_workers=self._workers,
                    threads_per_worker=1,
                    processes=True,
                    memory_limit=self._memory_limit,
                    scheduler_kwargs={"dashboard": self._dashboard != NONE, **page},
                    resources=self._resources,
                    plugins=(Uninterrupted(),),
                    env={f"{library}_NUM_THREADS": threads for library in ("OMP", "MKL", "OPENBLAS")},
                    silence_logs=logging.CRITICAL,
                )
            )
        if self._dashboard != NONE:
            logger.info("dask's page: %s", cluster.dashboard_link)
        return self._opened.enter_context(Client(cluster, set_as_default=False))

    def _revive(self) -> None:
        """Replace workers of ``local`` that dask gives up.

        It does so with those that die before it has taken note that they began, and with those that need long to begin again.
        """
        cluster = self._client.cluster
        if self._scheduler != LOCAL or cluster is None:
            return
        dead = {name for name, nanny in cluster.workers.items() if nanny.process is None or not nanny.process.is_alive()}
        # What is dead for one moment only dask starts again itself.
        for name in dead & self._dead:
            cluster.sync(cluster.workers.pop(name).close)
        self._dead = dead
        if gone := self._workers - len(cluster.workers):
            logger.warning("%d of %d workers are gone for good; others take their places", gone, self._workers)
            cluster.scale(self._workers)

    def _connect(self) -> "Client":
        from distributed import Client

        address = self._address()
        logger.info("engine.scheduler=%s: connecting to %s", self._scheduler, address)
        try:
            return self._opened.enter_context(Client(address, timeout=self._wait_seconds, set_as_default=False))
        except (OSError, ValueError) as error:
            raise EngineError(
                f"no scheduler answers at {address} ({type(error).__name__}, {self._wait_seconds:g} s); "
                "start it, or correct engine.scheduler."
            ) from None

    def _address(self) -> str:
        """The address itself, or what the scheduler file says, which may be written only when the scheduler starts."""
        if "://" in self._scheduler:
            return self._scheduler
        path, give_up = Path(self._scheduler), time.monotonic() + self._wait_seconds
        while True:
            try:
                return str(json.loads(path.read_text())["address"])
            except (OSError, ValueError, KeyError, TypeError):
                if time.monotonic() > give_up:
                    break
            time.sleep(_LOOK)
        raise EngineError(
            f"engine.scheduler={path} is no scheduler file after {self._wait_seconds:g} s; start `dask scheduler "
            "--scheduler-file`, or give tcp://host:port, or local."
        )


def _bytes(limit: int | str) -> int:
    from dask.utils import parse_bytes

    try:
        size = int(parse_bytes(limit))
    except (ValueError, TypeError):
        size = -1
    if size < 0:
        raise InputError(f"engine.memory_limit={limit} does not fit; give bytes or a size like 8GiB, 0 for none.")
    return size

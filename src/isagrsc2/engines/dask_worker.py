"""What a dask worker holds: the function of a map, sent once to every worker and not with every item."""

import os
import pickle
import signal
import threading
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, cast

from distributed import Worker, WorkerPlugin, get_worker

from isagrsc2.engines.engine import EngineError
from isagrsc2.errors import InputError


@dataclass(frozen=True)
class Refused:
    """Stands for a result: the user's mistake that the function has raised.

    A value, because what a task raises is written to the worker's log with its traceback.

    Attributes:
        error: to be raised by the engine.
    """

    error: InputError


class WorkerFunction(WorkerPlugin):
    """A function on a worker. A plugin, because dask gives those also to workers that join later.

    It is unpickled (its model is loaded) by the first task and not in ``setup``, which would keep the worker from answering.

    Args:
        pickled: the function.
        folder: where relative paths begin; every worker computes there.
    """

    def __init__(self, pickled: bytes, folder: str) -> None:
        self._pickled = pickled
        self._folder = folder

    def setup(self, worker: Worker) -> None:
        """Get ready on a worker."""
        self._address = worker.address
        self._loading = threading.Lock()
        self._loaded: list[Callable[[Any], Any]] = []

    def teardown(self, worker: Worker) -> None:  # noqa: ARG002
        """Let go what the function holds."""
        self._loaded.clear()

    def function(self) -> Callable[[Any], Any]:
        """The function.

        Raises:
            InputError: something that it needs is not on this worker.
        """
        with self._loading:
            if not self._loaded:
                try:
                    os.chdir(self._folder)
                    self._loaded.append(pickle.loads(self._pickled))
                except (InputError, OSError) as error:
                    raise EngineError(
                        f"worker {self._address} cannot begin: {error} Give the workers the file system of this machine."
                    ) from None
            return self._loaded[0]


class Uninterrupted(WorkerPlugin):
    """Lets a worker of this machine pass over Ctrl-C, which a terminal sends to all its processes: the first one stops it."""

    def setup(self, worker: Worker) -> None:  # noqa: ARG002
        """Get ready on a worker, whose event loop runs in the main thread."""
        signal.signal(signal.SIGINT, signal.SIG_IGN)


def call(name: str, item: object) -> object:
    """Apply the function with this name to an item, on a worker."""
    plugin = cast(WorkerFunction, get_worker().plugins[name])
    try:
        return plugin.function()(item)
    except InputError as error:
        return Refused(error)

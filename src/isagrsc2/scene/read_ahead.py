"""Reading the next window while the one before is worked on."""

from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from types import TracebackType
from typing import Any, Self

import numpy as np
import numpy.typing as npt
from rasterio.windows import Window

from isagrsc2.scene.raster import Scene

Read = tuple[npt.NDArray[np.uint8], npt.NDArray[np.bool_]]


class ReadAhead:
    """A scene whose windows are asked for one after the other. Use it in a ``with`` statement.

    While the caller works on a window, a thread reads the next; GDAL does that outside of Python's lock. Nobody else may read
    the scene meanwhile. Sent to another process, where nobody knows what comes next, it only reads.

    Args:
        scene: the raster, open.
        windows: in the order in which they will be asked for.
    """

    def __init__(self, scene: Scene, windows: Sequence[Window]) -> None:
        self._scene = scene
        self._following = dict(zip(map(_place, windows[:-1]), windows[1:], strict=True)) if windows else {}
        self._reader = ThreadPoolExecutor(1, "read_ahead")
        self._read: dict[tuple[int, ...], Future[Read]] = {}

    def read(self, window: Window) -> Read:
        """See ``Scene.read``; out of order it takes longer, nothing else."""
        asked = self._read.pop(_place(window), None) or self._reader.submit(self._scene.read, window)
        self._read.clear()
        if following := self._following.get(_place(window)):
            self._read[_place(following)] = self._reader.submit(self._scene.read, following)
        return asked.result()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self._reader.shutdown(cancel_futures=True)

    def __reduce__(self) -> tuple[Callable[..., "Direct"], tuple[Any, ...]]:
        return Direct, (self._scene,)


class Direct:
    """Reads windows when they are asked for."""

    def __init__(self, scene: Scene) -> None:
        self._scene = scene

    def read(self, window: Window) -> Read:
        """See ``Scene.read``."""
        return self._scene.read(window)


def _place(window: Window) -> tuple[int, ...]:
    return tuple(int(value) for value in window.flatten())

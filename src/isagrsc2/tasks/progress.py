"""The progress of a scene: what will be done, tiles done, parcels so far, time left."""

import logging
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from types import TracebackType
from typing import Self

import geopandas
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    SpinnerColumn,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)

from isagrsc2.pipeline import TileDone
from isagrsc2.scene.raster import Scene
from isagrsc2.scene.tiling import Tile
from isagrsc2.tasks.plan import Remaining, plan

logger = logging.getLogger(__name__)


class TileProgress:
    """Shows the tiles of one scene; the bar, on anything but a terminal, only when it ends.

    Args:
        name: of the scene.
        scene: the raster.
        folder: takes the result.
    """

    def __init__(self, name: str, scene: Scene, folder: Path) -> None:
        self._name, self._scene, self._folder = name, scene, folder
        self._progress = Progress(
            TextColumn("{task.description}"),
            BarColumn(),
            MofNCompleteColumn(),
            TextColumn("tiles, {task.fields[parcels]} segments"),
            TimeElapsedColumn(),
            TimeRemainingColumn(),
        )

    def begin(self, todo: list[Tile], done: list[Tile]) -> Callable[[TileDone], None]:
        """Start the bar; the answer is called with every finished tile."""
        total = len(todo) + len(done)
        if total > 1:
            logger.info("%s: %s", self._name, plan(self._scene, todo, done, self._folder))
        remaining = Remaining(len(todo))
        task = self._progress.add_task(self._name, total=total, completed=len(done), parcels=0)
        found = 0

        def advance(tile: TileDone) -> None:
            nonlocal found
            found += tile.parcels
            self._progress.update(task, advance=1, parcels=found)
            if guess := remaining.after_tile():
                logger.info("%s: %s", self._name, guess)

        return advance

    def __enter__(self) -> Self:
        self._progress.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self._progress.stop()


def count_parcels(name: str, batches: Iterable[geopandas.GeoDataFrame]) -> Iterator[geopandas.GeoDataFrame]:
    """Pass batches on, and show how many parcels there were; the line goes when there are no more.

    Args:
        name: of the scene.
        batches: tables of parcels.
    """
    columns = (TextColumn("{task.description}"), SpinnerColumn(), TextColumn("{task.completed:.0f} parcels joined"))
    with Progress(*columns, TimeElapsedColumn(), transient=True) as progress:
        task = progress.add_task(name, total=None)
        for batch in batches:
            yield batch
            progress.update(task, advance=len(batch))

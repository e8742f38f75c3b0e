"""The progress bar of a scene: tiles done, parcels so far, time left."""

from collections.abc import Callable
from types import TracebackType
from typing import Self

from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn

from isagrsc2.pipeline import TileDone
from isagrsc2.scene.tiling import Tile


class TileProgress:
    """Shows the tiles of one scene; on anything but a terminal it shows only the end.

    Args:
        name: of the scene.
    """

    def __init__(self, name: str) -> None:
        self._name = name
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
        task = self._progress.add_task(self._name, total=total, completed=len(done), parcels=0)
        found = 0

        def advance(tile: TileDone) -> None:
            nonlocal found
            found += tile.parcels
            self._progress.update(task, advance=1, parcels=found)

        return advance

    def __enter__(self) -> Self:
        self._progress.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self._progress.stop()

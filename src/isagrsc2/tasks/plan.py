"""What a run will do and take, said before it starts and once the first tiles show how long they take."""

import shutil
import time
from pathlib import Path

from isagrsc2.scene.raster import Scene
from isagrsc2.scene.tiling import Tile

# Bytes of parts and results per px that tiles answer for, from what large fields leave to what the smallest parcels leave:
# measured on aerial images with `segmenter=compact` (0.4) and on drawn farmland with `segmenter=regions` (3).
BYTES_PER_PX = (0.4, 4.0)
# Tiles and seconds after which the time of the others is guessed: the first tile of a process takes longer.
_TILES, _SECONDS = 4, 20.0


def plan(scene: Scene, todo: list[Tile], done: list[Tile], folder: Path) -> str:
    """Describe the work on a scene in one line.

    Args:
        scene: the raster.
        todo: tiles to compute, or none.
        done: tiles whose parts are there.
        folder: takes the result; exists.
    """
    tiles = f"{len(todo) + len(done)} tiles" if len(todo) + len(done) > 1 else "1 tile"
    before = f", {len(done)} of them done before" if done else ""
    cores = sum(tile.core.width * tile.core.height for tile in todo + done)
    low, high = (cores * share for share in BYTES_PER_PX)
    free = shutil.disk_usage(folder).free
    room = "" if free > high else " (MAY NOT BE ENOUGH)"
    return (
        f"{scene.width} x {scene.height} px in {tiles}{before}; "
        f"needs {_size(low)} to {_size(high)} of disk, {_size(free)} are free{room}"
    )


class Remaining:
    """Guesses, once, how long the tiles that are left will take.

    Args:
        todo: how many tiles are to be computed.
    """

    def __init__(self, todo: int) -> None:
        self._todo, self._done, self._guessed = todo, 0, False
        self._first = 0.0

    def after_tile(self) -> str:
        """Count a tile; what to say now, mostly nothing."""
        now = time.monotonic()
        self._done += 1
        if self._done == 1:
            self._first = now
        passed, left = now - self._first, self._todo - self._done
        if self._guessed or self._done < _TILES or passed < _SECONDS or not left:
            return ""
        self._guessed = True
        each = passed / (self._done - 1)
        return f"{_duration(each * left)} to go for {left} tiles, {each:.1f} s each"


def _size(count: float) -> str:
    for unit in ("kB", "MB", "GB"):
        count /= 1000
        if count < 1000:
            return f"{count:.1f} {unit}" if count < 10 else f"{count:.0f} {unit}"
    return f"{count / 1000:.1f} TB"


def _duration(seconds: float) -> str:
    if seconds < 90:
        return f"{seconds:.0f} s"
    minutes = seconds / 60
    return f"{minutes:.0f} min" if minutes < 90 else f"{minutes / 60:.1f} h"

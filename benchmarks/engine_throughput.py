"""Tiles per second of `engine=dask engine.workers=2` against `engine=local engine.workers=2`: same scene, stages and machine.

    OMP_NUM_THREADS=1 python benchmarks/engine_throughput.py
    OMP_NUM_THREADS=1 python benchmarks/engine_throughput.py segmenter=regions scene.width=2048

Overrides are those of segment.py. Both engines give their workers the same threads if OMP_NUM_THREADS is set. Counted from the
first finished tile to the last: an engine starts its processes and loads the segmenter once, which takes seconds and is
printed beside it.
"""

import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from hydra import compose, initialize_config_dir
from hydra.utils import instantiate
from rich.console import Console
from rich.table import Table

from isagrsc2.parts import PartStore
from isagrsc2.pipeline import TileDone, segment_tiles
from isagrsc2.scene.tiling import Tile
from isagrsc2.tasks.configured_method import configure_method
from isagrsc2.tasks.smallest_area import smallest_area

ROOT = Path(__file__).parents[1]

WORKERS = 2
TURNS = 2  # of each, by turns, so that a noisy neighbour meets both
SCENE = ["scene=synthetic", "scene.seeds=[7]", "scene.width=3072", "scene.height=2048", "tiling.size=512", "tiling.overlap=64"]


class Times:
    """When tiles were finished, s."""

    def __init__(self) -> None:
        self.begun = time.perf_counter()
        self.done: list[float] = []

    def announce(self, todo: list[Tile], done: list[Tile]) -> Callable[[TileDone], None]:  # noqa: ARG002
        """See ``segment_tiles``."""
        return lambda tile: self.done.append(time.perf_counter())  # noqa: ARG005

    @property
    def rate(self) -> float:
        """Tiles per second once the workers are at work."""
        return (len(self.done) - 1) / (self.done[-1] - self.done[0])

    @property
    def start(self) -> float:
        """Seconds to the first finished tile."""
        return self.done[0] - self.begun


def measure(option: str, overrides: list[str], folder: Path) -> Times:
    """Segment all tiles of the scene."""
    with initialize_config_dir(str(ROOT / "conf"), version_base="1.3"):
        cfg = compose("segment", [*SCENE, *overrides, f"engine={option}", f"engine.workers={WORKERS}"])
    (source,) = instantiate(cfg.scene, _convert_="all").sources()
    method, engine = configure_method(cfg), instantiate(cfg.engine, _convert_="all")
    folder.mkdir(parents=True)
    scene, _ = source.open(folder)
    with scene:
        min_area = smallest_area(scene, cfg.parcels.min_area_m2, cfg.parcels.min_area_px)
        times = Times()
        segment_tiles(scene, method, min_area, PartStore.open(folder / "parts", {}), engine, times.announce)
    engine.close()
    return times


def main() -> None:
    """Measure and print."""
    times: dict[str, list[Times]] = {"local": [], "dask": []}
    with tempfile.TemporaryDirectory() as folder:
        for turn in range(TURNS):
            for option, measured in times.items():
                measured.append(measure(option, sys.argv[1:], Path(folder, f"{option}_{turn}")))
    tiles = len(times["local"][0].done)
    title = f"{tiles} tiles, {WORKERS} workers; {' '.join(sys.argv[1:]) or 'defaults'}"
    table = Table("engine", "tiles per second", "ratio", "first tile after, s", title=title, title_justify="left")
    reference = statistics.median(one.rate for one in times["local"])
    for option, measured in times.items():
        rates = [one.rate for one in measured]
        middle, start = statistics.median(rates), statistics.median(one.start for one in measured)
        spread = f"{middle:.2f} ({min(rates):.2f} to {max(rates):.2f})"
        table.add_row(option, spread, f"{middle / reference:.3f}", f"{start:.1f}")
    Console().print(table)


if __name__ == "__main__":
    main()

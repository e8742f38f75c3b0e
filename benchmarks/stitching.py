"""Seconds and peak memory of joining tiles: 1 000 000 made-up parcels in 10 000 tiles, read from disk as a run leaves them.

    python benchmarks/stitching.py
    python benchmarks/stitching.py --rows 20 --columns 20

Parcels are bricks of about 77 px with wavy borders, 10 x 10 to the core of a tile of 1024 px. Tiles disagree in places.
The parts are written first, which is not measured.
"""

import argparse
import resource
import sys
import tempfile
import time
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import numpy.typing as npt
import shapely
from hydra import compose, initialize_config_dir
from hydra.utils import instantiate

from isagrsc2.delineation.components import label_components
from isagrsc2.delineation.part import Part
from isagrsc2.engines.local import LocalEngine
from isagrsc2.parts import PartStore
from isagrsc2.pipeline import Parts, stitch_parts
from isagrsc2.scene.polygons import polygonise
from isagrsc2.scene.region import EVERYWHERE
from isagrsc2.scene.tiling import Tile

# Bricks to the core of a tile, in x and in y.
BRICKS = 10
MIN_AREA = 100.0  # px
# Share of the bricks that a tile sees without the border to the next one.
FUSED = 0.03


def bricks(x0: int, y0: int, side: int, period: int, rng: np.random.Generator) -> npt.NDArray[np.int32]:
    """Labels (side, side) of a window at x0, y0: the same everywhere but for a few borders that this tile does not see."""
    y, x = np.mgrid[y0 : y0 + side, x0 : x0 + side]
    pitch = period / BRICKS
    row = np.floor((y + 6 * np.sin(2 * np.pi * x / period * 7)) / pitch).astype(np.int64)
    column = np.floor((x + 6 * np.sin(2 * np.pi * y / period * 5)) / pitch + 0.5 * (row % 2)).astype(np.int64)
    _, labels = np.unique(row * 1_000_000 + column, return_inverse=True)
    labels = labels.reshape(side, side)
    seen_with_next = np.arange(labels.max() + 1)
    lost = rng.random(len(seen_with_next) - 1) < FUSED
    seen_with_next[1:][lost] -= 1
    numbered, _ = label_components(np.ascontiguousarray(seen_with_next[labels] + 1, np.int32))
    return numbered


def main(arguments: Sequence[str] | None = None) -> None:
    """Write parts, join them, print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, default=100, help="of tiles")
    parser.add_argument("--columns", type=int, default=100, help="of tiles")
    parser.add_argument("--workers", type=int, default=2, help="processes")
    options = parser.parse_args(arguments)
    with initialize_config_dir(str(Path(__file__).resolve().parents[1] / "conf"), version_base="1.3"):
        cfg = compose("segment")
    tiling = instantiate(cfg.tiling)
    period = tiling.size - tiling.overlap
    size = (options.columns * period + tiling.overlap, options.rows * period + tiling.overlap)
    tiles = tiling.tiles(*size)
    with tempfile.TemporaryDirectory() as folder:
        store = PartStore.open(Path(folder) / "parts", {})
        write_parts(tiles, store, period)

        scene: Any = SimpleNamespace(width=size[0], height=size[1], region=EVERYWHERE)
        method: Any = SimpleNamespace(scene_tiling=tiling, stitching=instantiate(cfg.stitching))
        finished = Parts(size[0] * size[1], len(tiles), 0, {}, {}, {})
        spread = LocalEngine(options.workers).map
        begin = peak_gb()
        start = time.perf_counter()
        parcels, area = 0, 0.0
        for batch in stitch_parts(scene, method, MIN_AREA, store, finished, spread):
            parcels += len(batch)
            area += batch.area.sum()
        seconds = time.perf_counter() - start
    share = area / size[0] / size[1]
    print(f"{len(tiles)} tiles of {tiling.size} px, {size[0]} x {size[1]} px: {parcels} parcels, {share:.4f} of the area")
    print(f"{seconds:.0f} s, {1000 * seconds / len(tiles):.1f} ms a tile")
    print(f"peak memory {peak_gb():.2f} GB, {begin:.2f} before it began")


def write_parts(tiles: list[Tile], store: PartStore, period: int) -> None:
    """Write what a run would have left; windows that repeat are outlined once and moved."""
    rng = np.random.default_rng(0)
    drawn: dict[tuple[int, int, int, int, int], npt.NDArray[np.object_]] = {}
    for number, tile in enumerate(tiles):
        x0, y0, x1, y1 = tile.bounds
        key = (x0 % period, y0 % period, x1 - x0, y1 - y0, number % 16)
        if key not in drawn:
            labels = bricks(x0 % period, y0 % (2 * period), max(x1 - x0, y1 - y0), period, rng)
            drawn[key] = polygonise(labels[: y1 - y0, : x1 - x0])[1]
        polygons = shapely.transform(drawn[key], partial(np.add, (x0, y0)))
        scores = rng.uniform(0.3, 1, len(polygons)).astype(np.float32)
        rounds = rng.integers(1, 5, len(polygons)).astype(np.int16)
        valid = np.ones((y1 - y0, x1 - x0), bool)
        store.write(tile, Part(tile.bounds, tile.core_bounds, valid, polygons, scores, scores, rounds))


def peak_gb() -> float:
    """Of this process and the largest of those it started, since they began, 10⁹ bytes."""
    peak = sum(resource.getrusage(who).ru_maxrss for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
    return peak * (1 if sys.platform == "darwin" else 1024) / 1e9


if __name__ == "__main__":
    main()

"""`segment.py engine=dask`: the same parcels, and gaps that are told."""

import shutil
from collections.abc import Callable
from functools import partial
from pathlib import Path

import numpy as np
import pytest
import rasterio
from test_segment import labels_of, metrics_of

from isagrsc2.scene.tiling import Tile, Tiling
from isagrsc2.tasks.segment import segment

Run = Callable[..., Path]


@pytest.fixture
def run(run_classical: Callable[..., Path]) -> Run:
    return partial(run_classical, segment)


def scene(width: int, height: int, size: int, overlap: int) -> list[str]:
    cut = [f"tiling.size={size}", f"tiling.overlap={overlap}"]
    return [
        "scene=synthetic",
        "scene.seeds=[7]",
        f"scene.width={width}",
        f"scene.height={height}",
        *cut,
        "export=[instances,metrics]",
    ]


def deadly(folder: Path, image: Path, tile: Tile, every: int) -> list[str]:
    """A segmenter that kills its process at a tile, and at every so many images."""
    folder.mkdir()
    with rasterio.open(image) as dataset:
        total = int(dataset.read(window=tile.window).sum())
    target = "segmenter._target_=deadly_segmenter.DeadlySegmenter"
    return [target, f"+segmenter.folder={folder}", f"+segmenter.at={total}", f"+segmenter.every={every}"]


def borders(labels: np.ndarray) -> np.ndarray:
    """Where a pixel differs from its right or lower neighbour: numbers of parcels may differ, borders not."""
    found = np.zeros(labels.shape, bool)
    found[:, :-1] |= labels[:, 1:] != labels[:, :-1]
    found[:-1] |= labels[1:] != labels[:-1]
    return found


def outside(tile: Tile, shape: tuple[int, int]) -> np.ndarray:
    x0, y0, x1, y1 = tile.bounds
    mask = np.ones(shape, bool)
    mask[max(y0 - 1, 0) : y1, max(x0 - 1, 0) : x1] = False
    return mask


@pytest.mark.slow
def test_the_same_parcels_but_for_a_tile_that_kills_its_worker(
    run: Run, tmp_path: Path, caplog: pytest.LogCaptureFixture, capsys: pytest.CaptureFixture[str]
) -> None:
    drawn = scene(256, 192, 160, 48)
    local = run(*drawn, folder="local") / "synthetic_7"
    whole, tile = labels_of(local), Tiling(160, 48).tiles(256, 192)[0]
    command = [*drawn, *deadly(tmp_path / "images", local / "synthetic_7.tif", tile, every=10**6)]
    with pytest.raises(SystemExit) as stopped:
        run(*command, "engine=dask", "engine.threads=1", "engine.retries=0")
    assert stopped.value.code == 1
    folder = tmp_path / "out" / "synthetic_7"
    reason = "its worker died whenever it was computed: it was killed, or there is too little memory"
    lost = {"tile": "tile_r00000_c00000", "window": [0, 0, 160, 160], "reason": reason}
    assert metrics_of(folder)["tiles"] == {"computed": 3, "reused": 0, "lost": [lost]}
    line = f"tile_r00000_c00000 (x 0 to 160, y 0 to 160 px): {reason}"
    assert caplog.messages[-1] == f"  synthetic farmland, seed 7: {line}"
    assert "computes these tiles again" in caplog.messages[-2]
    assert "gaps in the map" in capsys.readouterr().out
    there, found = outside(tile, whole.shape), labels_of(folder)
    assert (borders(found) == borders(whole))[there].all()
    assert ((found > 0) == (whole > 0))[there].all()

    shutil.rmtree(tmp_path / "images")
    run(*command)  # where tiles are computed makes no difference to their parts
    assert metrics_of(folder)["tiles"] == {"computed": 1, "reused": 3, "lost": []}
    assert (labels_of(folder) == whole).all()


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_a_worker_killed_every_few_tiles_and_one_tile_that_always_kills(run: Run, tmp_path: Path) -> None:
    drawn = scene(640, 448, 128, 32)
    local = run(*drawn, folder="local") / "synthetic_7"
    whole, tile = labels_of(local), Tiling(128, 32).tiles(640, 448)[9]
    command = [*drawn, *deadly(tmp_path / "images", local / "synthetic_7.tif", tile, every=7)]
    with pytest.raises(SystemExit) as stopped:
        run(*command, "engine=dask", "engine.threads=1", "engine.retries=3")
    assert stopped.value.code == 1
    folder = tmp_path / "out" / "synthetic_7"
    tiles = metrics_of(folder)["tiles"]
    assert [one["tile"] for one in tiles["lost"]] == [tile.name]
    assert tiles["computed"] == len(Tiling(128, 32).tiles(640, 448)) - 1
    found = labels_of(folder)
    assert (borders(found) == borders(whole))[outside(tile, whole.shape)].all()

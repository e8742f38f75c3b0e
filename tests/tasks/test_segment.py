"""`segment.py` from configuration to files."""

import csv
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import geopandas
import numpy as np
import pandas
import pyarrow.parquet
import pytest
import rasterio
import shapely
from classical import CLASSICAL

from isagrsc2.scene.polygons import rasterise
from isagrsc2.scene.tiling import Tiling
from isagrsc2.tasks.segment import segment

ROOT = Path(__file__).parents[2]
SMALL = ("scene=synthetic", "scene.seeds=[7]", "scene.width=256", "scene.height=192", "tiling.size=160", "tiling.overlap=48")

Run = Callable[..., Path]


@pytest.fixture
def run(run_classical: Callable[..., Path]) -> Run:
    """Segment in-process; returns the output folder."""
    return partial(run_classical, segment)


def metrics_of(folder: Path) -> dict[str, Any]:
    return json.loads((folder / "metrics.json").read_text())


def labels_of(folder: Path) -> np.ndarray:
    with rasterio.open(folder / "instances.tif") as dataset:
        return dataset.read(1)


def object_f1(one: np.ndarray, two: np.ndarray) -> float:
    """F1 of objects matched at IoU > 0.5, from scratch."""
    keys, shared = np.unique(one.astype(np.int64) * 1_000_000 + two, return_counts=True)
    areas_one, areas_two = (dict(zip(*np.unique(labels, return_counts=True), strict=True)) for labels in (one, two))
    matched = 0
    for key, count in zip(keys.tolist(), shared.tolist(), strict=True):
        a, b = divmod(key, 1_000_000)
        matched += bool(a and b and 2 * count > areas_one[a] + areas_two[b] - count)
    return 2 * matched / (len(areas_one) - (0 in areas_one) + len(areas_two) - (0 in areas_two))


def test_the_default_run_leaves_every_file_and_they_agree(run: Run) -> None:
    folder = run(*SMALL) / "synthetic_7"
    names = {file.name for file in folder.iterdir()}
    assert names == {
        "synthetic_7.tif",
        "reference.gpkg",
        "parts",
        "segments.parquet",
        "parcels.parquet",
        "parcels.gpkg",
        "instances.tif",
        "parcels_coco.json",
        "overlay.png",
        "metrics.json",
    }
    segments = geopandas.read_parquet(folder / "segments.parquet")
    parcels = geopandas.read_parquet(folder / "parcels.parquet")
    package = geopandas.read_file(folder / "parcels.gpkg", layer="parcels")
    metrics = metrics_of(folder)
    assert len(segments) == len(parcels) == len(package) == metrics["parcels"] > 10
    assert set(parcels["class_name"]) == {"unclassified"}
    assert parcels.crs.to_epsg() == package.crs.to_epsg() == 32632
    # The raster of instances and the polygons before simplification agree pixel for pixel.
    labels = labels_of(folder)
    assert (labels == rasterise(segments["parcel_id"].to_numpy(), segments.geometry.to_numpy(), labels.shape)).all()
    with rasterio.open(folder / "instances.tif") as instances, rasterio.open(folder / "synthetic_7.tif") as scene:
        assert (instances.crs, instances.transform) == (scene.crs, scene.transform)
    # A planar partition: valid, and the areas add up to that of the union.
    assert parcels.is_valid.all()
    planar = shapely.area(parcels.geometry.to_numpy())
    assert planar.sum() == pytest.approx(parcels.union_all().area, rel=1e-6)
    # The scale of UTM on its central meridian is 0.9996: areas on the ellipsoid are larger by 1 / 0.9996².
    assert parcels["area_m2"].sum() == pytest.approx(planar.sum() / 0.9996**2, rel=1e-4)
    assert metrics["reference"]["parcels"] > 0
    assert 0 < metrics["reference"]["rounds"][-1]["area_iou"] <= 1
    assert metrics["coverage"] == sorted(metrics["coverage"])
    assert metrics["tiles"] == {"computed": 4, "reused": 0, "lost": []}


def test_figures_of_every_scene_go_to_the_csv_file(run: Run) -> None:
    output = run(*SMALL, "scene.seeds=[1,2]", "export=metrics")
    with (output / "metrics.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert [row["scene"] for row in rows] == ["synthetic_1", "synthetic_2"]
    first = metrics_of(output / "synthetic_1")
    assert float(rows[0]["coverage/round_4"]) == first["coverage"][3]
    assert float(rows[0]["parcels/iou"]) == first["reference"]["rounds"][-1]["area_iou"]


def test_a_second_run_in_the_same_folder_takes_the_parts(run: Run) -> None:
    first = labels_of(run(*SMALL, "export=[instances,metrics]") / "synthetic_7")
    folder = run(*SMALL, "export=[instances,metrics]") / "synthetic_7"
    assert metrics_of(folder)["tiles"] == {"computed": 0, "reused": 4, "lost": []}
    assert (labels_of(folder) == first).all()


def test_other_numbers_make_new_parts(run: Run) -> None:
    run(*SMALL, "export=metrics")
    folder = run(*SMALL, "export=metrics", "prompting.max_rounds=1") / "synthetic_7"
    assert metrics_of(folder)["tiles"] == {"computed": 4, "reused": 0, "lost": []}


@pytest.mark.parametrize("option", ["single_pass", "whitened"])
def test_every_way_of_prompting_runs(run: Run, option: str) -> None:
    metrics = metrics_of(run(*SMALL, f"prompting={option}", "export=metrics") / "synthetic_7")
    assert metrics["parcels"] > 0
    assert len(metrics["coverage"]) == {"single_pass": 1, "whitened": 4}[option]


def test_refinement_runs(run: Run) -> None:
    demanding = ["refinement.min_share=0.001", "refinement.min_inner_edges=0.0", "refinement.min_entropy=1.0"]
    refined = run(*SMALL, "refinement=heterogeneous", *demanding, "export=metrics") / "synthetic_7"
    assert metrics_of(refined)["seconds"]["refine"] > 0


def test_a_picture_without_a_crs_is_measured_in_pixels(run: Run, write_raster: Callable[..., Path]) -> None:
    image = np.zeros((64, 96, 3), np.uint8)
    image[:, :48] = (90, 140, 60)
    image[:, 48:] = (180, 150, 110)
    path = write_raster("field.png", image)
    before = path.read_bytes(), path.stat().st_mtime_ns
    folder = run(f"scene.path={path}") / "field"
    parcels = geopandas.read_parquet(folder / "parcels.parquet")
    assert parcels.crs is None
    assert sorted(parcels["area_px"]) == [64 * 48, 64 * 48]
    assert (path.read_bytes(), path.stat().st_mtime_ns) == before
    assert [file.name for file in path.parent.iterdir() if file.is_file()] == ["field.png"]


def test_a_reference_given_by_path_is_used(run: Run, tmp_path: Path) -> None:
    first = run(*SMALL, folder="first") / "synthetic_7"
    overrides = [f"scene.path={first / 'synthetic_7.tif'}", "tiling.size=160", "tiling.overlap=48", "export=metrics"]
    folder = run(*overrides, f"reference={first / 'instances.tif'}", folder="second") / "synthetic_7"
    scores = metrics_of(folder)["reference"]["rounds"][-1]
    assert (scores["area_iou"], scores["object_f1"], scores["mean_best_iou"]) == (1.0, 1.0, 1.0)


def test_tiles_leave_no_seam(run: Run) -> None:
    scene = ("scene=synthetic", "scene.seeds=[7]", "scene.width=640", "scene.height=448", "export=instances")
    whole = labels_of(run(*scene, "tiling.size=1024", folder="whole") / "synthetic_7")
    tiled = labels_of(run(*scene, "tiling.size=256", "tiling.overlap=96", folder="tiled") / "synthetic_7")
    assert object_f1(tiled, whole) >= 0.85
    assert_no_border_follows_a_seam(tiled, whole, Tiling(256, 96))


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_a_large_scene_in_tiles_equals_the_scene_in_one(run: Run) -> None:
    scene = ("scene=synthetic", "scene.seeds=[7]", "scene.width=3000", "scene.height=2000", "export=instances")
    whole = labels_of(run(*scene, "tiling.size=4096", folder="whole") / "synthetic_7")
    tiled = labels_of(run(*scene, "tiling.size=1024", folder="tiled") / "synthetic_7")
    assert object_f1(tiled, whole) >= 0.9
    assert_no_border_follows_a_seam(tiled, whole, Tiling(1024, 256))


def assert_no_border_follows_a_seam(tiled: np.ndarray, whole: np.ndarray, tiling: Tiling) -> None:
    """On the edges of cores and windows there are no more border pixels than in the scene segmented at once, plus 1 %."""
    height, width = whole.shape
    boxes = [box for tile in tiling.tiles(width, height) for box in (tile.core_bounds, tile.bounds)]
    for x in {x for box in boxes for x in (box[0], box[2])} - {0, width}:
        borders = [np.mean(labels[:, x] != labels[:, x - 1]) for labels in (tiled, whole)]
        assert borders[0] <= borders[1] + 0.01, f"column {x}"
    for y in {y for box in boxes for y in (box[1], box[3])} - {0, height}:
        borders = [np.mean(labels[y] != labels[y - 1]) for labels in (tiled, whole)]
        assert borders[0] <= borders[1] + 0.01, f"row {y}"


def test_the_size_of_batches_changes_no_result(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    scene = [*SMALL, "export=[geopackage,geoparquet,instances,coco,metrics]"]
    whole = run(*scene, folder="whole") / "synthetic_7"
    monkeypatch.setattr("isagrsc2.pipeline._ROWS", 4)
    batches = run(*scene, folder="batches") / "synthetic_7"
    assert pyarrow.parquet.ParquetFile(batches / "parcels.parquet").num_row_groups > 2
    np.testing.assert_array_equal(labels_of(batches), labels_of(whole))
    assert (batches / "parcels_coco.json").read_bytes() == (whole / "parcels_coco.json").read_bytes()
    one, two = (metrics_of(folder) for folder in (batches, whole))
    assert one["parcels"] == two["parcels"]
    assert one["coverage"] == pytest.approx(two["coverage"], rel=1e-12)
    assert one["reference"]["rounds"] == two["reference"]["rounds"]
    for name in ("segments.parquet", "parcels.parquet"):
        one, two = (geopandas.read_parquet(folder / name) for folder in (batches, whole))
        known = ["parcel_id", "class_name", "p_cultivated", "score", "round"]
        pandas.testing.assert_frame_equal(one[known], two[known])
    parcels = geopandas.read_file(batches / "parcels.gpkg", layer="parcels").geometry.to_numpy()
    assert shapely.coverage_is_valid(parcels)  # borders between batches are shared, as all are
    # Where borders of two batches come near each other, the first keeps more of its corners.
    assert shapely.equals(parcels, two.geometry.to_numpy()).mean() > 0.8
    assert shapely.area(parcels).sum() == pytest.approx(shapely.area(two.geometry).sum(), rel=0.01)


def test_files_hold_the_parcels_that_are_asked_for(run: Run) -> None:
    options = ["export=[geopackage,instances,coco,metrics]", "export.min_area_m2=2000", "export.class_filter=unclassified"]
    folder = run(*SMALL, *options, "export.crs=EPSG:4326") / "synthetic_7"
    parcels = geopandas.read_file(folder / "parcels.gpkg", layer="parcels")
    everything = geopandas.read_parquet(folder / "segments.parquet")
    assert 0 < len(parcels) < len(everything)
    assert parcels["area_m2"].min() >= 2000
    assert parcels.crs == "EPSG:4326"
    assert set(np.unique(labels_of(folder))) == {0, *parcels["parcel_id"]}
    annotations = json.loads((folder / "parcels_coco.json").read_text())["annotations"]
    assert [one["id"] for one in annotations] == parcels["parcel_id"].tolist()
    metrics = metrics_of(folder)
    assert (metrics["written"], metrics["parcels"]) == (len(parcels), len(everything))


def test_ctrl_c_says_how_to_go_on(
    run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def interrupted(*arguments: Any) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("isagrsc2.tasks.segment.segment_tiles", interrupted)
    with pytest.raises(SystemExit) as stopped:
        run(*SMALL)
    assert stopped.value.code == 130
    assert caplog.messages[-1] == f"interrupted; the same command with output_dir={tmp_path / 'out'} goes on."


def test_a_killed_run_goes_on(run: Run, tmp_path: Path) -> None:
    scene = [
        "scene=synthetic",
        "scene.seeds=[7]",
        "scene.width=512",
        "scene.height=384",
        "tiling.size=128",
        "tiling.overlap=32",
    ]
    output = tmp_path / "killed"
    command = [sys.executable, "segment.py", *CLASSICAL, *scene, "export=instances", f"output_dir={output}"]
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    process = subprocess.Popen(command, cwd=ROOT, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    parts = output / "synthetic_7" / "parts"
    give_up = time.monotonic() + 120
    while len(list(parts.glob("tile_*.parquet"))) < 3 and process.poll() is None and time.monotonic() < give_up:
        time.sleep(0.01)
    process.send_signal(signal.SIGKILL)
    assert process.wait() == -signal.SIGKILL
    written = {file: file.stat().st_mtime_ns for file in parts.glob("tile_*.parquet")}
    assert 3 <= len(written) < 20
    assert not (output / "synthetic_7" / "instances.tif").exists()

    resumed = labels_of(run(*scene, "export=instances", folder="killed") / "synthetic_7")
    assert all(file.stat().st_mtime_ns == changed for file, changed in written.items())
    uninterrupted = labels_of(run(*scene, "export=instances", folder="whole") / "synthetic_7")
    assert (resumed == uninterrupted).all()

"""`scene.aoi`, mosaics and STAC items from configuration to files, and how `evaluate.py` sees them afterwards."""

import json
import logging
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import geopandas as gpd
import numpy as np
import pytest
import rasterio
import shapely
from affine import Affine
from hydra import compose, initialize_config_dir
from PIL import Image
from rasterio.control import GroundControlPoint
from rasterio.windows import Window

from isagrsc2.errors import InputError
from isagrsc2.tasks.evaluate import evaluate
from isagrsc2.tasks.segment import segment

ROOT = Path(__file__).parents[2]
GRID = Affine(10.0, 0.0, 500_000.0, 0.0, -10.0, 6_200_000.0)
SIDE, FIELD = 96, 24  # px
FIELDS = [shapely.box(x, y, x + FIELD, y + FIELD) for y in range(0, SIDE, FIELD) for x in range(0, SIDE, FIELD)]  # px
# All of the upper left field, half of the one to its right, and nothing else.
AREA = shapely.box(0, 0, 36, 24)
SMALL = ("tiling.size=48", "tiling.overlap=16", "parcels.simplify_px=0")

Run = Callable[..., Path]


@pytest.fixture
def run(run_classical: Callable[..., Path]) -> Run:
    """Segment in-process; returns the output folder."""
    return partial(run_classical, segment, *SMALL)


def checkers() -> np.ndarray:
    """(96, 96, 3) uint8: fields in two colours by turns."""
    rows, columns = np.indices((SIDE, SIDE)) // FIELD
    return np.where(((rows + columns) % 2 == 0)[..., None], (90, 140, 60), (180, 150, 90)).astype(np.uint8)


def on_the_map(polygons: list[shapely.Geometry], grid: Affine = GRID) -> gpd.GeoDataFrame:
    """Polygons in px as they lie on the map."""
    return gpd.GeoDataFrame(geometry=gpd.GeoSeries(polygons).affine_transform(grid.to_shapely()).to_numpy(), crs=32632)


@pytest.fixture
def image(write_raster: Callable[..., Path]) -> Path:
    return write_raster("fields.tif", checkers(), crs="EPSG:32632", transform=GRID)


@pytest.fixture
def aoi(tmp_path: Path) -> Path:
    """The area, in longitude and latitude as most people draw it."""
    path = tmp_path / "aoi.geojson"
    on_the_map([AREA]).to_crs(4326).to_file(path)
    return path


@pytest.fixture
def reference(tmp_path: Path) -> Path:
    """All fields, of which most lie outside of the area."""
    on_the_map(FIELDS).to_file(tmp_path / "reference.gpkg")
    return tmp_path / "reference.gpkg"


def metrics_of(folder: Path) -> dict[str, Any]:
    return json.loads((folder / "metrics.json").read_text())


def test_only_the_area_is_segmented(run: Run, image: Path, aoi: Path, reference: Path) -> None:
    output = run(f"scene.path={image}", f"scene.aoi={aoi}", f"reference={reference}")
    folder = output / "fields"
    metrics = metrics_of(folder)
    # Of 3 x 3 tiles those whose cores end at x = 36 and y = 36; the one to the right only touches the area.
    assert metrics["tiles"] == {"computed": 1, "reused": 0, "lost": []}
    assert metrics["scene"]["valid_pixels"] == AREA.area
    assert metrics["scene"]["area_of_interest"] == "area_of_interest.parquet"
    segments = gpd.read_parquet(folder / "segments.parquet")
    assert shapely.union_all(segments.geometry).equals(AREA)
    # In the frame of the whole image.
    with rasterio.open(folder / "instances.tif") as instances:
        assert (instances.width, instances.height, instances.transform) == (SIDE, SIDE, GRID)
        labels = instances.read(1)
    assert (labels[:24, :36] > 0).all()
    assert (labels > 0).sum() == AREA.area
    # Parcels are cut at its edge: 24 x 24 px and 12 x 24 px of 100 m², on the ellipsoid.
    parcels = gpd.read_parquet(folder / "parcels.parquet")
    assert sorted(parcels["area_m2"] / 1e4) == pytest.approx([2.88, 5.76], rel=0.002)
    # What lies outside counts nowhere: there are two parcels, and both are found.
    last = metrics["reference"]["rounds"][-1]
    assert (last["reference_parcels"], last["matched_parcels"], last["coverage"]) == (2, 2, 1.0)
    assert last["area_iou"] == 1.0
    assert metrics["coverage"][-1] == 1.0


def test_finished_results_are_compared_in_the_same_area(run: Run, image, aoi, reference, tmp_path) -> None:
    folder = run(f"scene.path={image}", f"scene.aoi={aoi}", f"reference={reference}", "export=metrics") / "fields"
    aoi.unlink()  # what was used is kept beside the results
    (tmp_path / "evaluation").mkdir()
    with initialize_config_dir(str(ROOT / "conf"), version_base="1.3"):
        evaluate(compose("evaluate", [f"subject.predictions={folder}", f"output_dir={tmp_path}/evaluation"]))
    rounds = metrics_of(tmp_path / "evaluation")["scenes"][0]["rounds"]
    told = metrics_of(folder)["reference"]["rounds"][-1]  # after the last round there is, not the last that found something
    assert rounds[-1] | {"round": 0} == pytest.approx(told | {"round": 0})
    assert rounds[-1]["area_iou"] == 1.0
    (folder / "area_of_interest.parquet").unlink()
    with (
        initialize_config_dir(str(ROOT / "conf"), version_base="1.3"),
        pytest.raises(InputError, match=r"area_of_interest\.parquet cannot be read .* run `segment\.py` again"),
    ):
        evaluate(compose("evaluate", [f"subject.predictions={folder}", f"output_dir={tmp_path}/evaluation"]))


def test_parts_of_another_area_are_not_taken(run: Run, image: Path, aoi: Path) -> None:
    options = (f"scene.path={image}", "export=metrics")
    run(*options, f"scene.aoi={aoi}")
    assert metrics_of(run(*options, f"scene.aoi={aoi}") / "fields")["tiles"]["reused"] == 1
    on_the_map([shapely.box(0, 0, 36, 23)]).to_crs(4326).to_file(aoi)  # one row less, in the same file
    metrics = metrics_of(run(*options, f"scene.aoi={aoi}") / "fields")
    assert metrics["tiles"] == {"computed": 1, "reused": 0, "lost": []}
    assert metrics["scene"]["valid_pixels"] == 36 * 23
    whole = metrics_of(run(*options) / "fields")
    assert whole["tiles"] == {"computed": 9, "reused": 0, "lost": []}
    assert whole["scene"]["valid_pixels"] == SIDE**2
    assert whole["scene"]["area_of_interest"] is None


def test_tiles_with_a_gap_between_them(run: Run, image: Path, tmp_path: Path) -> None:
    """Two corners: tiles and whole rows of tiles between them are left out."""
    corners = [shapely.box(0, 0, 20, 20), shapely.box(76, 76, 96, 96)]
    on_the_map(corners).to_file(tmp_path / "corners.gpkg")
    folder = run(f"scene.path={image}", f"scene.aoi={tmp_path}/corners.gpkg", "export=metrics") / "fields"
    assert metrics_of(folder)["tiles"]["computed"] == 2
    assert shapely.union_all(gpd.read_parquet(folder / "segments.parquet").geometry).equals(shapely.union_all(corners))


def test_scenes_outside_are_skipped(run: Run, image: Path, aoi: Path, write_raster, tmp_path, caplog) -> None:
    caplog.set_level(logging.INFO)
    away = write_raster("away.tif", checkers(), crs="EPSG:32632", transform=GRID @ Affine.translation(500, 0))
    output = run(f"scene.path=[{away},{image}]", f"scene.aoi={aoi}", "export=metrics")
    assert sorted(path.name for path in output.iterdir() if path.is_dir()) == ["fields"]
    assert "away: skipped, the area of interest does not touch it" in caplog.messages
    with pytest.raises(InputError, match=r"aoi\.geojson does not overlap the scene .*away\.tif"):
        run(f"scene.path={away}", f"scene.aoi={aoi}", folder="alone")
    further = write_raster("further.tif", checkers(), crs="EPSG:32632", transform=GRID @ Affine.translation(900, 0))
    with pytest.raises(InputError, match=r"scene\.aoi=.*aoi\.geojson touches none of 2 scenes"):
        run(f"scene.path=[{away},{further}]", f"scene.aoi={aoi}", folder="none")
    assert not any(path.is_dir() for path in (tmp_path / "none").iterdir())


@pytest.mark.parametrize("option", ["aoi=x.gpkg", "crs=EPSG:32631", "mosaic=true"])
def test_an_option_of_files_without_files(run: Run, option: str) -> None:
    with pytest.raises(InputError, match=r"applies only to scene\.path=PATH"):
        run(f"scene.{option}")


# ---------------------------------------------------------------------------------------------- other kinds of scenes


def evaluated(folder: Path, reference: Path, output: Path) -> dict[str, Any]:
    """Scores of the last round, of finished results."""
    output.mkdir()
    options = [f"subject.predictions={folder}", f"subject.reference={reference}", f"output_dir={output}"]
    with initialize_config_dir(str(ROOT / "conf"), version_base="1.3"):
        evaluate(compose("evaluate", options))
    return metrics_of(output)["scenes"][0]["rounds"][-1]


def test_tiles_of_a_mosaic_are_one_scene(run: Run, write_raster, reference, tmp_path) -> None:
    (tmp_path / "sheets").mkdir()
    for number, x in enumerate((0, 40)):
        window = Window(x, 0, 40 if x == 0 else 56, SIDE)
        cut = checkers()[:, x : x + window.width]
        write_raster(f"sheets/{number}.tif", cut, crs="EPSG:32632", transform=GRID @ Affine.translation(x, 0))
    options = (f"scene.path={tmp_path}/sheets", "scene.mosaic=true", f"reference={reference}", "export=[geopackage,metrics]")
    output = run(*options)
    assert sorted(path.name for path in output.iterdir() if path.is_dir()) == ["sheets"]
    metrics = metrics_of(output / "sheets")
    assert metrics["reference"]["rounds"][-1]["matched_parcels"] == len(FIELDS)  # those on the seam too
    assert metrics_of(run(*options) / "sheets")["tiles"]["reused"] == 9
    assert evaluated(output / "sheets", reference, tmp_path / "evaluation")["matched_parcels"] == len(FIELDS)


def test_a_picture_with_a_world_file(run: Run, reference, tmp_path) -> None:
    Image.fromarray(checkers()).save(tmp_path / "a.png")
    (tmp_path / "a.pgw").write_text("10\n0\n0\n-10\n500005\n6199995\n")
    output = run(f"scene.path={tmp_path}/a.png", "scene.crs=EPSG:32632", "export=[geopackage,metrics]")
    parcels = gpd.read_file(output / "a" / "parcels.gpkg", layer="parcels")
    assert parcels.crs.to_epsg() == 32632
    truth = gpd.read_file(reference)
    assert parcels.total_bounds == pytest.approx(truth.total_bounds, abs=1e-6)
    assert metrics_of(output / "a")["scene"]["georeference"] == "found"
    # The option is not needed again.
    assert evaluated(output / "a", reference, tmp_path / "evaluation")["matched_parcels"] == len(FIELDS)


def test_control_points(run: Run, write_raster, tmp_path) -> None:
    turned = Affine.translation(500_000, 6_200_000) @ Affine.rotation(25) @ Affine.scale(10, -10)
    corners = [(0, 0), (0, SIDE), (SIDE, 0), (SIDE, SIDE)]
    points = [GroundControlPoint(row, column, *(turned @ (column, row))) for row, column in corners]
    path = write_raster("scan.tif", checkers(), crs="EPSG:32632", transform=None, gcps=points)
    output = run(f"scene.path={path}", "export=[geopackage,metrics]")
    parcels = gpd.read_file(output / "scan" / "parcels.gpkg", layer="parcels")
    truth = on_the_map(FIELDS, turned)
    assert len(parcels) == len(FIELDS)
    assert shapely.union_all(parcels.geometry).symmetric_difference(shapely.union_all(truth.geometry)).area < 1  # m²
    truth.to_file(tmp_path / "truth.gpkg")
    assert evaluated(output / "scan", tmp_path / "truth.gpkg", tmp_path / "evaluation")["matched_parcels"] == len(FIELDS)


def test_a_stac_item(run: Run, write_raster, reference, tmp_path) -> None:
    for number, name in enumerate(("red", "green", "blue")):
        write_raster(f"{name}.tif", checkers()[..., number], crs="EPSG:32632", transform=GRID)
    assets = {name: {"href": f"./{name}.tif"} for name in ("blue", "green", "red")}
    (tmp_path / "item.json").write_text(json.dumps({"type": "Feature", "stac_version": "1.0.0", "id": "x", "assets": assets}))
    output = run(f"scene.path={tmp_path}/item.json", f"reference={reference}", "export=metrics")
    assert metrics_of(output / "item")["reference"]["rounds"][-1]["matched_parcels"] == len(FIELDS)

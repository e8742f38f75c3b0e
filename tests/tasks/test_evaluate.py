import json
import subprocess
import sys
import warnings
from pathlib import Path
from typing import Any

import geopandas as gpd
import numpy as np
import pandas as pd
import pytest
import rasterio
import shapely
from affine import Affine
from hydra import compose, initialize_config_dir
from hydra.errors import ConfigCompositionException, InstantiationException
from PIL import Image
from rasterio.errors import NotGeoreferencedWarning

from isagrsc2.classification.land_classes import BINARY
from isagrsc2.errors import InputError
from isagrsc2.tasks.evaluate import evaluate
from isagrsc2.tasks.parcels_pictures import picture_names

ROOT = Path(__file__).resolve().parents[2]
# scene.tif is opened as any image without a georeference.
pytestmark = pytest.mark.filterwarnings("ignore::rasterio.errors.NotGeoreferencedWarning")

PARCELS = [shapely.box(0, 0, 4, 10), shapely.box(6, 0, 10, 10)]


def write_result(folder: Path, image: Path, rows: list[tuple[shapely.Geometry, str, int]], **georeference: Any) -> None:
    """What `segment.py` leaves of one image, as far as it is read here."""
    folder.mkdir(parents=True)
    image.parent.mkdir(parents=True, exist_ok=True)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", NotGeoreferencedWarning)
        with rasterio.open(image, "w", width=12, height=10, count=3, dtype="uint8", **georeference) as out:
            out.write(np.zeros((3, 10, 12), np.uint8))
    geometries, names, rounds = zip(*rows, strict=True)
    frame = gpd.GeoDataFrame(
        {"parcel_id": range(1, len(rows) + 1), "class_name": names, "round": rounds}, geometry=list(geometries)
    )
    frame.to_parquet(folder / "segments.parquet")
    crs, transform = georeference.get("crs"), list(georeference.get("transform", Affine.identity()))[:6]
    scene = {"name": image.stem, "path": str(image), "width": 12, "height": 10, "crs": crs, "transform": transform}
    figures = {
        "scene": scene | {"georeference": "stored", "bands": [1, 2, 3], "area_of_interest": None},
        "parcels": len(rows),
        "coverage": [0.5],
        "classes": {},
        "land_classes": BINARY.plain(),
        "tiles": {"computed": 1, "reused": 0},
        "seconds": {"open": 0.25, "segment": 1.0},
        "memory_mb": {"open": 90.0, "segment": 120.0},
    }
    (folder / "metrics.json").write_text(json.dumps(figures))


@pytest.fixture
def runs(tmp_path: Path) -> Path:
    """Results of two scenes, the first in two rounds; references of both in one folder."""
    exact = [(PARCELS[0], "cultivated", 1), (PARCELS[1], "cultivated", 2)]
    write_result(tmp_path / "runs" / "a", tmp_path / "images" / "a.tif", exact)
    write_result(tmp_path / "runs" / "b", tmp_path / "images" / "b.tif", [(PARCELS[0], "cultivated", 1)])
    (tmp_path / "references").mkdir()
    for name in ("a", "b"):
        (tmp_path / "references" / f"{name}.geojson").write_text(gpd.GeoSeries(PARCELS).to_json())
    return tmp_path


def run(folder: Path, *overrides: str) -> float | None:
    output = folder / "output"
    output.mkdir(exist_ok=True)
    with initialize_config_dir(str(ROOT / "conf"), version_base="1.3"):
        return evaluate(compose("evaluate", [f"output_dir={output}", "subject.picture_size=200", *overrides]))


def report(folder: Path) -> dict:
    return json.loads((folder / "output" / "metrics.json").read_text())


def test_scenes_mean_and_pool(runs, capsys):
    score = run(runs, f"subject.predictions={runs / 'runs'}", f"subject.reference={runs / 'references'}")
    assert score == (1 + 2 / 3) / 2
    found = report(runs)
    assert [scene["scene"] for scene in found["scenes"]] == ["a", "b"]
    assert [entry["object_f1"] for entry in found["scenes"][0]["rounds"]] == [2 / 3, 1.0]
    assert [entry["object_f1"] for entry in found["scenes"][1]["rounds"]] == [2 / 3, 2 / 3]  # as many rounds as a
    assert found["mean"]["rounds"][1]["object_f1"] == score
    assert found["pooled"]["rounds"][1]["object_recall"] == 3 / 4
    assert found["pooled"]["oracle_class"]["rounds"][0]["matched_parcels"] == 2
    assert found["scenes"][0]["reference"]["parcels"] == 2
    assert found["refused"] == {}
    printed = capsys.readouterr().out
    assert "mean over scenes" in printed
    assert "0.833" in printed


def test_a_scene_with_gaps_is_refused(runs):
    file = runs / "runs" / "b" / "metrics.json"
    figures = json.loads(file.read_text())
    figures["tiles"]["lost"] = [{"tile": "tile_r00000_c00000", "window": [0, 0, 12, 10], "reason": "it was killed"}]
    file.write_text(json.dumps(figures))
    with pytest.raises(SystemExit) as stopped:
        run(runs, f"subject.predictions={runs / 'runs'}", f"subject.reference={runs / 'references'}")
    assert stopped.value.code == 1
    assert [scene["scene"] for scene in report(runs)["scenes"]] == ["a"]
    assert "has gaps: 1 tiles could not be segmented" in report(runs)["refused"][str(runs / "runs" / "b")]


def test_figures_of_the_last_round_and_their_intervals(runs, capsys):
    segments = gpd.read_parquet(runs / "runs" / "a" / "segments.parquet").assign(score=[0.9, 0.8])
    segments.to_parquet(runs / "runs" / "a" / "segments.parquet")
    command = [f"subject.predictions={runs / 'runs'}", f"subject.reference={runs / 'references'}"]
    run(runs, *command, "subject.size_limits_px=[50]")
    found = report(runs)
    first, second = (scene["last_round"] for scene in found["scenes"])
    assert (first["boundary_f1"], first["hausdorff_95_px"], first["hausdorff_95_m"]) == (1.0, 0.0, None)
    assert first["average_precision"] == 1.0
    assert second["average_precision"] is None  # it has no column score
    assert first["by_size"][0] | {"unit": "px", "from": 0, "to": 50, "object_recall": 1.0} == first["by_size"][0]
    assert first["by_size"][1]["object_recall"] is None
    assert found["scenes"][0]["oracle_class"]["last_round"] == first
    for kind, recall in (("mean", (1 + 1 / 2) / 2), ("pooled", 3 / 4)):
        last = found[kind]["last_round"]
        assert last["by_size"][0]["object_recall"] == recall
        assert last["by_size"][0]["interval_95"]["object_recall"] == [0.5, 1.0]
        assert last["interval_95"]["hausdorff_95_px"] == [0.0, 0.0]
        assert found[kind]["rounds"][1]["interval_95"]["object_f1"] == [pytest.approx(2 / 3), 1.0]
        assert found[kind]["oracle_class"]["last_round"]["boundary_f1"] == last["boundary_f1"]
    assert "95 % interval" in capsys.readouterr().out
    before = (runs / "output" / "metrics.json").read_bytes()
    run(runs, *command, "subject.size_limits_px=[50]")
    assert (runs / "output" / "metrics.json").read_bytes() == before


def test_sizes_and_boundaries_in_metres(runs):
    georeference = {"crs": "EPSG:32632", "transform": Affine(10, 0, 500000, 0, -10, 5000000)}
    rows = [(PARCELS[0], "cultivated", 1), (shapely.box(6, 0, 9, 10), "cultivated", 1)]
    write_result(runs / "metres", runs / "images" / "c.tif", rows, **georeference)
    corners = [(500000, 4999900, 500040, 5000000), (500060, 4999900, 500100, 5000000)]
    metres = gpd.GeoSeries([shapely.box(*corner) for corner in corners], crs="EPSG:32632")
    metres.to_file(runs / "references" / "c.gpkg")
    both = [f"subject.predictions={runs / 'metres'}", f"subject.reference={runs / 'references'}"]
    run(runs, *both, "subject.boundary_tolerance=5", "subject.boundary_unit=m", "subject.size_limits_m2=[3000,5000]")
    last = report(runs)["scenes"][0]["last_round"]
    assert last["hausdorff_95_m"] == pytest.approx(5, rel=0.001)  # one pixel in one of two parcels
    assert last["boundary_precision"] == 2 / 3  # columns 3 and 6 of 3, 6 and 8
    assert [(size["unit"], size["reference_parcels"]) for size in last["by_size"]] == [("m2", 0), ("m2", 2), ("m2", 0)]
    assert report(runs)["subject"]["boundary_tolerance"] == "5 m"
    # Together with scenes in px every class keeps to the scenes of its unit.
    run(runs, "subject.predictions=" + str(runs), f"subject.reference={runs / 'references'}", "subject.size_limits_px=[50]")
    sizes = report(runs)["mean"]["last_round"]["by_size"]
    counted = {size["unit"]: size["reference_parcels"] for size in sizes if size["reference_parcels"]}
    assert counted == {"m2": 2, "px": 2}
    assert sizes[-2]["interval_95"]["object_recall"] == [0.5, 1.0]


def test_one_file_may_be_the_reference_of_all_scenes(runs):
    regions = [
        {"shape_attributes": {"name": "rect", "x": x, "y": y, "width": right - x, "height": bottom - y}}
        for x, y, right, bottom in (parcel.bounds for parcel in PARCELS)
    ]
    via = {name: {"filename": name, "regions": regions} for name in ("a.tif", "b.tif")}
    (runs / "via.json").write_text(json.dumps(via))
    run(runs, f"subject.predictions='{runs}/runs/*'", f"subject.reference={runs / 'via.json'}")
    assert [scene["rounds"][-1]["object_f1"] for scene in report(runs)["scenes"]] == [1.0, 2 / 3]


def test_scenes_without_a_reference_are_listed_and_skipped(runs, caplog):
    (runs / "references" / "b.geojson").unlink()
    with caplog.at_level("INFO"):
        score = run(runs, f"subject.predictions={runs / 'runs'}", f"subject.reference={runs / 'references'}")
    assert score == 1
    found = report(runs)
    assert [scene["scene"] for scene in found["scenes"]] == ["a"]
    assert found["refused"] == {}
    assert "holds no reference for b" in found["skipped"][str(runs / "runs" / "b")]
    assert found["notes"][-1].startswith("1 without reference and skipped: ")
    assert found["notes"][-1] in caplog.text


def test_scenes_that_cannot_be_compared_are_listed_and_the_others_done(runs):
    (runs / "references" / "b.geojson").write_text("{")
    with pytest.raises(SystemExit) as caught:
        run(runs, f"subject.predictions={runs / 'runs'}", f"subject.reference={runs / 'references'}")
    assert caught.value.code == 1
    assert [scene["scene"] for scene in report(runs)["scenes"]] == ["a"]
    assert "b.geojson cannot be read" in report(runs)["refused"][str(runs / "runs" / "b")]


def test_results_compared_before_know_their_reference(runs):
    figures = runs / "runs" / "a" / "metrics.json"
    known = json.loads(figures.read_text()) | {"reference": {"path": str(runs / "references" / "a.geojson")}}
    figures.write_text(json.dumps(known))
    assert run(runs, f"subject.predictions={runs / 'runs'}") == 1
    assert "was segmented without reference; give subject.reference=PATH" in report(runs)["skipped"][str(runs / "runs" / "b")]


def test_every_scene_is_a_row(runs):
    command = [f"subject.predictions={runs / 'runs'}", f"subject.reference={runs / 'references'}"]
    run(runs, *command, "subject.size_limits_px=[50]")
    table = pd.read_parquet(runs / "output" / "scenes.parquet").set_index("scene")
    assert list(table.index) == ["a", "b"]
    scenes = report(runs)["scenes"]
    for scene in scenes:
        row = table.loc[scene["scene"]]
        for scores, end in ((scene["rounds"][-1], ""), (scene["rounds"][0], "/round_1")):
            written = {name: np.nan if value is None else value for name, value in scores.items() if name != "round"}
            assert {name: row[f"{name}{end}"] for name in written} == pytest.approx(written, nan_ok=True)
        assert row["boundary_f1"] == scene["last_round"]["boundary_f1"]
        assert row["by_size/px_0_50/object_recall"] == scene["last_round"]["by_size"][0]["object_recall"]
        assert np.isnan(row["by_size/px_50_inf/object_recall"])
        assert row["oracle_class/object_f1/round_1"] == scene["oracle_class"]["rounds"][0]["object_f1"]
    assert table.loc["b", ["outcomes/found", "outcomes/missed", "outcomes/invented"]].tolist() == [1, 1, 0]
    assert scenes[1]["outcomes"] == {"found": 1, "merged": 0, "split": 0, "missed": 1, "invented": 0}
    assert table.loc["a", ["seconds/segment", "seconds/total", "memory_mb/peak", "tiles/computed"]].tolist() == [
        1.0,
        1.25,
        120,
        1,
    ]
    assert table["reference/areas_only"].tolist() == [False, False]
    assert table["crs"].isna().all()
    numbers = table.drop(columns=["folder", "image", "crs", "predictions", "reference/path", "reference/areas_only"])
    assert set(map(str, numbers.dtypes)) == {"float64"}


def test_pictures_of_every_scene_and_of_the_worst(runs, caplog):
    command = [f"subject.predictions={runs / 'runs'}", f"subject.reference={runs / 'references'}", "subject.picture_size=400"]
    with caplog.at_level("INFO"):
        run(runs, *command, "subject.worst_scenes=1")
    names = sorted(path.name for path in (runs / "output" / "agreement").iterdir())
    assert names == ["a.png", "b.png"]
    with Image.open(runs / "output" / "agreement" / "b.png") as picture:
        assert picture.width >= 400
        colours = {colour for _, colour in picture.convert("RGB").getcolors(1 << 20)}
    assert (0, 176, 130) in colours  # of found, in the legend
    assert f"pictures: {runs / 'output' / 'worst_scenes.png'}" in caplog.text


def test_several_results_of_one_scene_have_pictures_of_their_own():
    assert picture_names(["a", "b", "a", "a"]) == ["a", "b", "a_2", "a_3"]


def test_what_was_wrong_with_the_reference_is_counted_and_said(runs):
    # The first crosses itself (a bow tie), the second lies on it, the third far outside.
    bow = shapely.Polygon([(0, 0), (4, 10), (0, 10), (4, 0)])
    drawn = [bow, shapely.box(0, 0, 10, 10), shapely.box(50, 50, 60, 60)]
    (runs / "references" / "a.geojson").write_text(gpd.GeoSeries(drawn).to_json())
    run(runs, f"subject.predictions={runs / 'runs' / 'a'}", f"subject.reference={runs / 'references'}")
    counted = report(runs)["scenes"][0]["reference"]
    assert [counted[name] for name in ("parcels", "repaired", "overlapping", "outside")] == [2, 1, 1, 1]
    assert report(runs)["notes"] == [
        "1 reference parcels of 1 scenes were invalid and are repaired.",
        "1 reference parcels of 1 scenes lie partly on an earlier one, which keeps what both cover.",
        "1 reference parcels of 1 scenes lie outside of the image and are left out.",
    ]


def test_figures_of_an_empty_reference_are_undefined(runs):
    empty = {"type": "FeatureCollection", "features": []}
    (runs / "references" / "a.geojson").write_text(json.dumps(empty))
    run(runs, f"subject.predictions={runs / 'runs'}", f"subject.reference={runs / 'references'}")
    first, second = report(runs)["scenes"]
    last = first["rounds"][-1]
    undefined = ["object_recall", "area_recall", "mean_best_iou", "over_segmentation", "segmentation_quality"]
    assert [last[name] for name in undefined] == [None] * len(undefined)
    assert (last["reference_parcels"], last["object_precision"], last["object_f1"]) == (0, 0, 0)  # both were invented
    assert first["outcomes"]["invented"] == 2
    mean = report(runs)["mean"]["rounds"][-1]
    assert mean["object_recall"] == second["rounds"][-1]["object_recall"]  # of the one scene that has it
    table = pd.read_parquet(runs / "output" / "scenes.parquet")
    assert table["object_recall"].isna().tolist() == [True, False]


def refused(folder: Path, predictions: Path | str, reference: Path | str) -> str:
    with pytest.raises(InputError) as caught:
        run(folder, f"subject.predictions={predictions}", f"subject.reference={reference}")
    assert not (folder / "output" / "metrics.json").exists()
    assert "\n" not in str(caught.value)
    return str(caught.value)


def test_nothing_to_compare(runs):
    reference = runs / "references"
    assert "there is nothing to compare with subject.reference" in refused(runs, "none", reference)
    assert "was segmented without reference; give subject.reference=PATH" in refused(runs, runs / "runs", "none")
    assert "nowhere does not exist" in refused(runs, runs / "nowhere", reference)
    assert "holds no result" in refused(runs, reference, reference)
    assert "missing.gpkg does not exist" in refused(runs, runs / "runs", runs / "missing.gpkg")


def test_results_that_cannot_be_read(runs):
    one = runs / "runs" / "a"
    reference = runs / "references"
    whole = (one / "segments.parquet").read_bytes()
    (one / "segments.parquet").write_bytes(whole[:100])
    assert "segments.parquet cannot be read" in refused(runs, one, reference)
    gpd.GeoDataFrame(geometry=PARCELS).to_parquet(one / "segments.parquet")
    assert "has no column class_name" in refused(runs, one, reference)
    (one / "segments.parquet").write_bytes(whole)
    figures = json.loads((one / "metrics.json").read_text())
    (one / "metrics.json").write_text(json.dumps({name: value for name, value in figures.items() if name != "seconds"}))
    assert "metrics.json has no seconds; run `segment.py` of this version again" in refused(runs, one, reference)
    (one / "metrics.json").unlink()
    assert "does not say which image" in refused(runs, one, reference)


def test_numbers_that_do_not_fit(runs):
    def message(*overrides: str) -> str:
        with pytest.raises((InputError, InstantiationException)) as caught:
            run(runs, f"subject.predictions={runs / 'runs'}", f"subject.reference={runs / 'references'}", *overrides)
        return str(caught.value.__cause__ or caught.value)

    assert "a.tif has no CRS, so its boundaries cannot be compared in m" in message("subject.boundary_unit=m")
    assert "subject.boundary_unit=feet is not one of px, m" in message("subject.boundary_unit=feet")
    assert "subject.boundary_tolerance=-1 does not fit" in message("subject.boundary_tolerance=-1")
    assert "size_limits_m2=[5, 3] does not fit; give areas above 0 in ascending" in message("subject.size_limits_m2=[5,3]")
    assert "size_limits_px=[0] does not fit; give areas above 0 in ascending" in message("subject.size_limits_px=[0]")
    assert "subject.size_limits_px=9 does not fit; give a list of areas" in message("subject.size_limits_px=9")
    assert "subject.bootstrap_resamples=0 does not fit" in message("subject.bootstrap_resamples=0")


def test_results_of_another_image(runs):
    far = [(shapely.box(0, 0, 99, 10), "cultivated", 1)]
    write_result(runs / "other", runs / "images" / "a.tif", far)
    message = refused(runs, runs / "other", runs / "references")
    assert "belongs to another image" in message
    assert "reaches to 99, 10 px" in message


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"width": 24}, "it was 24 x 10 px and is 12 x 10 px"),
        ({"crs": "EPSG:25832"}, "its CRS was EPSG:25832 and is EPSG:32632"),
        ({"transform": [10, 0, 500010, 0, -10, 5000000]}, "it lay elsewhere (transform [10.0, 0.0, 500010.0, 0.0"),
        ({"path": "gone.tif"}, "gone.tif, of which"),
    ],
)
def test_an_image_that_has_become_another_one(runs, changed, message):
    georeference = {"crs": "EPSG:32632", "transform": Affine(10, 0, 500000, 0, -10, 5000000)}
    write_result(runs / "one", runs / "images" / "c.tif", [(PARCELS[0], "cultivated", 1)], **georeference)
    figures = json.loads((runs / "one" / "metrics.json").read_text())
    figures["scene"] |= changed
    (runs / "one" / "metrics.json").write_text(json.dumps(figures))
    assert message in refused(runs, runs / "one", runs / "references")


def test_references_that_do_not_fit(runs):
    one = runs / "runs" / "a"
    labels = np.ones((1, 9, 12), np.int32)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", NotGeoreferencedWarning)
        with rasterio.open(runs / "labels.tif", "w", width=12, height=9, count=1, dtype="int32") as out:
            out.write(labels)
    assert "labels.tif is 12 x 9 px, the scene" in refused(runs, one, runs / "labels.tif")
    gpd.GeoSeries(PARCELS, crs="EPSG:32632").to_file(runs / "metres.gpkg")
    assert "has a CRS (EPSG:32632) and the scene" in refused(runs, one, runs / "metres.gpkg")


def test_finished_runs_cannot_be_segmented_again(runs):
    with pytest.raises(InstantiationException, match="cannot be measured on finished runs"):
        run(runs, f"subject.predictions={runs / 'runs'}", "tile_consistency=shifted")


def test_a_mistake_is_one_line_and_exit_code_2(tmp_path):
    done = subprocess.run(
        [sys.executable, str(ROOT / "evaluate.py"), "subject.predictions=nowhere", "subject.reference=nowhere"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 2
    assert done.stderr == "nowhere does not exist; check subject.predictions.\n"


def test_land_cover_masks_give_scores_of_areas_only(runs, capsys, caplog):
    with pytest.raises(InputError, match=r"holds no reference for 7_sat \(7_mask\.png, "):
        masks(runs, sizes={})
    with pytest.raises(InputError, match=r"7_mask\.png is 12 x 9 px, the scene .*7_sat\.tif 12 x 10 px"):
        masks(runs, sizes={"7": (12, 9)})
    with caplog.at_level("INFO"):
        assert masks(runs, sizes={"7": (12, 10), "8": (12, 10)}) is None
    found = report(runs)
    # The mask has agriculture in columns 0 to 3 and 6 to 11 and a cloud below row 8; the result has columns 0 to 3.
    last = found["scenes"][0]["rounds"][-1]
    assert (last["area_iou"], last["area_precision"], last["area_recall"]) == (0.4, 1.0, 0.4)
    assert last["coverage"] == 4 / 12
    of_objects = {name for name in last if not name.startswith(("area_", "coverage", "round"))}
    assert len(of_objects) == 18
    for scores in (last, found["mean"]["rounds"][-1], found["pooled"]["oracle_class"]["rounds"][-1]):
        assert {scores[name] for name in of_objects} == {None}
    assert found["scenes"][0]["reference"]["parcels"] is None
    assert found["scenes"][0]["reference"]["areas_only"] is True
    (note,) = found["notes"]
    assert note.startswith("7_sat: the reference says which land is agriculture and not where one parcel ends")
    assert note in caplog.text
    row = next(line for line in capsys.readouterr().out.splitlines() if "7_sat" in line)
    cells = [cell.strip() for cell in row.split("│")[1:-1]]
    assert cells == ["7_sat", "-", "-", "0.333", "0.400", *["-"] * 7]


def masks(folder: Path, sizes: dict[str, tuple[int, int]]) -> float | None:
    """Compare a result of 7_sat with a folder of masks of these sizes."""
    if not (folder / "land_cover").exists():
        write_result(folder / "land_cover", folder / "images" / "7_sat.tif", [(PARCELS[0], "cultivated", 1)])
        (folder / "masks").mkdir()
    for number, (width, height) in sizes.items():
        pixels = np.zeros((height, width, 3), np.uint8)
        pixels[:8] = (0, 255, 0)
        pixels[:8, :4] = pixels[:8, 6:] = (255, 255, 0)
        Image.fromarray(pixels).save(folder / "masks" / f"{number}_mask.png")
    return run(folder, f"subject.predictions={folder / 'land_cover'}", f"subject.reference={folder / 'masks'}")


def test_data_belong_to_classifiers(runs):
    with pytest.raises(ConfigCompositionException, match="Could not override 'data'"):
        run(runs, "data=image_folder")

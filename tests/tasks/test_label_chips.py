"""Chips of labelled scenes in class folders: what is written, by what it can be traced, what is refused."""

import csv
import json
import logging
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import shapely
from hydra.utils import instantiate
from omegaconf import DictConfig, OmegaConf
from PIL import Image
from tiny_scenes import BRIGHT, GridFinder, labelled_pngs, parcels, picture, write_image, write_vector, write_via

from isagrsc2.classification.chips import cut_chip
from isagrsc2.errors import InputError
from isagrsc2.scene.raster import open_scene
from isagrsc2.scene.stretch import NoStretch
from isagrsc2.tasks.entry import run_task
from isagrsc2.tasks.label_chips.chip_folder import COLUMNS, ChipFolder
from isagrsc2.tasks.label_chips.task import label_chips

Configure = Callable[..., DictConfig]

# Squares of 20 px instead of segments: what becomes a chip can be told by hand.
GRID = OmegaConf.create({"_target_": "tiny_scenes.GridFinder"})
SMALL = ("scene/stretch=none", "data.chip_size=16", "data.min_area=10")


@pytest.fixture
def configure(compose_config: Callable[..., DictConfig], tmp_path: Path) -> Configure:
    """``configure("scene.path=x", folder="chips")``: the grid as finder."""

    def make(*overrides: str, folder: str = "chips") -> DictConfig:
        cfg = compose_config("label_chips", *SMALL, *overrides, f"output_dir={tmp_path / folder}")
        cfg.data.finder = GRID
        return cfg

    return make


@pytest.fixture
def given(tmp_path: Path) -> tuple[str, str]:
    """Four PNG scenes, scene k with 1 + k % 3 parcels of 19 x 20 px in its first squares; and their VIA file."""
    labelled_pngs(tmp_path)
    return f"scene.path={tmp_path / 'images'}", f"reference={tmp_path / 'via_regions.json'}"


def rows(folder: Path) -> list[dict[str, str]]:
    with (folder / "manifest.csv").open(newline="") as stream:
        return list(csv.DictReader(stream))


def chips(folder: Path) -> dict[str, np.ndarray]:
    """(S, S, 3) uint8 of every chip, by its path below the folder."""
    return {path.relative_to(folder).as_posix(): np.array(Image.open(path)) for path in sorted(folder.rglob("*.png"))}


def contents(folder: Path) -> dict[str, bytes]:
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_chips_and_manifest_by_hand(configure, given, tmp_path):
    path = f"scene.path={tmp_path / 'images' / 'scene_1.png'}"  # two parcels, 95 % of the first two of twelve squares
    assert label_chips(configure(path, given[1])) == 14
    found = {row["file"]: row for row in rows(tmp_path / "chips")}
    others = {f"train/nonfield/scene_1_segment_{number}.png" for number in range(3, 13)}
    cultivated = {f"train/field/scene_1_{kind}_{number}.png" for kind in ("parcel", "segment") for number in (1, 2)}
    assert found.keys() == chips(tmp_path / "chips").keys() == others | cultivated
    row = found["train/field/scene_1_segment_2.png"]
    assert tuple(row) == COLUMNS
    assert shapely.from_wkt(row.pop("outline")).equals(shapely.box(20, 0, 40, 20))
    assert row == {
        "file": "train/field/scene_1_segment_2.png",
        "split": "train",
        "class": "field",
        "scene": "scene_1",
        "image": str(tmp_path / "images" / "scene_1.png"),
        "kind": "segment",
        "number": "2",
        "inside": "0.95",
        "unlabelled": "0.0",
        "window_x": "20",
        "window_y": "0",
        "window_side": "20",
        "area_px": "400.0",
    }
    parcel = found["train/field/scene_1_parcel_2.png"]  # 19 x 20 px: the square has a column more, on the right
    assert [parcel[name] for name in ("inside", "area_px", "window_x", "window_side")] == ["1.0", "380.0", "20", "20"]
    assert found["train/nonfield/scene_1_segment_12.png"]["inside"] == "0.0"


def test_every_chip_can_be_cut_again_from_its_row(configure, given, tmp_path):
    label_chips(configure(*given))
    written = chips(tmp_path / "chips")
    for row in rows(tmp_path / "chips"):
        with open_scene(Path(row["image"]), "auto", NoStretch()) as scene:
            again = cut_chip(scene, shapely.from_wkt(row["outline"]), 16)
        assert (written[row["file"]] == again).all()
        assert (again[8, 8, 0] >= BRIGHT) == (row["class"] == "field")


def test_the_record_says_what_chips_were_made_of(configure, given, tmp_path):
    label_chips(configure(*given))
    record = json.loads((tmp_path / "chips" / "manifest.json").read_text())
    assert record["options"]["data"]["max_inside"] == 0.2
    assert [scene["chips"] for scene in record["scenes"][:2]] == [{"nonfield": 11, "field": 2}, {"nonfield": 10, "field": 4}]
    assert record["scenes"][0]["reference"]["parcels"] == 1
    assert record["scenes"][0]["identity"]["path"] == str(tmp_path / "images" / "scene_0.png")


def test_chips_and_sides_are_those_of_labelled_scenes(configure, compose_config, given, tmp_path):
    shares = ("data.val_share=0.25", "data.test_share=0.25", "data.per_scene=5")
    label_chips(configure(*given, *shares))
    path, reference = (option.split("=")[1] for option in given)
    own = [f"data.path={path}", f"data.reference={reference}", "scene/stretch@data.stretch=none", "data/augment=none"]
    cfg = compose_config("train", "data=labelled_scenes", *own, *shares, *SMALL[1:]).data
    cfg.finder = GRID
    splits = instantiate(cfg).splits
    written, named = chips(tmp_path / "chips"), {}
    for row in rows(tmp_path / "chips"):
        named[row["split"], f"{row['scene']}.png, {row['kind']} {row['number']}"] = row
    for side in ("train", "val", "test"):
        part = getattr(splits, side)
        assert part.names
        for index, (name, label) in enumerate(zip(part.names, part.labels, strict=True)):
            row = named.pop((side, name))
            assert row["class"] == ("nonfield", "field")[label]
            assert (written[row["file"]] == part.chip(index)).all()
    assert not named


def test_image_folder_reads_them_as_they_are(configure, compose_config, given, tmp_path):
    label_chips(configure(*given, "data.val_share=0.25"))
    own = ["data=image_folder", f"data.root={tmp_path / 'chips'}", "data.chip_size=16"]
    splits = instantiate(compose_config("train", *own).data).splits
    assert splits.class_names == ("not_cultivated", "cultivated")
    written = chips(tmp_path / "chips")
    found = {}
    for side in ("train", "val"):
        part = getattr(splits, side)
        found |= {Path(name).relative_to(tmp_path / "chips").as_posix(): part.chip(row) for row, name in enumerate(part.names)}
    assert found.keys() == written.keys()
    assert all((found[name] == written[name]).all() for name in found)


def test_the_same_again_and_elsewhere(configure, given, tmp_path):
    for folder in ("chips", "chips", "other"):
        label_chips(configure(*given, "data.per_scene=3", folder=folder))
    first, other = contents(tmp_path / "chips"), contents(tmp_path / "other")
    assert len(first) == 4 * 6 - 2 + 2  # scenes 0 and 3 have two cultivated chips each; two manifests
    assert first == other
    label_chips(configure(*given, "data.per_scene=3", "seed=1", folder="other"))
    assert contents(tmp_path / "other").keys() != first.keys()


def test_chips_of_an_earlier_run_are_replaced(configure, given, tmp_path):
    label_chips(configure(*given, "data.val_share=0.25", "data.test_share=0.25"))
    assert (tmp_path / "chips" / "test" / "field").is_dir()
    label_chips(configure(*given, "data.positives=parcels", "data.max_inside=0"))
    folder = tmp_path / "chips"
    assert {path.name for path in folder.iterdir()} >= {"train", "manifest.csv", "manifest.json"}
    assert chips(folder).keys() == {row["file"] for row in rows(folder)}
    assert not list(folder.glob("test/*/*"))
    assert not list(folder.glob("*/*/*_segment_1.png"))


def test_a_stopped_run_is_repeated_in_its_folder(configure, given, tmp_path, monkeypatch):
    write, written = ChipFolder.write, []

    def breaking_off(self, chip, pixels):
        if len(written) == 7:
            raise KeyboardInterrupt
        written.append(chip)
        write(self, chip, pixels)

    with monkeypatch.context() as patched:
        patched.setattr(ChipFolder, "write", breaking_off)
        with pytest.raises(KeyboardInterrupt):
            label_chips(configure(*given))
    (tmp_path / "chips" / "train" / "nonfield" / ".scene_0_segment_2.part.png").write_bytes(b"half a file")
    label_chips(configure(*given))
    label_chips(configure(*given, folder="whole"))
    assert contents(tmp_path / "chips") == contents(tmp_path / "whole")


def test_what_somebody_else_put_there_is_neither_replaced_nor_learnt_from(configure, given, tmp_path):
    folder = tmp_path / "chips"
    label_chips(configure(*given))
    moved = folder / "train" / "nonfield" / "scene_0_parcel_1.png"  # corrected by hand
    (folder / "train" / "field" / "scene_0_parcel_1.png").rename(moved)
    before = contents(folder)
    refused = r"chips holds files that .*manifest\.csv does not name: train/nonfield/scene_0_parcel_1\.png; choose another"
    with pytest.raises(InputError, match=refused):
        label_chips(configure(*given))
    assert contents(folder) == before
    moved.unlink()
    (folder / "notes.txt").write_text("not where chips go")
    label_chips(configure(*given))
    (folder / "manifest.csv").write_text("name,label\n")
    with pytest.raises(InputError, match=r"manifest\.csv is no manifest of chips"):
        label_chips(configure(*given))
    (folder / "manifest.csv").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(InputError, match=r"manifest\.csv is no manifest of chips"):
        label_chips(configure(*given))


def test_no_manifest_reaches_outside_its_folder(configure, given, tmp_path):
    label_chips(configure(*given))
    victim = tmp_path / "precious.png"
    victim.write_bytes(b"x")
    manifest = tmp_path / "chips" / "manifest.csv"
    manifest.write_text(manifest.read_text().replace("train/field/scene_0_parcel_1.png", "../precious.png"))
    (tmp_path / "chips" / "train" / "field" / "scene_0_parcel_1.png").unlink()
    label_chips(configure(*given))
    assert victim.read_bytes() == b"x"


def test_scenes_without_reference_are_left_out_and_bad_ones_listed(configure, tmp_path, caplog):
    for number in range(2):
        write_image(tmp_path / "images" / f"a_{number}.tif", picture(parcels(1 + number)))
        write_vector(tmp_path / "parcels" / f"a_{number}.geojson", parcels(1 + number))
    write_image(tmp_path / "images" / "b.tif", picture([]))
    (tmp_path / "images" / "c.tif").write_bytes(b"no image")
    given = f"scene.path={tmp_path / 'images'}", f"reference={tmp_path / 'parcels'}"
    with caplog.at_level(logging.INFO), pytest.raises(SystemExit) as stop:
        label_chips(configure(*given))
    assert stop.value.code == 1
    assert f"without reference, or outside the area of interest, left out: {tmp_path / 'images' / 'b.tif'}" in caplog.text
    assert "1 of 3 scenes could not be used:" in caplog.text
    assert {row["scene"] for row in rows(tmp_path / "chips")} == {"a_0", "a_1"}
    record = json.loads((tmp_path / "chips" / "manifest.json").read_text())
    assert record["left_out"] == [str(tmp_path / "images" / "b.tif")]
    assert list(record["failed"]) == [str(tmp_path / "images" / "c.tif")]


def test_scenes_without_segments_do_not_stop_the_others(configure, given, tmp_path, monkeypatch, caplog):
    find, broken = GridFinder.find, {"scene_0", "scene_3"}

    def failing(self, source, scene):
        if source.name in broken:
            raise InputError(f"{source.origin} breaks off.")
        return find(self, source, scene)

    monkeypatch.setattr(GridFinder, "find", failing)
    with pytest.raises(SystemExit) as stop:
        label_chips(configure(*given))
    assert stop.value.code == 1
    assert "2 of 4 scenes could not be used:" in caplog.text
    assert {row["scene"] for row in rows(tmp_path / "chips")} == {"scene_1", "scene_2"}
    broken |= {"scene_1", "scene_2"}
    with pytest.raises(InputError, match=r"scene_3\.png breaks off"):
        label_chips(configure(*given))


def test_parcels_outside_the_area_of_interest_are_no_chips(configure, tmp_path):
    # Of four parcels of 19 x 20 px the area holds the second and 3 px of the third.
    image = write_image(tmp_path / "a.png", picture(parcels(4)))
    via = write_via(tmp_path / "via.json", {"a.png": parcels(4)})
    (tmp_path / "aoi.geojson").write_text(shapely.to_geojson(shapely.box(20, 0, 43, 20)))
    label_chips(
        configure(f"scene.path={image}", f"reference={via}", f"scene.aoi={tmp_path / 'aoi.geojson'}", "data.min_area=100")
    )
    assert {row["number"] for row in rows(tmp_path / "chips") if row["kind"] == "parcel"} == {"2"}
    label_chips(
        configure(f"scene.path={image}", f"reference={via}", f"scene.aoi={tmp_path / 'aoi.geojson'}", "data.min_area=59")
    )
    assert {row["number"] for row in rows(tmp_path / "chips") if row["kind"] == "parcel"} == {"2", "3"}


def test_corrected_files_of_labelme(configure, tmp_path):
    image = write_image(tmp_path / "a.png", picture(parcels(1)))
    corners = {"1": [[0, 0], [20, 0], [20, 20], [0, 20]], "0": [[20, 0], [40, 0], [40, 20], [20, 20]]}
    shapes = [{"label": label, "points": points, "shape_type": "polygon"} for label, points in corners.items()]
    document = {"imagePath": "a.png", "imageHeight": 60, "imageWidth": 80, "shapes": shapes}
    labels = tmp_path / "labels" / "a.json"
    labels.parent.mkdir()
    given = f"scene.path={image}", f"reference={labels.parent}"
    labels.write_text(json.dumps(document))  # all parcels were labelled: the other ten squares are none
    label_chips(configure(*given))
    drawn = {"train/field/a_parcel_1.png", "train/field/a_segment_1.png", "train/nonfield/a_parcel_2.png"}
    assert chips(tmp_path / "chips").keys() == drawn | {f"train/nonfield/a_segment_{number}.png" for number in range(2, 13)}
    labels.write_text(json.dumps(document | {"elsewhere": "unlabelled"}))  # some were: nothing is known of the others
    label_chips(configure(*given))
    assert chips(tmp_path / "chips").keys() == drawn | {"train/nonfield/a_segment_2.png"}


def test_segments_are_found_as_for_labelled_scenes(compose_config):
    train_py = compose_config("train", "data=labelled_scenes")
    own = compose_config("label_chips")
    assert OmegaConf.to_container(own.data.finder, resolve=True) == OmegaConf.to_container(train_py.data.finder, resolve=True)
    cutting = ("positives", "max_inside", "min_inside", "min_area", "per_scene", "chip_size")
    assert [own.data[name] for name in cutting] == [train_py.data[name] for name in cutting]


def test_a_side_with_one_class_is_pointed_out(configure, tmp_path, caplog):
    image = write_image(tmp_path / "a.png", picture([]))
    via = write_via(tmp_path / "via.json", {"a.png": []})
    label_chips(configure(f"scene.path={image}", f"reference={via}"))
    assert f"{tmp_path / 'chips' / 'train'} has no field chips; data=image_folder needs both classes" in caplog.text
    assert {path.name for path in (tmp_path / "chips" / "train").iterdir()} == {"nonfield"}


def test_label_rasters_among_the_images_are_no_scenes(configure, tmp_path):
    labels = np.zeros((60, 80), np.uint8)
    labels[:20, :19] = 7
    write_image(tmp_path / "a.png", picture(parcels(1)))
    Image.fromarray(labels).save(tmp_path / "labels.png")
    label_chips(configure(f"scene.path={tmp_path}", f"reference={tmp_path / 'labels.png'}"))
    assert {row["scene"] for row in rows(tmp_path / "chips")} == {"a"}
    assert "train/field/a_parcel_7.png" in chips(tmp_path / "chips")


def test_drawn_scenes_bring_their_reference(configure, tmp_path):
    drawn = ("scene=synthetic", "scene.width=128", "scene.height=128", "scene.seeds=[1,2]")
    assert label_chips(configure(*drawn)) > 10
    images = {row["image"] for row in rows(tmp_path / "chips")}
    assert images == {str(tmp_path / "chips" / "scenes" / f"synthetic_{n}" / f"synthetic_{n}.tif") for n in (1, 2)}


@pytest.mark.parametrize(
    ("overrides", "said"),
    [
        (["scene.path={images}"], r"^reference is missing; give reference=PARCELS"),
        (["scene.path={images}/scene_0.png"], r"^reference is missing; give reference=PARCELS"),
        (["scene.path={images}", "reference={images}/none.gpkg"], r"none\.gpkg does not exist; check reference="),
        (
            ["scene.path={images}", "reference={images}/empty"],
            r"none of 4 scenes can be used; .*holds no reference for scene_0",
        ),
        (["scene.path={images}/scene_1.png", "reference={images}/empty"], r"empty holds no reference for scene_1"),
        (["scene.path={images}/scene_1.png", "reference={images}/scene_1.png"], r"scene_1\.png is all that scene\.path names"),
        (
            ["{path}", "{reference}", "data.min_area=1e6"],
            r"^no chips: none of .*scene_0\.png.* and 1 more fits; check reference=",
        ),
        (["{path}", "{reference}", "data.chip_size=0"], r"^data\.chip_size=0 does not fit"),
        (["{path}", "{reference}", "data.positives=most"], r"^data\.positives=most is not one of parcels, segments, both"),
        (["{path}", "{reference}", "data.val_share=1"], r"^data\.val_share=1 and data\.test_share=0 must be shares"),
        (["{path}", "{reference}", "data.test_share=0.2"], r"^data\.val_share=0 and data\.test_share=0\.2 must be shares"),
        (["scene.path={images}/scene_1.png", "{reference}", "data.val_share=0.5"], r"^1 scene cannot be split"),
    ],
)
def test_bad_input_is_one_line_and_leaves_nothing(configure, given, tmp_path, capsys, overrides, said):
    (tmp_path / "images" / "empty").mkdir()
    places = {"images": tmp_path / "images", "path": given[0], "reference": given[1]}
    (tmp_path / "chips").mkdir()
    cfg = configure(*(override.format(**places) for override in overrides))
    with pytest.raises(InputError, match=said):
        label_chips(cfg)
    with pytest.raises(SystemExit) as stop:
        run_task(label_chips, cfg)
    assert stop.value.code == 2
    assert capsys.readouterr().err.count("\n") == 1
    assert list((tmp_path / "chips").iterdir()) == []


COMMAND = [sys.executable, "-m", "isagrsc2.tasks.label_chips"]


def run(folder: Path, *overrides: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([*COMMAND, *overrides], cwd=folder, capture_output=True, text=True)


@pytest.mark.slow
def test_as_a_user_types_it(given, tmp_path):
    own = (*given, "segmenter@data.finder.segmenter=regions", "data.min_area=10", "output_dir=chips")
    done = run(tmp_path, *own)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.splitlines()[-1] == "python train.py data=image_folder data.root=chips"
    folder = tmp_path / "chips"
    left = {path.name for path in folder.iterdir()}
    assert left == {".hydra", "label_chips.log", "manifest.csv", "manifest.json", "train"}
    assert chips(folder).keys() == {row["file"] for row in rows(folder)}
    swept = run(tmp_path, "-m", *own[:-1], "output_dir=swept", "data.per_scene=1,2")
    assert (swept.returncode, swept.stderr) == (0, "")
    assert [len(rows(tmp_path / "swept" / job)) > 8 for job in "01"] == [False, True]
    unwritable = run(tmp_path, *given, "output_dir=via_regions.json/chips")
    assert unwritable.returncode == 2
    assert unwritable.stderr.startswith("via_regions.json/chips cannot be the output folder")


def test_help_names_the_options_and_needs_no_slow_library(tmp_path):
    program = (
        "import runpy, sys\nsys.argv = ['label_chips', '--help']\n"
        "try:\n    runpy.run_module('isagrsc2.tasks.label_chips', run_name='__main__')\nexcept SystemExit as stop:\n"
        "    assert not stop.code\nassert not {'torch', 'matplotlib', 'timm'} & set(sys.modules)\n"
    )
    done = subprocess.run([sys.executable, "-c", program], cwd=tmp_path, capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (0, "")
    assert "scene.path=IMAGES reference=PARCELS output_dir=chips" in done.stdout

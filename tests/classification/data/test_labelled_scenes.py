import json
import logging
import pickle

import numpy as np
import pytest
import shapely
from tiny_scenes import BRIGHT, SPLIT, GridFinder, labelled_pngs, parcels, picture, write_image, write_vector, write_via

from isagrsc2.classification.chips import cut_chip
from isagrsc2.classification.data.labelled_scenes import LabelledScenes
from isagrsc2.classification.data.segment_choice import share_inside
from isagrsc2.errors import InputError
from isagrsc2.scene.raster import open_scene
from isagrsc2.scene.stretch import NoStretch


def make(root, finder=None, **changes):
    arguments = {
        "path": str(root / "images"),
        "reference": str(root / "via_regions.json"),
        "bands": "auto",
        "stretch": NoStretch(),
        "finder": finder or GridFinder(),
        "positives": "both",
        "max_inside": 0.2,
        "min_inside": 0.8,
        "min_area": 10,
        "per_scene": 100,
        **SPLIT,
    }
    return LabelledScenes(**(arguments | changes))


def sides(splits):
    return {name: getattr(splits, name) for name in ("train", "val", "test")}


def test_share_inside_by_hand():
    boxes = np.array([shapely.box(0, 0, 10, 10), shapely.box(5, 0, 10, 10), shapely.box(20, 0, 30, 10)], dtype=object)
    segments = np.array([shapely.box(0, 0, 20, 10), shapely.box(25, 0, 35, 10), shapely.box(50, 0, 60, 10)], dtype=object)
    # The first two parcels overlap: together they cover half of the first segment.
    assert share_inside(segments, boxes).tolist() == [0.5, 0.5, 0.0]
    assert share_inside(segments, boxes[:0]).tolist() == [0.0, 0.0, 0.0]
    assert share_inside(segments[:0], boxes).shape == (0,)


def test_chips_of_both_classes_by_hand(tmp_path):
    # Scene 0 has one parcel of 19 x 20 px: the first of 4 x 3 squares lies to 95 % in it, the other 11 outside.
    splits = make(labelled_pngs(tmp_path)).splits
    assert splits.class_names == ("not_cultivated", "cultivated")
    names = {name: label for part in sides(splits).values() for name, label in zip(part.names, part.labels, strict=True)}
    own = {name: label for name, label in names.items() if name.startswith("scene_0.png")}
    others = {f"scene_0.png, segment {number}": 0 for number in range(2, 13)}
    assert own == {"scene_0.png, parcel 1": 1, "scene_0.png, segment 1": 1} | others
    assert all(part.labels for part in sides(splits).values())


def test_no_scene_is_on_two_sides(tmp_path):
    splits = make(labelled_pngs(tmp_path, count=6)).splits
    scenes = [{name.split(",")[0] for name in part.names} for part in sides(splits).values()]
    assert sum(map(len, scenes)) == len(set.union(*scenes)) == 6


def test_brightness_tells_the_class_and_chips_are_those_of_segment_py(tmp_path):
    splits = make(labelled_pngs(tmp_path)).splits
    for part in sides(splits).values():
        # Half of a square in a parcel is neither, so the middle of a chip is the parcel or the rest.
        bright = [part.chip(index)[8, 8, 0] >= BRIGHT for index in range(len(part.labels))]
        assert bright == [bool(label) for label in part.labels]
        scene, polygon = part.sources[0]
        with open_scene(scene.image, "auto", NoStretch()) as opened:
            assert (part.chip(0) == cut_chip(opened, polygon, 16)).all()


def write_labelme(path, shapes, **more):
    """Shapes are a label and a polygon of an 80 x 60 px image."""
    path.parent.mkdir(parents=True, exist_ok=True)
    drawn = [{"label": label, "points": list(polygon.exterior.coords)[:-1]} for label, polygon in shapes]
    size = {"imagePath": f"{path.stem}.png", "imageWidth": 80, "imageHeight": 60}
    path.write_text(json.dumps({"shapes": drawn} | size | more))


@pytest.mark.parametrize(("positives", "outlines"), [("both", True), ("parcels", True), ("segments", False)])
def test_outlines_of_other_land_are_chips_too(tmp_path, positives, outlines):
    # Of land outside of the shapes the files say nothing: only the squares 1 (cultivated) and 12 (not) are known.
    root = labelled_pngs(tmp_path)
    for number in range(4):
        shapes = [("field", shapely.box(0, 0, 20, 20)), ("nonfield", shapely.box(60, 40, 80, 60))]
        write_labelme(root / "labels" / f"scene_{number}.json", shapes, elsewhere="unlabelled")
    splits = make(root, reference=str(root / "labels"), positives=positives).splits
    names = {name: label for part in sides(splits).values() for name, label in zip(part.names, part.labels, strict=True)}
    own = {name.removeprefix("scene_0.png, "): label for name, label in names.items() if name.startswith("scene_0.png")}
    segments = {"segment 12": 0} | ({"segment 1": 1} if positives != "parcels" else {})
    assert own == segments | ({"parcel 1": 1, "parcel 2": 0} if outlines else {})


@pytest.mark.parametrize(
    ("positives", "kinds"), [("parcels", {"parcel"}), ("segments", {"segment"}), ("both", {"parcel", "segment"})]
)
def test_positives(tmp_path, positives, kinds):
    part = make(labelled_pngs(tmp_path), positives=positives).splits.train
    found = {name.split(", ")[1].split()[0] for name, label in zip(part.names, part.labels, strict=True) if label == 1}
    assert found == kinds


def test_limits_of_number_and_area(tmp_path):
    splits = make(labelled_pngs(tmp_path), per_scene=1).splits
    for part in sides(splits).values():
        assert sorted(part.labels) == sorted([0, 1] * (len(part.labels) // 2))
    # Parcels have 380 px², segments 400 px².
    splits = make(tmp_path, min_area=390).splits
    assert not [name for part in sides(splits).values() for name in part.names if "parcel" in name]


def test_the_same_chips_whatever_the_order_of_files(tmp_path):
    root = labelled_pngs(tmp_path)
    paths = sorted(str(path) for path in (root / "images").iterdir())
    first, again, other = (make(root, path=order, per_scene=3).splits for order in (paths, paths[::-1], [paths[0], *paths]))
    for side, part in sides(first).items():
        assert part.names == getattr(again, side).names == getattr(other, side).names
    assert make(root, path=paths, per_scene=3, seed=1).splits.train.names != first.train.names


def test_batches_are_read_by_other_processes(tmp_path):
    data = make(labelled_pngs(tmp_path), workers=1)
    chips, labels, indices = next(iter(data.val_dataloader()))
    expected = np.stack([data.splits.val.chip(index) for index in indices.tolist()])
    assert (chips.permute(0, 2, 3, 1).numpy() == expected).all()
    assert labels.tolist() == [data.splits.val.labels[index] for index in indices.tolist()]
    assert pickle.loads(pickle.dumps(data.splits.val)).chip(0).shape == (16, 16, 3)


def test_geotiffs_with_one_vector_file_each(tmp_path):
    for number in range(3):
        polygons = parcels(1 + number)
        write_image(tmp_path / "images" / f"scene_{number}.tif", picture(polygons))
        write_vector(tmp_path / "parcels" / f"scene_{number}.gpkg", polygons)
    splits = make(tmp_path, path=str(tmp_path / "images" / "*.tif"), reference=str(tmp_path / "parcels")).splits
    names = [name for part in sides(splits).values() for name in part.names]
    counts = {f"scene_{number}.tif": sum(f"scene_{number}.tif, parcel" in name for name in names) for number in range(3)}
    assert counts == {"scene_0.tif": 1, "scene_1.tif": 2, "scene_2.tif": 3}


def test_parcels_outside_are_counted(tmp_path, caplog):
    labelled_pngs(tmp_path)
    beyond = shapely.box(200, 200, 220, 220)
    write_via(tmp_path / "via_regions.json", {f"scene_{n}.png": [*parcels(1), beyond] for n in range(4)})
    with caplog.at_level(logging.INFO):
        _ = make(tmp_path).splits
    assert any("4 scenes with 4 reference parcels, 0 of them repaired; 4 lie outside" in one.message for one in caplog.records)
    write_via(tmp_path / "via_regions.json", {f"scene_{n}.png": [beyond] for n in range(4)})
    with pytest.raises(InputError, match=r"via_regions\.json does not overlap the scene"):
        _ = make(tmp_path).splits


def test_damaged_scenes_are_counted_named_and_left_out(tmp_path, caplog):
    labelled_pngs(tmp_path, count=5)
    (tmp_path / "images" / "scene_3.png").write_bytes(b"")
    with pytest.raises(InputError, match=r"1 of 5 scenes cannot be read: .*scene_3\.png is empty.*max_damaged_share \(now 0\)"):
        _ = make(tmp_path).splits
    with caplog.at_level(logging.WARNING):
        splits = make(tmp_path, max_damaged_share=0.2).splits
    assert not [name for part in sides(splits).values() for name in part.names if "scene_3" in name]
    assert any("scene_3.png" in record.message for record in caplog.records)


def test_what_is_wrong_with_the_reference_shows_before_anything_is_segmented(tmp_path):
    labelled_pngs(tmp_path)
    write_via(tmp_path / "via_regions.json", {f"scene_{n}.png": parcels(1) for n in range(3)})
    finder = GridFinder()
    with pytest.raises(InputError, match=r"scene_3\.png"):
        _ = make(tmp_path, finder).splits
    with pytest.raises(InputError, match=r"2 scenes cannot be split"):
        _ = make(tmp_path, finder, path=[str(tmp_path / "images" / f"scene_{n}.png") for n in (0, 1)]).splits
    assert finder.asked == []


def test_a_side_without_a_class(tmp_path):
    with pytest.raises(InputError, match=r"the train side has no other chips \(.* chips of the scenes scene_"):
        _ = make(labelled_pngs(tmp_path), max_inside=0.0, min_area=10_000 / 30, finder=OnlyParcels()).splits


class OnlyParcels:
    def find(self, file, scene):
        return np.array([shapely.box(0, 0, 19, 20)], dtype=object)


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"path": "none"}, r"data\.path is missing; give data\.path=IMAGES"),
        ({"path": [], "reference": "none"}, r"data\.path and data\.reference are missing.*VIA JSON"),
        ({"path": "absent/*.tif"}, r"absent/\*\.tif matches no image; check data\.path"),
        ({"bands": [7]}, r"4 of 4 scenes cannot be read: .*has no band 7.*data\.bands=\[7\]"),
        ({"reference": "absent.gpkg"}, r"absent\.gpkg does not exist; check reference="),
        ({"positives": "all"}, r"data\.positives=all is not one of parcels, segments, both"),
        ({"max_inside": 0.9}, r"data\.max_inside=0\.9 must be smaller than data\.min_inside=0\.8"),
        ({"per_scene": 0}, r"data\.per_scene=0"),
        ({"min_area": -1}, r"data\.min_area=-1"),
    ],
)
def test_bad_input(tmp_path, changes, words):
    labelled_pngs(tmp_path)
    with pytest.raises(InputError, match=words):
        _ = make(tmp_path, **changes).splits

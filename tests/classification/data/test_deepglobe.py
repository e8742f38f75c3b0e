import logging

import numpy as np
import pytest
from PIL import Image
from tiny_scenes import SPLIT

from isagrsc2.classification.data.crops import CropSampling
from isagrsc2.classification.data.deepglobe import DeepGlobe, list_images
from isagrsc2.errors import InputError

SIDE = 96
COLOURS = {"agriculture": (255, 255, 0), "forest": (0, 255, 0), "water": (0, 0, 255), "unknown": (0, 0, 0)}
LEVELS = {"agriculture": 200, "forest": 40, "water": 100, "unknown": 0}


def write_pair(folder, number, covers=("agriculture", "forest")):
    """``<number>_sat.jpg`` and ``<number>_mask.png``: vertical bands of land cover, each its own grey."""
    folder.mkdir(parents=True, exist_ok=True)
    bands = np.arange(SIDE) * len(covers) // SIDE  # (W,)
    mask = np.array([COLOURS[name] for name in covers], np.uint8)[bands]  # (W, 3)
    grey = np.array([LEVELS[name] for name in covers], np.uint8)[bands]
    Image.fromarray(np.tile(mask, (SIDE, 1, 1))).save(folder / f"{number}_mask.png")
    image = np.repeat(np.tile(grey, (SIDE, 1))[..., None], 3, axis=2)
    Image.fromarray(image).save(folder / f"{number}_sat.jpg", quality=95)


def official_layout(root, count=4, covers=("agriculture", "forest")):
    for number in range(count):
        write_pair(root / "train", 100 + number, covers)
    for side in ("valid", "test"):
        write_pair(root / side, 7)
        (root / side / "7_mask.png").unlink()
    (root / "class_dict.csv").write_text("name,r,g,b\n")
    return root


def make(root, limits=(), **changes):
    sampling = {"size": 24, "per_scene": 60, "min_valid": 0.75, "min_cultivated": 0.7, "max_other": 0.1, "block": 2} | dict(
        limits
    )
    arguments = {"root": str(root), "labels": "binary", "min_majority": 0.6, "max_unknown_share": 0.01}
    return DeepGlobe(**(arguments | {"crops": CropSampling(**sampling)} | SPLIT | changes))


def test_official_layout(tmp_path, caplog):
    with caplog.at_level(logging.INFO):
        splits = make(official_layout(tmp_path)).splits
    assert splits.class_names == ("not_cultivated", "cultivated")
    scenes = [{scene.name for scene, _ in part.sources} for part in (splits.train, splits.val, splits.test)]
    assert [len(names) for names in scenes] == [2, 1, 1]
    assert set.union(*scenes) == {"100_sat", "101_sat", "102_sat", "103_sat"}
    for part in (splits.train, splits.val, splits.test):
        for index, (label, (_, polygon)) in enumerate(zip(part.labels, part.sources, strict=True)):
            # Agriculture reaches to column 48: at least 70 % of 24 px, or at most 10 %.
            inside = np.clip(48 - polygon.bounds[0], 0, 24) / 24
            assert inside >= 0.7 if label else inside <= 0.1
            assert (part.chip(index)[..., 0].mean() > 120) == bool(label)
    assert sum("1 images have no masks and are not used" in record.message for record in caplog.records) == 2


def test_a_folder_without_train(tmp_path):
    for number in range(3):
        write_pair(tmp_path, number)
    assert [path.name for path in list_images(tmp_path)] == ["0_sat.jpg", "1_sat.jpg", "2_sat.jpg"]


def test_land_cover_by_majority(tmp_path):
    splits = make(official_layout(tmp_path, covers=("agriculture", "forest", "water")), labels="land_cover").splits
    assert splits.class_names == ("urban", "agriculture", "rangeland", "forest", "water", "barren")
    assert splits.cultivated == ("agriculture",)
    for (_, polygon), label in zip(splits.train.sources, splits.train.labels, strict=True):
        middle = polygon.centroid.x  # bands of 32 px: a majority of 60 % holds the middle
        assert splits.class_names[label] == ("agriculture", "forest", "water")[int(middle // 32)]


def test_unknown_can_be_a_class_of_its_own(tmp_path):
    splits = make(official_layout(tmp_path, covers=("agriculture", "unknown", "forest")), labels="all_classes").splits
    assert splits.class_names == ("urban", "agriculture", "rangeland", "forest", "water", "barren", "unknown")
    assert splits.cultivated == ("agriculture",)
    found = [splits.class_names[label] for label in splits.train.labels]
    assert set(found) == {"agriculture", "unknown", "forest"}
    for (_, polygon), name in zip(splits.train.sources, found, strict=True):
        assert name == ("agriculture", "unknown", "forest")[int(polygon.centroid.x // 32)]


def test_shares_are_of_what_is_known(tmp_path):
    # Fields to column 32, then clouds to 64, then forest: 75 % of 24 px must be known.
    splits = make(official_layout(tmp_path, covers=("agriculture", "unknown", "forest")), {"per_scene": 200}).splits
    for part in (splits.train, splits.val, splits.test):
        assert all(polygon.bounds[0] <= 32 - 18 or polygon.bounds[2] >= 64 + 18 for _, polygon in part.sources)


def test_absent(tmp_path):
    with pytest.raises(InputError, match=r"absent holds 0 images and 0 masks of DeepGlobe.*\(0 files found\); download"):
        _ = make(tmp_path / "absent").splits
    write_pair(tmp_path / "train", 1)
    (tmp_path / "train" / "1_mask.png").unlink()
    with pytest.raises(InputError, match=r"holds 1 images and 0 masks .*\(1 files found\).*give data\.root=FOLDER"):
        _ = make(tmp_path).splits


@pytest.mark.parametrize(
    ("lost", "words"),
    [
        ("101_mask.png", r"train: 1 image \(101_sat\.jpg\) without mask \(<number>_mask\.png\)"),
        ("102_sat.jpg", r"train: 1 mask \(102_mask\.png\) without image \(<number>_sat\.jpg\)"),
    ],
)
def test_images_and_masks_that_do_not_pair_up(tmp_path, lost, words):
    (official_layout(tmp_path) / "train" / lost).unlink()
    with pytest.raises(InputError, match=words):
        _ = make(tmp_path).splits


def test_mask_of_another_size(tmp_path):
    path = official_layout(tmp_path) / "train" / "101_mask.png"
    with Image.open(path) as mask:
        mask.crop((0, 0, 90, 80)).save(path)
    with pytest.raises(InputError, match=r"101_mask\.png is 90 x 80 px, its image 101_sat\.jpg is 96 x 96 px"):
        _ = make(tmp_path).splits


def test_colours_that_are_none(tmp_path):
    path = official_layout(tmp_path) / "train" / "101_mask.png"
    mask = np.array(Image.open(path))
    mask[:2, :50] = (128, 128, 128)  # 100 of 9216 px are 1.09 %
    Image.fromarray(mask).save(path)
    with pytest.raises(InputError, match=r"101_mask\.png: 100 of 9216 px .*more than 1 %"):
        _ = make(tmp_path).splits
    assert make(tmp_path, max_unknown_share=0.02).splits.train.labels


def test_damaged_images_are_counted_and_left_out(tmp_path):
    path = official_layout(tmp_path, count=5) / "train" / "103_sat.jpg"
    path.write_bytes(path.read_bytes()[:-300])
    with pytest.raises(
        InputError, match=r"1 of 5 scenes cannot be read: .*103_sat\.jpg .*damaged.*data\.path takes images.*\(now 0\)"
    ):
        _ = make(tmp_path).splits
    splits = make(tmp_path, max_damaged_share=0.2).splits
    assert not [name for part in (splits.train, splits.val, splits.test) for name in part.names if name.startswith("103")]


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"labels": "all"}, r"data\.labels=all is not one of binary, land_cover, all_classes"),
        ({"min_majority": 1.5}, r"data\.min_majority=1\.5"),
        ({"max_unknown_share": -1}, r"data\.max_unknown_share=-1"),
        ({"crops": CropSampling(100, 5, 0.5, 0.7, 0.1, 2)}, r"100_sat\.jpg is 96 x 96 px, smaller than data\.crops\.size=100"),
    ],
)
def test_bad_input(tmp_path, changes, words):
    with pytest.raises(InputError, match=words):
        _ = make(official_layout(tmp_path), **changes).splits

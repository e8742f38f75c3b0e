import logging

import pytest
import torch
from tiny_folders import fill, seed_layout

from isagrsc2.classification.data.image_folder import ImageFolder
from isagrsc2.errors import InputError


def make(root, **changes):
    arguments = {
        "root": str(root),
        "classes": "as_named",
        "cultivated": ["field"],
        "labels": "binary",
        "val_share": 0.2,
        "test_share": 0.25,
        "max_damaged_share": 0.0,
        "seed": 0,
        "chip_size": 16,
        "batch_size": 4,
        "workers": 0,
        "augment": torch.nn.Identity(),
    }
    return ImageFolder(**(arguments | changes))


def test_layout_of_the_seed(tmp_path):
    splits = make(seed_layout(tmp_path)).splits
    assert splits.class_names == ("not_cultivated", "cultivated")
    assert splits.cultivated == ("cultivated",)
    # 20 % of 10 per class go to validation; the unlabelled val/ does not.
    assert [len(part.labels) for part in (splits.train, splits.val, splits.test)] == [16, 4, 8]
    for part in (splits.train, splits.val, splits.test):
        bright = [part.read(source).mean() > 128 for source in part.sources]
        assert bright == [bool(label) for label in part.labels]
    assert not {*splits.train.sources} & {*splits.val.sources}


def test_labelled_val_is_the_validation_set(tmp_path):
    fill(seed_layout(tmp_path / "a") / "val" / "field", 2)
    fill(tmp_path / "a" / "val" / "nonfield", 3)
    splits = make(tmp_path / "a").splits
    assert [len(part.labels) for part in (splits.train, splits.val, splits.test)] == [20, 5, 8]


def test_any_folder_of_class_folders_is_split(tmp_path):
    for name in ("aGrass", "bField", "cIndustry"):
        fill(tmp_path / name, 8)
    splits = make(tmp_path, cultivated=["bField"], labels="folders").splits
    assert splits.class_names == ("aGrass", "bField", "cIndustry")
    assert splits.cultivated == ("bField",)
    # Of 8 per class: round(1.6) = 2 to validation, 2 to test, 4 stay.
    assert sorted(splits.train.labels) == [0] * 4 + [1] * 4 + [2] * 4
    assert sorted(splits.val.labels) == sorted(splits.test.labels) == [0, 0, 1, 1, 2, 2]


def test_batches_are_bytes_with_channels_first(tmp_path):
    data = make(seed_layout(tmp_path), augment=lambda chip: 255 - chip)
    chips, labels, _ = next(iter(data.train_dataloader()))
    assert chips.shape == (4, 3, 16, 16)
    assert chips.dtype == torch.uint8
    assert labels.dtype == torch.int64
    # Training chips are augmented (here: inverted, so fields are dark), the others are not.
    assert ((chips.float().mean(dim=(1, 2, 3)) < 128) == labels.bool()).all()
    chips, labels, indices = next(iter(data.val_dataloader()))
    assert indices.tolist() == [0, 1, 2, 3]
    assert ((chips.float().mean(dim=(1, 2, 3)) > 128) == labels.bool()).all()


def test_a_rest_of_one_training_chip_is_left_out(tmp_path):
    fill(tmp_path / "field", 4)
    fill(tmp_path / "wood", 4)
    data = make(tmp_path, test_share=0.0, val_share=0.25, batch_size=5)  # 6 chips to train on
    assert [len(labels) for _, labels, _ in data.train_dataloader()] == [5]
    data = make(tmp_path, test_share=0.0, val_share=0.25, batch_size=7)
    assert [len(labels) for _, labels, _ in data.train_dataloader()] == [6]


def test_damaged_images_are_counted_named_and_left_out(tmp_path, caplog):
    seed_layout(tmp_path)
    (tmp_path / "train" / "field" / "003.jpg").write_bytes(b"")
    with pytest.raises(
        InputError,
        match=r"1 of \d+ images are damaged or of a kind .*: .*003\.jpg; replace them.*\(now 0\)",
    ):
        _ = make(tmp_path).splits
    with caplog.at_level(logging.WARNING):
        splits = make(tmp_path, max_damaged_share=0.3).splits
    assert len(splits.train.labels) + len(splits.val.labels) == 19
    assert any("003.jpg" in record.message for record in caplog.records)


def test_absent_data_say_what_is_expected_and_what_was_found(tmp_path):
    with pytest.raises(InputError, match=r"absent holds no images.*\(0 files found\).*train/<class>.*give data\.root=PATH"):
        _ = make(tmp_path / "absent").splits
    (tmp_path / "train" / "field").mkdir(parents=True)
    (tmp_path / "train" / "readme.txt").write_text("")
    with pytest.raises(InputError, match=r"\(1 files found\)"):
        _ = make(tmp_path).splits


def test_class_missing_on_one_side(tmp_path):
    seed_layout(tmp_path)
    fill(tmp_path / "train" / "water", 5)
    with pytest.raises(InputError, match=r"train has images of class water, test has none"):
        _ = make(tmp_path).splits
    fill(tmp_path / "test" / "water", 5)
    fill(tmp_path / "test" / "beach", 5)
    fill(tmp_path / "test" / "coast", 5)
    with pytest.raises(InputError, match=r"test has images of classes beach, coast, train has none"):
        _ = make(tmp_path).splits


@pytest.mark.parametrize("side", ["train", "test"])
def test_class_folder_without_images(tmp_path, side):
    seed_layout(tmp_path)
    for image in (tmp_path / side / "field").iterdir():
        image.unlink()
    with pytest.raises(InputError, match=rf"{side}.field holds no images; .* by 'data\.classes=\{{field: ignore\}}"):
        _ = make(tmp_path).splits


def test_class_too_small_to_split(tmp_path):
    fill(tmp_path / "field", 8)
    fill(tmp_path / "wood", 2)
    with pytest.raises(InputError, match=r"wood has too few images to split by data\.val_share=0\.2 and"):
        _ = make(tmp_path).splits


def test_folders_are_mapped_to_classes_and_left_out(tmp_path):
    for name in ("aGrass", "bField", "bMeadow", "cIndustry"):
        fill(tmp_path / name, 8)
    (tmp_path / "__MACOSX").mkdir()
    classes = {"aGrass": "ignore", "bField": "farmland", "bMeadow": "farmland", "__MACOSX": "ignore"}
    splits = make(tmp_path, classes=classes, cultivated=["farmland"], labels="folders").splits
    assert splits.class_names == ("cIndustry", "farmland")
    assert splits.cultivated == ("farmland",)
    # 16 of farmland: round(3.2) = 3 to validation, 4 to test; 8 of industry: 2 and 2.
    assert (splits.val.labels.count(1), splits.test.labels.count(1), splits.train.labels.count(1)) == (3, 4, 9)
    assert (splits.val.labels.count(0), splits.test.labels.count(0), splits.train.labels.count(0)) == (2, 2, 4)
    for part in (splits.train, splits.val, splits.test):
        assert part.names == [str(path) for path in part.sources]
        assert all(
            (path.parent.name == "cIndustry") == (label == 0) for path, label in zip(part.sources, part.labels, strict=True)
        )
        assert not any("aGrass" in name for name in part.names)
    binary = make(tmp_path, classes=classes, cultivated=["farmland"]).splits
    assert binary.class_names == ("not_cultivated", "cultivated")
    assert binary.train.labels == splits.train.labels


def test_mapping_holds_on_both_sides(tmp_path):
    seed_layout(tmp_path)
    (tmp_path / "test" / "nonfield").rename(tmp_path / "test" / "rest")
    splits = make(tmp_path, classes={"rest": "nonfield"}).splits
    assert [len(part.labels) for part in (splits.train, splits.val, splits.test)] == [16, 4, 8]


def test_mapping_of_a_folder_that_is_not_there(tmp_path):
    with pytest.raises(InputError, match=r"data\.classes names grass, but .* has the class folders field, nonfield"):
        _ = make(seed_layout(tmp_path), classes={"grass": "ignore"}).splits


def test_one_class_only(tmp_path):
    fill(tmp_path / "field", 8)
    with pytest.raises(InputError, match=r"has class field only; a classifier needs two classes"):
        _ = make(tmp_path).splits


@pytest.mark.parametrize("cultivated", [["terrace"], [], ["field", "nonfield"]])
def test_mapping_that_does_not_fit(tmp_path, cultivated):
    with pytest.raises(InputError, match=r"has the classes field, nonfield; data\.cultivated="):
        _ = make(seed_layout(tmp_path), cultivated=cultivated).splits


@pytest.mark.parametrize("changes", [{"val_share": 0.0}, {"val_share": 0.6, "test_share": 0.4}, {"test_share": -0.1}])
def test_shares_that_leave_nothing(tmp_path, changes):
    with pytest.raises(InputError, match="must be shares"):
        make(tmp_path, **changes)


def test_unknown_labels(tmp_path):
    with pytest.raises(InputError, match=r"data\.labels=both is not known; choose binary or folders"):
        make(tmp_path, labels="both")


def test_unknown_classes(tmp_path):
    with pytest.raises(InputError, match=r"data\.classes=aGrass is not known; give as_named, or .*\{aGrass: ignore"):
        make(tmp_path, classes="aGrass")

import logging

import numpy as np
import pytest
import torch
from PIL import Image
from tiny_folders import fill, noisy, seed_layout, truncate

from isagrsc2.classification.data.image_files import ImageReader, is_sound
from isagrsc2.classification.data.image_folder import ImageFolder
from isagrsc2.errors import InputError


def make(root, **changes):
    arguments = {
        "root": str(root),
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
    chips, labels = next(iter(data.train_dataloader()))
    assert chips.shape == (4, 3, 16, 16)
    assert chips.dtype == torch.uint8
    assert labels.dtype == torch.int64
    # Training chips are augmented (here: inverted, so fields are dark), the others are not.
    assert ((chips.float().mean(dim=(1, 2, 3)) < 128) == labels.bool()).all()
    chips, labels = next(iter(data.val_dataloader()))
    assert ((chips.float().mean(dim=(1, 2, 3)) > 128) == labels.bool()).all()


def test_a_rest_of_one_training_chip_is_left_out(tmp_path):
    fill(tmp_path / "field", 4)
    fill(tmp_path / "wood", 4)
    data = make(tmp_path, test_share=0.0, val_share=0.25, batch_size=5)  # 6 chips to train on
    assert [len(labels) for _, labels in data.train_dataloader()] == [5]
    data = make(tmp_path, test_share=0.0, val_share=0.25, batch_size=7)
    assert [len(labels) for _, labels in data.train_dataloader()] == [6]


@pytest.mark.parametrize("mode", ["L", "RGBA", "P"])
def test_every_kind_of_image_becomes_rgb(tmp_path, mode):
    Image.new("RGB", (8, 4), (204, 204, 204)).convert(mode).save(tmp_path / "image.png")
    chip = ImageReader(6)(tmp_path / "image.png")
    assert chip.shape == (6, 6, 3)
    assert chip.dtype == np.uint8
    assert np.abs(chip.astype(int) - 204).max() <= 3


def test_damaged_images_are_seen(tmp_path):
    noisy(tmp_path / "good.jpg")
    noisy(tmp_path / "cut.jpg")
    truncate(tmp_path / "cut.jpg")
    noisy(tmp_path / "cut.png")
    truncate(tmp_path / "cut.png")
    (tmp_path / "empty.jpg").write_bytes(b"")
    (tmp_path / "text.png").write_text("hello")
    sound = {path.name: is_sound(path) for path in tmp_path.iterdir()}
    assert sound == {"good.jpg": True, "cut.jpg": False, "cut.png": False, "empty.jpg": False, "text.png": False}


def test_damaged_images_are_counted_named_and_left_out(tmp_path, caplog):
    seed_layout(tmp_path)
    (tmp_path / "train" / "field" / "003.jpg").write_bytes(b"")
    with pytest.raises(InputError, match=r"1 of \d+ images are damaged: .*003\.jpg; replace them.*\(now 0\)"):
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
    with pytest.raises(InputError, match=r"train and test do not have the same classes \(water on one side only\)"):
        _ = make(tmp_path).splits


def test_one_class_only(tmp_path):
    fill(tmp_path / "field", 8)
    with pytest.raises(InputError, match=r"one class only \(field\)"):
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

import logging

import pytest
import torch
from tiny_folders import fill

from isagrsc2.classification.data.nwpu_resisc45 import CLASSES, NwpuResisc45
from isagrsc2.errors import InputError

CULTIVATED = ["circular_farmland", "rectangular_farmland", "terrace"]


def miniature(root, count=3):
    """The official layout with fewer and smaller images."""
    for name in CLASSES:
        fill(root / name, count, size=(4, 4))
        for number, image in enumerate(sorted((root / name).iterdir()), start=1):
            image.rename(root / name / f"{name}_{number:03d}.jpg")
    return root


def make(root, **changes):
    arguments = {
        "root": str(root),
        "classes": "as_named",
        "cultivated": CULTIVATED,
        "labels": "binary",
        "val_share": 0.2,
        "test_share": 0.2,
        "max_damaged_share": 0.0,
        "seed": 0,
        "chip_size": 4,
        "batch_size": 4,
        "workers": 0,
        "augment": torch.nn.Identity(),
    }
    return NwpuResisc45(**(arguments | changes))


def test_official_classes():
    assert len(CLASSES) == len(set(CLASSES)) == 45
    assert list(CLASSES) == sorted(CLASSES)
    assert set(CULTIVATED) < set(CLASSES)


def test_binary_and_all_classes(tmp_path, caplog):
    miniature(tmp_path)
    with caplog.at_level(logging.WARNING):
        binary = make(tmp_path).splits
    assert "holds 135 images, NWPU-RESISC45 has 31500; classes without exactly 700: airplane 3, airport 3" in caplog.text
    assert "beach 3 and 40 more" in caplog.text
    assert binary.class_names == ("not_cultivated", "cultivated")
    # One of three of every class to validation and to test.
    assert [len(part.labels) for part in (binary.train, binary.val, binary.test)] == [45, 45, 45]
    assert [sum(part.labels) for part in (binary.train, binary.val, binary.test)] == [3, 3, 3]
    every = make(tmp_path, labels="folders").splits
    assert every.class_names == CLASSES
    assert every.cultivated == tuple(CULTIVATED)
    assert sorted(every.train.labels) == list(range(45))
    assert all(path.parent.name == CLASSES[label] for path, label in zip(every.test.sources, every.test.labels, strict=True))


def test_absent_and_incomplete(tmp_path):
    with pytest.raises(InputError) as caught:
        _ = make(tmp_path / "NWPU-RESISC45").splits
    message = str(caught.value)
    assert "holds 0 of the 45 class folders and 0 of the 31500 images of NWPU-RESISC45" in message
    assert "absent: airplane, airport, baseball_diamond, basketball_court, beach and 40 more" in message
    assert "https://" in message
    assert "<class>/<class>_001.jpg" in message
    assert "data.root=" in message
    assert "\n" not in message
    miniature(tmp_path)
    for image in (tmp_path / "terrace").iterdir():
        image.unlink()
    with pytest.raises(InputError, match=r"holds 44 of the 45 class folders and 132 of the 31500 images.*\(absent: terrace\)"):
        _ = make(tmp_path).splits


def test_other_folders(tmp_path):
    fill(miniature(tmp_path) / "vineyard", 3)
    with pytest.raises(InputError, match=r"holds folders that are no class of NWPU-RESISC45: vineyard"):
        _ = make(tmp_path).splits

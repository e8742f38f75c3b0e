import os
from collections import Counter
from pathlib import Path

import pytest
from tiny_folders import fill

from isagrsc2.classification.data.listing import Labelled, class_names, count_files, list_class_folders, split


def labelled(**counts):
    return [Labelled(Path(f"{name}/{number:04d}.jpg"), name) for name, count in counts.items() for number in range(count)]


def test_class_folders_are_listed_in_order(tmp_path):
    fill(tmp_path / "wood", 2, suffix="png")
    fill(tmp_path / "field", 1)
    (tmp_path / "field" / "notes.txt").write_text("not an image")
    (tmp_path / "field" / ".hidden.jpg").write_bytes(b"")
    (tmp_path / ".cache").mkdir()
    (tmp_path / "empty").mkdir()
    (tmp_path / "loose.jpg").write_bytes(b"")
    found = {
        name: [path.relative_to(tmp_path).as_posix() for path in paths] for name, paths in list_class_folders(tmp_path).items()
    }
    assert list(found) == ["empty", "field", "wood"]
    assert found == {"empty": [], "field": ["field/000.jpg"], "wood": ["wood/000.png", "wood/001.png"]}
    assert count_files(tmp_path) == 6


def test_absent_folder(tmp_path):
    assert list_class_folders(tmp_path / "absent") == {}
    assert count_files(tmp_path / "absent") == 0


def test_listing_opens_no_image_and_asks_the_disk_once_per_folder(tmp_path, monkeypatch):
    """So 10 000 names take a fraction of a second, on network disks too."""
    for number in range(5):
        (tmp_path / f"class_{number}").mkdir()
        for image in range(200):
            (tmp_path / f"class_{number}" / f"{image}.jpg").touch()
    calls: Counter[str] = Counter()

    def counted(name, call):
        def count(*arguments, **options):
            calls[name] += 1
            return call(*arguments, **options)

        return count

    for name in ("scandir", "listdir", "stat", "lstat", "open"):
        monkeypatch.setattr(os, name, counted(name, getattr(os, name)))
    monkeypatch.setattr("builtins.open", counted("open", open))
    found = list_class_folders(tmp_path)
    assert sum(map(len, found.values())) == 1000
    assert calls["scandir"] == 1 + 5
    assert calls["stat"] + calls["lstat"] <= 1  # whether the folder is there
    assert calls["open"] + calls["listdir"] == 0


def test_split_is_stratified_by_hand():
    # 10 of a: 2 and 3 go, 5 stay. 4 of b: round(0.8) = 1 and round(1.2) = 1 go, 2 stay. 1 of c: it goes first.
    train, val, test = split(labelled(a=10, b=4, c=1), (0.2, 0.3), seed=0)
    assert Counter(item.name for item in val) == {"a": 2, "b": 1, "c": 1}
    assert Counter(item.name for item in test) == {"a": 3, "b": 1}
    assert Counter(item.name for item in train) == {"a": 5, "b": 2}


def test_split_is_a_partition_that_depends_on_the_seed_only():
    items = labelled(a=20, b=30)
    parts = split(items, (0.25,), seed=1)
    assert sorted(parts[0] + parts[1], key=lambda item: item.path) == items
    assert split(items[::-1], (0.25,), seed=1) == parts
    assert split(items, (0.25,), seed=2) != parts


def test_share_of_zero_takes_nothing():
    train, val, test = split(labelled(a=3), (0.4, 0.0), seed=0)
    assert (len(train), len(val), len(test)) == (2, 1, 0)


@pytest.mark.parametrize("names", [["b", "a", "b"], []])
def test_class_names(names):
    assert class_names([Labelled(Path("x"), name) for name in names]) == sorted(set(names))

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import shapely

from isagrsc2.delineation.stitching import Part
from isagrsc2.parts import PartStore
from isagrsc2.scene.tiling import Tile, Tiling

TILE: Tile = Tiling(size=12, overlap=4).tiles(20, 10)[1]


def part() -> Part:
    valid = np.random.default_rng(0).random((10, 12)) > 0.3
    polygons = np.array([shapely.box(8, 0, 12, 4), shapely.box(12, 0, 20, 10)], object)
    values = np.array([0.5, 0.25], np.float32)
    return Part(TILE.bounds, TILE.core_bounds, valid, polygons, values, values / 2, np.array([1, 3], np.int16))


def test_a_part_comes_back_as_it_was(tmp_path: Path) -> None:
    store = PartStore.open(tmp_path / "parts", {"seed": 1})
    assert not store.holds(TILE)
    store.write(TILE, part())
    assert store.holds(TILE)
    back, wrote = store.read(TILE), part()
    assert (back.bounds, back.core) == (wrote.bounds, wrote.core)
    assert (back.valid == wrote.valid).all()
    assert shapely.equals(back.polygons, wrote.polygons).all()
    for name in ("scores", "stability", "rounds"):
        assert (getattr(back, name) == getattr(wrote, name)).all()
        assert getattr(back, name).dtype == getattr(wrote, name).dtype


def test_a_part_of_which_everything_is_valid_says_so_in_a_few_bytes(tmp_path: Path) -> None:
    store = PartStore.open(tmp_path / "parts", {})
    sizes = []
    for valid in (part().valid, np.ones((10, 12), bool)):
        store.write(TILE, replace(part(), valid=valid))
        sizes.append(store.path(TILE).stat().st_size)
        assert np.array_equal(store.read(TILE).valid, valid)
        assert np.array_equal(store.valid(TILE), valid)
    assert sizes[1] < sizes[0]


def test_an_empty_part_comes_back(tmp_path: Path) -> None:
    store = PartStore.open(tmp_path, {})
    none = np.zeros(0, np.float32)
    empty = Part(
        TILE.bounds, TILE.core_bounds, np.zeros((10, 12), bool), none.astype(object), none, none, none.astype(np.int16)
    )
    store.write(TILE, empty)
    back = store.read(TILE)
    assert len(back.polygons) == 0
    assert not back.valid.any()


def test_parts_made_of_the_same_are_kept(tmp_path: Path) -> None:
    PartStore.open(tmp_path / "parts", {"seed": 1}).write(TILE, part())
    assert PartStore.open(tmp_path / "parts", {"seed": 1}).holds(TILE)


def test_parts_made_of_something_else_are_removed(tmp_path: Path) -> None:
    PartStore.open(tmp_path / "parts", {"seed": 1}).write(TILE, part())
    assert not PartStore.open(tmp_path / "parts", {"seed": 2}).holds(TILE)


def test_a_broken_write_leaves_no_part(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    store = PartStore.open(tmp_path, {})

    def full(table: object, where: Path, **options: object) -> None:
        Path(where).write_bytes(b"half of it")
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("pyarrow.parquet.write_table", full)
    with pytest.raises(OSError, match="No space"):
        store.write(TILE, part())
    assert not store.holds(TILE)
    assert [file.name for file in tmp_path.iterdir()] == ["made_of.json"]

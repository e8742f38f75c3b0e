"""Chips of labelled scenes with the segmenter of ``segment.py``, as the options of ``data`` put them together."""

import numpy as np
import pytest
import shapely
from hydra.utils import instantiate

from isagrsc2.errors import InputError
from isagrsc2.scene.raster import open_scene
from isagrsc2.scene.sources import SceneFile
from isagrsc2.scene.stretch import NoStretch
from isagrsc2.tasks.segment_finder import CachedSegmentFinder


@pytest.fixture
def scene_file(tmp_path, write_raster):
    """A bright square in a dark image, 48 px, and another in a corner."""
    image = np.full((48, 48, 3), 30, np.uint8)
    image[8:28, 8:28] = (180, 160, 60)
    image[30:, 30:] = (60, 160, 90)
    noise = np.random.default_rng(0).integers(0, 4, image.shape)
    path = write_raster("square.tif", (image + noise).astype(np.uint8))
    return SceneFile("square", path, "auto", NoStretch())


@pytest.fixture
def finder(compose_config, tmp_path):
    def make(*overrides):
        method = ("data=labelled_scenes", "segmenter@data.finder.segmenter=regions")
        cfg = compose_config("train", *method, f"data.finder.cache={tmp_path / 'cache'}", *overrides)
        return instantiate(cfg.data.finder)

    return make


def find(finder, file):
    with open_scene(file.path, file.bands, file.stretch) as scene:
        return finder.find(file, scene)


def computed_again(*tile):
    raise AssertionError("a tile of the cache was computed again")


def test_segments_are_a_partition_that_holds_the_square(finder, scene_file):
    found = find(finder(), scene_file)
    assert shapely.union_all(found).area == pytest.approx(sum(one.area for one in found))
    square = shapely.box(8, 8, 28, 28)
    assert max(one.intersection(square).area / one.union(square).area for one in found) > 0.8


def test_a_second_run_reads_the_cache(finder, scene_file, tmp_path, monkeypatch):
    first = find(finder(), scene_file)
    (folder,) = (path for path in (tmp_path / "cache").iterdir() if path.is_dir())
    assert folder.name.startswith("square_")
    monkeypatch.setattr("isagrsc2.pipeline.segment_tile", computed_again)
    again = find(finder(), scene_file)
    assert [one.wkb for one in again] == [one.wkb for one in first]


@pytest.mark.parametrize("override", ["data.finder.merging.min_width=5", "data.finder.min_area_px=60"])
def test_another_method_has_its_own_place(finder, scene_file, tmp_path, override):
    find(finder(), scene_file)
    find(finder(override), scene_file)
    assert len([path for path in (tmp_path / "cache").iterdir() if path.is_dir()]) == 2


def test_another_image_has_its_own_place(finder, scene_file, tmp_path):
    find(finder(), scene_file)
    scene_file.path.write_bytes(scene_file.path.read_bytes())  # changed later
    find(finder(), scene_file)
    assert len([path for path in (tmp_path / "cache").iterdir() if path.is_dir()]) == 2


def test_bad_input(finder, scene_file, tmp_path):
    with pytest.raises(InputError, match=r"data\.finder\.min_area_px=-1"):
        CachedSegmentFinder(str(tmp_path), min_area_m2=300, min_area_px=-1, engine={})
    (tmp_path / "file").write_text("")
    with pytest.raises(InputError, match=r"file cannot be made .*data\.finder\.cache"):
        find(finder(f"data.finder.cache={tmp_path / 'file'}"), scene_file)

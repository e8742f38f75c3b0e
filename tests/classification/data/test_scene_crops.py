import numpy as np
import pytest
import shapely
from hypothesis import given
from hypothesis import strategies as st
from tiny_scenes import BRIGHT, SPLIT, labelled_pngs, picture, write_image, write_via

from isagrsc2.classification.data.crops import CropSampling, blocks
from isagrsc2.classification.data.scene_crops import SceneCrops
from isagrsc2.errors import InputError
from isagrsc2.scene.stretch import NoStretch

LIMITS = {"size": 20, "per_scene": 60, "min_valid": 0.75, "min_cultivated": 0.7, "max_other": 0.1, "block": 2.0}


def make(root, limits=LIMITS, **changes):
    arguments = {"path": str(root / "images"), "reference": str(root / "via_regions.json")}
    arguments |= {"bands": "auto", "stretch": NoStretch(), "crops": CropSampling(**limits), **SPLIT}
    return SceneCrops(**(arguments | changes))


def large_scene(root, name="large.png", width=400, height=60):
    """Fields and other land by turns along the longer side, 40 px each."""
    fields = [shapely.box(x, 0, x + 40, height) for x in range(0, width, 80)]
    if height > width:
        fields = [shapely.box(0, y, width, y + 40) for y in range(0, height, 80)]
    write_image(root / "images" / name, picture(fields, width, height))
    write_via(root / "via_regions.json", {path.name: fields for path in (root / "images").iterdir()})
    return root


def boxes(part):
    return [(scene.name, *polygon.bounds) for scene, polygon in part.sources]


@pytest.mark.parametrize(
    ("share", "expected"), [(1.0, True), (0.7, True), (0.69, None), (0.11, None), (0.1, False), (0.0, False)]
)
def test_classes_by_hand(share, expected):
    assert CropSampling(**LIMITS).is_cultivated(share) is expected


@given(st.integers(20, 200), st.integers(20, 200), st.integers(1, 50), st.integers(0, 99))
def test_crops_lie_in_their_area(width, height, count, seed):
    corners = CropSampling(**LIMITS).draw((7, 11, 7 + width, 11 + height), count, np.random.default_rng(seed))
    assert 1 <= len(corners) <= count
    assert len(set(corners)) == len(corners)
    assert all(7 <= x <= 7 + width - 20 and 11 <= y <= 11 + height - 20 for x, y in corners)


def test_blocks_by_hand():
    # 100 px hold two sides of 40 px, 39 px hold none: two blocks of 50 x 39 px.
    assert blocks(100, 39, 40) == [(0, 0, 50, 39), (50, 0, 100, 39)]


@given(st.integers(2, 300), st.integers(2, 300), st.floats(1, 200))
def test_blocks_partition_the_scene(width, height, side):
    covered = np.zeros((height, width), int)
    for x0, y0, x1, y1 in blocks(width, height, side):
        covered[y0:y1, x0:x1] += 1
        assert x1 - x0 >= min(width, int(side))
        assert y1 - y0 >= min(height, int(side))
    assert (covered == 1).all()


def test_scenes_are_split_whole(tmp_path):
    splits = make(labelled_pngs(tmp_path, count=5)).splits
    scenes = [{scene.name for scene, _ in part.sources} for part in (splits.train, splits.val, splits.test)]
    assert sum(map(len, scenes)) == len(set.union(*scenes)) == 5
    for part in (splits.train, splits.val, splits.test):
        for index, label in enumerate(part.labels):
            bright = (part.chip(index)[..., 0] >= BRIGHT).mean()  # of the chip, 16 px of 20 px
            assert (bright > 0.6) if label else (bright < 0.2)


@pytest.mark.parametrize("size", [(400, 60), (60, 400)])
def test_one_scene_is_split_inside_and_no_pixel_is_on_two_sides(tmp_path, size):
    root = large_scene(tmp_path, width=size[0], height=size[1])
    splits = make(root, dict(LIMITS, per_scene=120)).splits
    parts, long = (splits.train, splits.val, splits.test), int(size[1] > size[0])
    covered = [shapely.union_all([polygon for _, polygon in part.sources]) for part in parts]
    assert all(area.area > 0 for area in covered)
    for first, second in ((0, 1), (0, 2), (1, 2)):
        assert covered[first].intersection(covered[second]).area == 0
    # 400 px are ten blocks of 40 px, which hold 12 crops each; 2 of them are for validation, 2 for the test.
    assert [len({polygon.bounds[long] // 40 for _, polygon in part.sources}) for part in parts] == [6, 2, 2]


def test_two_scenes_are_each_split_inside(tmp_path):
    large_scene(tmp_path, "a.png")
    splits = make(large_scene(tmp_path, "b.png"), dict(LIMITS, per_scene=100)).splits
    for part in (splits.train, splits.val, splits.test):
        assert {scene.name for scene, _ in part.sources} == {"a", "b"}
    # Without a test set two scenes are enough.
    splits = make(tmp_path, test_share=0.0).splits
    assert [{scene.name for scene, _ in part.sources} for part in (splits.train, splits.val)] in (
        [{"a"}, {"b"}],
        [{"b"}, {"a"}],
    )
    assert len(splits.test.labels) == 0


def test_the_same_seed_gives_the_same_crops(tmp_path):
    root = large_scene(tmp_path)
    assert boxes(make(root).splits.train) == boxes(make(root).splits.train)
    assert boxes(make(root, seed=1).splits.train) != boxes(make(root).splits.train)


def test_crops_without_data_are_left_out(tmp_path):
    polygons = [shapely.box(0, 0, 40, 60)]
    for number in range(3):
        image = picture(polygons)
        image[:, 60:] = 0  # no data: not one crop more than a quarter beyond
        write_image(tmp_path / "images" / f"{number}.tif", image, nodata=0)
    labels = np.zeros((60, 80), np.uint8)
    labels[:, :40] = 1
    for number in range(3):
        write_image(tmp_path / "labels" / f"{number}.tif", labels[:, :, None])
    splits = make(tmp_path, reference=str(tmp_path / "labels")).splits
    assert max(x1 for part in (splits.train, splits.val, splits.test) for _, _, _, x1, _ in boxes(part)) <= 65


@pytest.mark.parametrize(
    ("limits", "words"),
    [
        ({"size": 0}, r"data\.crops\.size=0"),
        ({"per_scene": 0}, r"data\.crops\.per_scene=0"),
        ({"min_valid": 2}, r"data\.crops\.min_valid=2"),
        ({"block": 0.5}, r"data\.crops\.block=0\.5"),
        ({"max_other": 0.8}, r"data\.crops\.max_other=0\.8 must be smaller than data\.crops\.min_cultivated=0\.7"),
    ],
)
def test_numbers_that_do_not_fit(limits, words):
    with pytest.raises(InputError, match=words):
        CropSampling(**(LIMITS | limits))


def test_scenes_that_are_too_small(tmp_path):
    with pytest.raises(InputError, match=r"scene_0\.png is 80 x 60 px, smaller than data\.crops\.size=70"):
        _ = make(labelled_pngs(tmp_path / "many"), dict(LIMITS, size=70)).splits
    with pytest.raises(InputError, match=r"large\.png: 1 of 3 scenes that a split needs, and 2 blocks of 180 px; give more"):
        _ = make(large_scene(tmp_path / "one"), dict(LIMITS, size=60, block=3)).splits


def test_absent(tmp_path):
    with pytest.raises(InputError, match=r"data\.path is missing; give data\.path=IMAGES"):
        _ = make(tmp_path, path="none").splits

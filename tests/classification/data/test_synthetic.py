from pathlib import Path

import numpy as np
import pytest
import rasterio.features
import torch
from hydra.utils import instantiate
from omegaconf import OmegaConf
from shapely.geometry import shape

from isagrsc2.classification.chips import chip_of_region, cut_chip
from isagrsc2.classification.data.synthetic import SyntheticChips, other_regions, parcel_regions
from isagrsc2.scene.farmland import Farmland, LandCover

STYLE = Path(__file__).parents[3] / "conf" / "farmland" / "default.yaml"


def make(seed=0, **changes):
    arguments = {
        "style": instantiate(OmegaConf.load(STYLE)),
        "scenes": {"train": 2, "val": 1, "test": 1},
        "scene_size": 192,
        "per_scene": 4,
        "min_area": 60,
        "chip_size": 32,
        "batch_size": 4,
        "workers": 0,
        "augment": torch.nn.Identity(),
    }
    return SyntheticChips(seed=seed, **(arguments | changes))


def test_regions_by_hand():
    road, wood, crop = LandCover.ROAD, LandCover.WOODS, LandCover.CROPLAND
    cover = np.array([[crop, road, crop], [crop, road, wood], [wood, road, wood]], np.uint8)
    parcels = np.array([[1, 0, 2], [1, 0, 0], [0, 0, 0]], np.int32)
    farmland = Farmland(np.zeros((3, 3, 3), np.uint8), parcels, cover, metres_per_pixel=1.0)
    assert [region.nonzero()[0].tolist() for region in parcel_regions(farmland)] == [[0, 1], [0]]
    # Two pieces of wood (one px, two px) and one road (three px).
    assert sorted(int(region.sum()) for region in other_regions(farmland)) == [1, 2, 3]


def test_same_seed_same_chips():
    first, again, other = make().splits.train, make().splits.train, make(seed=1).splits.train
    assert first.labels == again.labels
    assert all((a == b).all() for a, b in zip(first.sources, again.sources, strict=True))
    assert len(first.labels) != len(other.labels) or any(
        (a != b).any() for a, b in zip(first.sources, other.sources, strict=True)
    )


def test_both_classes_on_every_side():
    splits = make().splits
    for part in (splits.train, splits.val, splits.test):
        assert set(part.labels) == {0, 1}
        assert all(chip.shape == (32, 32, 3) and chip.any() for chip in part.sources)
    assert len(splits.train.labels) <= 2 * 2 * 4
    chips, labels, _ = next(iter(make().train_dataloader()))
    assert chips.shape == (4, 3, 32, 32)
    assert len(labels) == 4


class ArrayRaster:
    def __init__(self, image):
        self.image = image
        self.height, self.width = image.shape[:2]

    def read(self, window=None, out_shape=None):
        part = self.image[window.toslices()]
        assert part.shape[:2] == out_shape
        return part, np.ones(out_shape, bool)


@pytest.mark.parametrize("seed", range(5))
def test_chip_of_a_region_equals_the_chip_of_its_outline(seed):
    rng = np.random.default_rng(seed)
    image = rng.integers(0, 256, (40, 50, 3)).astype(np.uint8)
    region = np.zeros((40, 50), bool)
    y, x = rng.integers(0, 20, 2)
    region[y : y + rng.integers(3, 20), x : x + rng.integers(3, 30)] = True
    region[rng.integers(0, 40, 200), rng.integers(0, 50, 200)] = False
    outlines = [shape(g) for g, value in rasterio.features.shapes(region.astype(np.uint8), region) if value]
    outline = max(outlines, key=lambda polygon: polygon.area)
    region = rasterio.features.rasterize([outline], region.shape).astype(bool)
    for size in (16, 32):  # the square's side is at most 32 px
        assert (chip_of_region(image, region, size) == cut_chip(ArrayRaster(image), outline, size)).all()

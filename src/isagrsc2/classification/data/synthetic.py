"""Chips of farmland that is drawn from a seed, labelled by what was drawn."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy import ndimage

from isagrsc2.classification.chips import chip_of_region
from isagrsc2.classification.data.base import Augmentation, ChipDataModule, ChipSet, ChipSplits
from isagrsc2.classification.predictor import CULTIVATED, NOT_CULTIVATED
from isagrsc2.scene.farmland import Farmland, FarmlandStyle, LandCover, draw_farmland

NAMES = (NOT_CULTIVATED, CULTIVATED)
PIECES = ("land cover", "parcel")  # what a chip of each class is called
SIDES = ("train", "val", "test")


class SyntheticChips(ChipDataModule):
    """Parcels of synthetic farmland against connected pieces of every other land cover, cut as segments are.

    Every scene is drawn from its own seed and lies wholly in training, validation or test.
    """

    def __init__(
        self,
        style: FarmlandStyle,
        scenes: Mapping[str, int],
        scene_size: int,
        per_scene: int,
        min_area: int,
        seed: int,
        chip_size: int,
        batch_size: int,
        workers: int,
        augment: Augmentation,
    ) -> None:
        """Remember what to draw.

        Args:
            style: what scenes may look like.
            scenes: number of scenes for ``train``, ``val`` and ``test``.
            scene_size: side of a scene, px.
            per_scene: chips of each class and scene, at most, drawn at random.
            min_area: smaller pieces are passed over, px².
            seed: of the scenes and of the choice of chips.
            chip_size: side of the chips, px.
            batch_size: see ``ChipDataModule``.
            workers: see ``ChipDataModule``.
            augment: see ``ChipDataModule``.
        """
        super().__init__(chip_size, batch_size, workers, seed, augment)
        self._style = style
        self._scenes = scenes
        self._scene_size = scene_size
        self._per_scene = per_scene
        self._min_area = min_area
        self._seed = seed

    def load(self) -> ChipSplits:
        """See ``ChipDataModule.load``."""
        seeds = np.random.SeedSequence(self._seed).spawn(len(SIDES))
        sides = {
            side: self._draw(sequence.generate_state(self._scenes[side]).tolist())
            for side, sequence in zip(SIDES, seeds, strict=True)
        }
        return ChipSplits(NAMES, (CULTIVATED,), **sides)

    def _draw(self, seeds: Sequence[int]) -> ChipSet:
        chips: list[npt.NDArray[np.uint8]] = []
        labels: list[int] = []
        names: list[str] = []
        for seed in seeds:
            farmland = draw_farmland(seed, self._scene_size, self._scene_size, self._style)
            generator = np.random.default_rng(seed)
            for label, regions in enumerate((other_regions(farmland), parcel_regions(farmland))):
                large = [region for region in regions if region.sum() >= self._min_area]
                for index in generator.permutation(len(large))[: self._per_scene]:
                    chips.append(chip_of_region(farmland.image, large[index], self.chip_size))
                    labels.append(label)
                    names.append(f"farmland of seed {seed}, {PIECES[label]} {index + 1}")
        return ChipSet(chips, labels, names, _as_it_is)


def parcel_regions(farmland: Farmland) -> Iterator[npt.NDArray[np.bool_]]:
    """(H, W) bool for each parcel."""
    for parcel in np.unique(farmland.parcels[farmland.parcels > 0]):
        yield farmland.parcels == parcel


def other_regions(farmland: Farmland) -> Iterator[npt.NDArray[np.bool_]]:
    """(H, W) bool for each 4-connected piece of one land cover that is not cultivated."""
    for cover in LandCover:
        if cover != LandCover.CROPLAND:
            pieces, count = ndimage.label(farmland.land_cover == cover)
            for piece in range(1, count + 1):
                yield pieces == piece


def _as_it_is(chip: Any) -> npt.NDArray[np.uint8]:
    """The sources are the chips."""
    result: npt.NDArray[np.uint8] = chip
    return result

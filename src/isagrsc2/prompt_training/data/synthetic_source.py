"""Scenes of synthetic farmland, drawn when they are needed."""

from dataclasses import dataclass, field

import numpy as np

from isagrsc2.classification.data.scene_split import TEST, TRAIN, VAL
from isagrsc2.errors import InputError
from isagrsc2.options import check_whole
from isagrsc2.prompt_training.crops import RandomCrop
from isagrsc2.prompt_training.data.source import LabelledImage
from isagrsc2.prompt_training.ranges import Range, check_factors
from isagrsc2.scene.farmland import Farmland, FarmlandStyle, draw_farmland

# Scenes tried until one has parcels.
_TRIES = 20

# Second word of the seeds; no scene is on two sides.
_SIDES = {TRAIN: 0, VAL: 1, TEST: 2}


@dataclass(frozen=True)
class FarmlandToMeasure:
    """A synthetic scene with parcels, whole.

    Attributes:
        name: what a person calls it.
        style: what it may look like.
        size: side, px.
        seed: words that tell it from all others.
    """

    name: str
    style: FarmlandStyle
    size: int
    seed: tuple[int, ...]

    def read(self) -> LabelledImage:
        """Draw it.

        Raises:
            InputError: scenes of this style and size have no parcels.
        """
        for attempt in range(_TRIES):
            farmland = draw_farmland(_seed(*self.seed, attempt), self.size, self.size, self.style)
            if farmland.parcels.any():
                return farmland.image, farmland.parcels
        raise InputError(
            f"{_TRIES} synthetic scenes of {self.size} px have no parcel; raise data.synthetic.size, or change "
            "data.synthetic.style."
        )


@dataclass
class SyntheticScenes:
    """Scenes that never end for training, and some of other seeds to measure on.

    Attributes:
        style: what scenes may look like.
        size: side of a scene, px.
        crops_per_scene: crops of training that are taken from a scene before the next is drawn.
        scale: range of crop px per scene px.
        val_scenes: scenes to choose the best weights on.
        test_scenes: scenes held out for the end.
        seed: of the scenes.
    """

    style: FarmlandStyle
    size: int
    crops_per_scene: int
    scale: Range
    val_scenes: int
    test_scenes: int
    seed: int
    _kept: dict[int, Farmland] = field(default_factory=dict, init=False, repr=False)

    def __post_init__(self) -> None:
        """Check the numbers."""
        check_whole("data.synthetic.size", self.size, 64)
        check_whole("data.synthetic.crops_per_scene", self.crops_per_scene, 1)
        check_factors("data.synthetic.scale", self.scale)
        check_whole("data.synthetic.val_scenes", self.val_scenes, 0)
        check_whole("data.synthetic.test_scenes", self.test_scenes, 0)

    def crop(self, number: int, crop: RandomCrop, generator: np.random.Generator) -> LabelledImage:
        """See ``Source.crop``; neighbouring numbers share a scene, and who asks in order draws each scene once."""
        farmland = self._scene(number // self.crops_per_scene)
        place = crop.draw(self.size, self.size, self.scale, generator)
        window = place.window(self.size, self.size)
        rows, columns = window.toslices()
        return place.image(farmland.image[rows, columns], window), place.labels(farmland.parcels[rows, columns], window)

    def to_measure(self, side: str) -> list[FarmlandToMeasure]:
        """The scenes of ``val`` or ``test``."""
        count = {VAL: self.val_scenes, TEST: self.test_scenes}[side]
        return [
            FarmlandToMeasure(f"synthetic {side} {number}", self.style, self.size, (self.seed, _SIDES[side], number))
            for number in range(count)
        ]

    def _scene(self, number: int) -> Farmland:
        if number not in self._kept:
            seed = _seed(self.seed, _SIDES[TRAIN], number)
            self._kept = {number: draw_farmland(seed, self.size, self.size, self.style)}
        return self._kept[number]


def _seed(*words: int) -> int:
    return int(np.random.SeedSequence(words).generate_state(1, np.uint64)[0])

"""What all chips that come from scenes share: scenes are opened and split whole, chips are cut when they are asked for."""

import logging
import os
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import numpy.typing as npt
import shapely

from isagrsc2.classification.chips import cut_chip
from isagrsc2.classification.data.base import Augmentation, ChipDataModule, ChipSet, ChipSplits
from isagrsc2.classification.data.closed_scene import ClosedScene
from isagrsc2.classification.data.scene_split import SIDES, TRAIN, check_shares, split_scenes
from isagrsc2.classification.predictor import CULTIVATED, NOT_CULTIVATED
from isagrsc2.errors import InputError
from isagrsc2.options import check_share
from isagrsc2.scene.raster import Scene

# Names of the labels 0 and 1, where land is either cultivated or not.
CLASSES = (NOT_CULTIVATED, CULTIVATED)

# Scenes that a process keeps open. GDAL keeps their decoded blocks, up to 5 % of the memory (GDAL_CACHEMAX).
KEPT_OPEN = 32

# Damaged scenes named in a message; more are counted.
NAMED = 5

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class LabelledPolygon:
    """A chip to be.

    Attributes:
        polygon: what is cut out, scene px.
        label: class index.
        name: what a person calls it.
    """

    polygon: shapely.Geometry
    label: int
    name: str


@dataclass(frozen=True)
class CutScene:
    """A scene, or a block of one, with its chips to be.

    Attributes:
        name: tells it from the others; it lies on one side of the split.
        scene: where the chips are read.
        polygons: the chips.
    """

    name: str
    scene: ClosedScene
    polygons: Sequence[LabelledPolygon]


@dataclass(frozen=True)
class SceneChipReader:
    """Cuts chips as ``segment.py`` does.

    Attributes:
        size: side of the chip, px.
    """

    size: int

    def __call__(self, source: tuple[ClosedScene, shapely.Geometry]) -> npt.NDArray[np.uint8]:
        """(S, S, 3) uint8 RGB of a polygon in a scene; see ``cut_chip``."""
        scene, polygon = source
        return cut_chip(_opened(os.getpid(), scene), polygon, self.size)


# By process: an open file that a forked process inherits shares its reading position with the parent.
@lru_cache(KEPT_OPEN)
def _opened(process: int, scene: ClosedScene) -> Scene:  # noqa: ARG001
    return scene.open()


class SceneChips(ChipDataModule):
    """Base of chips that come from scenes; no scene is on two sides of the split.

    Attributes:
        val_share: part of the scenes to choose the best epoch on.
        test_share: part of the scenes held out for the end.
        seed: of everything that is drawn.
    """

    def __init__(
        self,
        val_share: float,
        test_share: float,
        max_damaged_share: float,
        seed: int,
        chip_size: int,
        batch_size: int,
        workers: int,
        augment: Augmentation,
    ) -> None:
        """Remember how scenes are split.

        Args:
            val_share: part of the scenes to choose the best epoch on, 0 to 1; at least one scene.
            test_share: part of the scenes held out for the end, 0 to 1; 0 leaves the test set empty.
            max_damaged_share: largest share of scenes that cannot be read to leave out.
            seed: of the split and of everything that is drawn.
            chip_size: see ``ChipDataModule``.
            batch_size: see ``ChipDataModule``.
            workers: see ``ChipDataModule``; also threads that open scenes.
            augment: see ``ChipDataModule``.

        Raises:
            InputError: a number does not fit.
        """
        super().__init__(chip_size, batch_size, workers, seed, augment)
        check_shares(val_share, test_share)
        check_share("data.max_damaged_share", max_damaged_share)
        self.val_share = val_share
        self.test_share = test_share
        self._max_damaged_share = max_damaged_share
        self.seed = seed

    def open_all(self, scenes: Mapping[str, Callable[[], Scene]]) -> list[ClosedScene]:
        """Open every scene once; those that cannot be read are left out with one warning that counts and names them.

        Args:
            scenes: name to what opens it.

        Returns:
            The others, in order of their names.

        Raises:
            InputError: more than the configured share cannot be read.
        """

        def look_at(name: str) -> ClosedScene | InputError:
            try:
                with scenes[name]() as scene:
                    return ClosedScene.of(name, scene)
            except InputError as error:
                return error

        with ThreadPoolExecutor(max(1, self._workers)) as pool:
            found = list(pool.map(look_at, sorted(scenes)))
        sound = [scene for scene in found if isinstance(scene, ClosedScene)]
        damaged = [str(error).rstrip(".") for error in found if isinstance(error, InputError)]
        if damaged:
            more = f"; and {len(damaged) - NAMED} more" if len(damaged) > NAMED else ""
            finding = f"{len(damaged)} of {len(found)} scenes cannot be read: {'; '.join(damaged[:NAMED])}{more}"
            if len(damaged) > self._max_damaged_share * len(found):
                raise InputError(
                    f"{finding}; mend that, or put up with more by data.max_damaged_share (now {self._max_damaged_share:g})."
                )
            logger.warning("%s. They are left out.", finding)
        return sound

    def split_whole(self, scenes: Sequence[CutScene], class_names: Sequence[str], cultivated: Sequence[str]) -> ChipSplits:
        """Put every scene on one side, each side with the same share of cultivated chips as far as that goes."""
        positive = {class_names.index(name) for name in cultivated}
        shares = [sum(one.label in positive for one in cut.polygons) / max(1, len(cut.polygons)) for cut in scenes]
        sides = split_scenes([cut.name for cut in scenes], shares, self.val_share, self.test_share, self.seed)
        chosen = {side: [cut for cut, own in zip(scenes, sides, strict=True) if own == side] for side in SIDES}
        return self.assemble(chosen, class_names, cultivated)

    def assemble(
        self, sides: Mapping[str, Sequence[CutScene]], class_names: Sequence[str], cultivated: Sequence[str]
    ) -> ChipSplits:
        """Make the chips of each side.

        Args:
            sides: scenes (or parts of them) of ``train``, ``val`` and ``test``.
            class_names: K names, in the order of the labels.
            cultivated: those that count as cultivated.

        Raises:
            InputError: a side has only cultivated chips or none.
        """
        for side, scenes in sides.items():
            self._check_both(side, scenes, [class_names.index(name) for name in cultivated])
        chips = {side: _chip_set(scenes, SceneChipReader(self.chip_size)) for side, scenes in sides.items()}
        return ChipSplits(tuple(class_names), tuple(cultivated), **chips)

    def _check_both(self, side: str, scenes: Sequence[CutScene], positive: Sequence[int]) -> None:
        labels = [one.label for cut in scenes for one in cut.polygons]
        count = sum(label in positive for label in labels)
        if (scenes or side == TRAIN) and not 0 < count < len(labels):
            missing = "cultivated" if count == 0 else "other"
            names = ", ".join(cut.name for cut in scenes[:NAMED])
            more = f" and {len(scenes) - NAMED} more" if len(scenes) > NAMED else ""
            raise InputError(
                f"the {side} side has no {missing} chips ({len(labels)} chips of the scenes {names}{more}); "
                "give more scenes, another seed, or other limits in data."
            )


def _chip_set(scenes: Iterable[CutScene], read: SceneChipReader) -> ChipSet:
    chips = [(cut.scene, one) for cut in scenes for one in cut.polygons]
    return ChipSet(
        sources=[(scene, one.polygon) for scene, one in chips],
        labels=[one.label for _, one in chips],
        names=[one.name for _, one in chips],
        read=read,
    )

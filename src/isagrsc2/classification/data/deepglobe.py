"""DeepGlobe Land Cover: Demir et al. 2018, *DeepGlobe 2018: A Challenge to Parse the Earth through Satellite Images*."""

import logging
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from isagrsc2.classification.data.base import ChipSplits
from isagrsc2.classification.data.closed_scene import ClosedScene
from isagrsc2.classification.data.crops import CropSampling
from isagrsc2.classification.data.listing import count_files
from isagrsc2.classification.data.scene_chips import CLASSES, CutScene, LabelledPolygon, SceneChips
from isagrsc2.classification.data.scene_listing import open_file
from isagrsc2.classification.data.scene_split import check_enough
from isagrsc2.classification.predictor import CULTIVATED
from isagrsc2.errors import InputError
from isagrsc2.options import check_choice, check_share
from isagrsc2.reference.deepglobe import AGRICULTURE, CLASS_NAMES, MASK_ENDING, UNKNOWN, mask_of, read_land_cover
from isagrsc2.scene.sources import SceneFile
from isagrsc2.scene.stretch import NoStretch

# Values of `data.labels`.
BINARY, LAND_COVER, ALL_CLASSES = "binary", "land_cover", "all_classes"

# What a crop can be under each of them but the first; clouds and the like are no land cover.
COVERS = {
    LAND_COVER: tuple(name for index, name in enumerate(CLASS_NAMES) if index != UNKNOWN),
    ALL_CLASSES: CLASS_NAMES,
}

IMAGE_FILE_ENDING = "_sat.jpg"
PAGE = "http://deepglobe.org"

# Files named in a message; more are counted.
NAMED = 5

logger = logging.getLogger(__name__)


class DeepGlobe(SceneChips):
    """Crops of the 803 labelled satellite images of 2448 px (0.5 m); images are split whole.

    The official ``valid/`` and ``test/`` have no masks: everything comes from ``train/``.
    """

    def __init__(
        self,
        root: str,
        labels: str,
        min_majority: float,
        max_unknown_share: float,
        crops: CropSampling,
        **split: Any,
    ) -> None:
        """Remember where and how.

        Args:
            root: the folder with ``train/``, or a folder of images and masks.
            labels: ``binary`` (cultivated or not, by the share of agriculture), ``land_cover`` (six classes) or
                ``all_classes`` (``unknown`` is the seventh).
            min_majority: smallest share of a crop's known pixels for its most frequent land cover to be its class, of all
                pixels with ``all_classes``; not used with ``binary``.
            max_unknown_share: largest share of a mask's pixels with colours that are none of the official ones.
            crops: how they are drawn.
            split: see ``SceneChips``.

        Raises:
            InputError: an option does not fit.
        """
        super().__init__(**split)
        check_choice("data.labels", labels, (BINARY, *COVERS))
        check_share("data.min_majority", min_majority)
        check_share("data.max_unknown_share", max_unknown_share)
        self._root = Path(root)
        self._labels = labels
        self._min_majority = min_majority
        self._max_unknown_share = max_unknown_share
        self._crops = crops

    def load(self) -> ChipSplits:
        """See ``ChipDataModule.load``."""
        images = list_images(self._root)
        files = [SceneFile(path.stem, path, "auto", NoStretch()) for path in images]
        scenes = self.open_all({file.name: partial(open_file, file) for file in files})
        check_enough([scene.name for scene in scenes], self.test_share)
        with ThreadPoolExecutor(max(1, self._workers)) as pool:
            cut = list(pool.map(self._cut, scenes))
        if self._labels in COVERS:
            return self.split_whole(cut, COVERS[self._labels], (CLASS_NAMES[AGRICULTURE],))
        return self.split_whole(cut, CLASSES, (CULTIVATED,))

    def _cut(self, scene: ClosedScene) -> CutScene:
        """Draw the crops of one image."""
        cover = read_land_cover(_mask(scene.image), self._max_unknown_share)  # (H, W)
        height, width = cover.shape
        if (width, height) != (scene.width, scene.height):
            raise InputError(
                f"{_mask(scene.image)} is {width} x {height} px, its image {scene.image.name} is {scene.width} x "
                f"{scene.height} px; they must have the same size."
            )
        area = (0, 0, width, height)
        if not self._crops.fits(area):
            raise InputError(f"{scene.image} is {width} x {height} px, smaller than data.crops.size={self._crops.size}.")
        polygons = []
        for x, y in self._crops.draw(area, self._crops.per_scene, scene.generator(self.seed)):
            label = self._label(cover[y : y + self._crops.size, x : x + self._crops.size])
            if label is not None:
                name = f"{scene.image.name}, crop at {x}, {y}"
                polygons.append(LabelledPolygon(self._crops.outline(x, y), label, name))
        return CutScene(scene.name, scene, polygons)

    def _label(self, cover: npt.NDArray[np.uint8]) -> int | None:
        """Class index of a crop (S, S) of land cover; None where it is left out."""
        counts = np.bincount(cover.ravel(), minlength=len(CLASS_NAMES))
        if self._labels != ALL_CLASSES:
            counts[UNKNOWN] = 0
        known = int(counts.sum())
        if known == 0 or known < self._crops.min_valid * cover.size:
            return None
        if self._labels == BINARY:
            cultivated = self._crops.is_cultivated(counts[AGRICULTURE] / known)
            return None if cultivated is None else int(cultivated)
        most = int(counts.argmax())
        return COVERS[self._labels].index(CLASS_NAMES[most]) if counts[most] >= self._min_majority * known else None


def list_images(root: Path) -> list[Path]:
    """List the images that have masks, sorted.

    Args:
        root: the unpacked data set, of which ``train/`` is taken, or a folder of images and masks.

    Raises:
        InputError: there are none, or images and masks do not pair up.
    """
    folder = root / "train" if (root / "train").is_dir() else root
    names = sorted(path.name for path in folder.iterdir()) if folder.is_dir() else []
    images = [folder / name for name in names if name.endswith(IMAGE_FILE_ENDING)]
    masks = {folder / name for name in names if name.endswith(MASK_ENDING)}
    if not images or not masks:
        raise InputError(
            f"{root} holds {len(images)} images and {len(masks)} masks of DeepGlobe Land Cover ({count_files(root)} files "
            f"found); download the Land Cover Classification data set of the DeepGlobe 2018 challenge from {PAGE} (or its "
            f"copy on Kaggle), unpack it so that train/<number>{IMAGE_FILE_ENDING} lies beside train/<number>{MASK_ENDING}, "
            "and give data.root=FOLDER."
        )
    bare = [image.name for image in images if _mask(image) not in masks]
    if bare:
        raise InputError(f"{folder}: {_listing('image', bare)} without mask (<number>{MASK_ENDING}); add or remove.")
    orphans = sorted(mask.name for mask in masks - {_mask(image) for image in images})
    if orphans:
        raise InputError(f"{folder}: {_listing('mask', orphans)} without image (<number>{IMAGE_FILE_ENDING}); add or remove.")
    unlabelled = {side: len(list((root / side).glob(f"*{IMAGE_FILE_ENDING}"))) for side in ("valid", "test")}
    for side, count in unlabelled.items():
        if folder != root and count:
            logger.info("%s: %d images have no masks and are not used", root / side, count)
    return images


def _mask(image: Path) -> Path:
    return mask_of(image, image.parent)


def _listing(kind: str, names: list[str]) -> str:
    """``3 masks (a, b, c)``."""
    more = f" and {len(names) - NAMED} more" if len(names) > NAMED else ""
    return f"{len(names)} {kind}{'s' if len(names) != 1 else ''} ({', '.join(names[:NAMED])}{more})"

"""Crops drawn at random from a few large scenes with reference parcels; neighbours and borders are seen, nothing is masked."""

import logging
from collections.abc import Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import Any

from rasterio.windows import Window

from isagrsc2.classification.data.base import ChipSplits
from isagrsc2.classification.data.closed_scene import ClosedScene
from isagrsc2.classification.data.crops import Bounds, CropSampling, blocks
from isagrsc2.classification.data.scene_chips import CLASSES, CutScene, LabelledPolygon, SceneChips
from isagrsc2.classification.data.scene_listing import Bands, list_labelled, open_file
from isagrsc2.classification.data.scene_split import scenes_needed
from isagrsc2.classification.predictor import CULTIVATED
from isagrsc2.errors import InputError
from isagrsc2.reference.reading import read_reference
from isagrsc2.scene.raster import StretchMeasure

logger = logging.getLogger(__name__)


class SceneCrops(SceneChips):
    """Crops of labelled scenes; a crop's class is decided by the share of its valid pixels that lies in parcels.

    Scenes are split whole. Where there are fewer scenes than sides, every scene is cut into blocks, which are split as
    scenes are; a crop lies in one block, so no pixel is on two sides. Neighbouring blocks are still the same land under
    the same light, so figures of such a split say less about other scenes.
    """

    def __init__(
        self,
        path: str | Sequence[str],
        reference: str,
        bands: Bands,
        stretch: StretchMeasure,
        crops: CropSampling,
        **split: Any,
    ) -> None:
        """Remember where and how.

        Args:
            path: see ``list_labelled``.
            reference: see ``list_labelled``.
            bands: see ``list_labelled``.
            stretch: see ``list_labelled``.
            crops: how they are drawn.
            split: see ``SceneChips``.
        """
        super().__init__(**split)
        self._listing = (path, reference, bands, stretch)
        self._crops = crops

    def load(self) -> ChipSplits:
        """See ``ChipDataModule.load``."""
        listed = list_labelled(*self._listing)
        files = {file.scene.name: file for file in listed}
        scenes = self.open_all({name: partial(open_file, file.scene) for name, file in files.items()})
        references = {scene.name: files[scene.name].reference for scene in scenes}
        needed = scenes_needed(self.test_share)
        inside = len(scenes) < needed
        cut = [part for scene in scenes for part in self._cut(scene, references[scene.name], self._areas(scene, inside))]
        if inside and len(cut) < needed:
            side = self._crops.block * self._crops.size
            raise InputError(
                f"{', '.join(str(scene.image) for scene in scenes)}: {len(scenes)} of {needed} scenes that a split needs, and "
                f"{len(cut)} blocks of {side:g} px; give more scenes, or lower data.crops.size or data.crops.block."
            )
        if inside:
            logger.info("%d scenes are too few to split; their %d blocks are split instead", len(scenes), len(cut))
        return self.split_whole(cut, CLASSES, (CULTIVATED,))

    def _areas(self, scene: ClosedScene, inside: bool) -> dict[str, Bounds]:
        """What of a scene lies on one side of the split, by name: the whole, or its blocks."""
        whole = (0, 0, scene.width, scene.height)
        if not self._crops.fits(whole):
            raise InputError(
                f"{scene.image} is {scene.width} x {scene.height} px, smaller than data.crops.size={self._crops.size}."
            )
        if not inside:
            return {scene.name: whole}
        areas = blocks(scene.width, scene.height, self._crops.block * self._crops.size)
        return {f"{scene.name} from {area[0]}, {area[1]}": area for area in areas}

    def _cut(self, closed: ClosedScene, path: Path, areas: dict[str, Bounds]) -> Iterator[CutScene]:
        """Draw the crops of one scene, from every area as many as fits its size."""
        generator = closed.generator(self.seed)
        with closed.open() as scene:
            reference = read_reference(path, scene)
            parcels, unlabelled = reference.burner(), reference.unlabelled_burner()
            for name, area in areas.items():
                share = (area[2] - area[0]) * (area[3] - area[1]) / (closed.width * closed.height)
                polygons = []
                for x, y in self._crops.draw(area, max(1, round(self._crops.per_scene * share)), generator):
                    window = Window(x, y, self._crops.size, self._crops.size)
                    _, valid = scene.read(window)
                    valid &= unlabelled.burn(window) == 0
                    if not valid.any() or valid.mean() < self._crops.min_valid:
                        continue
                    cultivated = self._crops.is_cultivated(float((parcels.burn(window)[valid] > 0).mean()))
                    if cultivated is not None:
                        name_of_crop = f"{closed.image.name}, crop at {x}, {y}"
                        polygons.append(LabelledPolygon(self._crops.outline(x, y), int(cultivated), name_of_crop))
                yield CutScene(name, closed, polygons)

"""Chips of scenes with reference parcels, cut as ``segment.py`` cuts them: parcels against segments that lie outside."""

import logging
from abc import abstractmethod
from collections.abc import Sequence
from functools import partial
from typing import Any

from isagrsc2.classification.data.base import ChipSplits
from isagrsc2.classification.data.closed_scene import ClosedScene
from isagrsc2.classification.data.scene_chips import CLASSES, CutScene, LabelledPolygon, SceneChips
from isagrsc2.classification.data.scene_listing import LabelledFile, open_file
from isagrsc2.classification.data.scene_split import check_enough
from isagrsc2.classification.data.segment_choice import ChosenPolygon, SegmentChoice, SegmentFinder
from isagrsc2.classification.predictor import CULTIVATED
from isagrsc2.reference.parcels import Reference

logger = logging.getLogger(__name__)


class SegmentChips(SceneChips):
    """Base of scenes with parcels; a subclass says in ``files`` where they lie.

    Cultivated: reference parcels, segments that lie in them, or both. Not cultivated: segments that lie outside of them.
    Segments are what ``segment.py`` asks the classifier about.
    """

    def __init__(
        self,
        finder: SegmentFinder,
        positives: str,
        max_inside: float,
        min_inside: float,
        min_area: float,
        per_scene: int,
        **split: Any,
    ) -> None:
        """Remember how chips are chosen.

        Args:
            finder: finds segments.
            positives: see ``SegmentChoice``.
            max_inside: see ``SegmentChoice``.
            min_inside: see ``SegmentChoice``.
            min_area: see ``SegmentChoice``.
            per_scene: see ``SegmentChoice``.
            split: see ``SceneChips``.

        Raises:
            InputError: an option does not fit.
        """
        super().__init__(**split)
        self._choice = SegmentChoice(positives, max_inside, min_inside, min_area, per_scene)
        self._finder = finder

    @abstractmethod
    def files(self) -> Sequence[LabelledFile]:
        """The scenes, with distinct names, and their reference files.

        Raises:
            InputError: there are none, or one has no reference.
        """

    def load(self) -> ChipSplits:
        """See ``ChipDataModule.load``."""
        files = {file.scene.name: file for file in self.files()}
        scenes = self.open_all({name: partial(open_file, file.scene) for name, file in files.items()})
        check_enough([scene.name for scene in scenes], self.test_share)  # before the long work
        references = {}
        for closed in scenes:  # all of them before the first is segmented, so that a mistake shows at once
            with closed.open() as scene:
                references[closed.name] = self._choice.read_reference(files[closed.name].reference, scene)
        logger.info(
            "%d scenes with %d reference parcels, %d of them repaired; %d lie outside their scene and are left out",
            len(scenes),
            *(sum(counts) for counts in zip(*map(_counts, references.values()), strict=True)),
        )
        cut = []
        for closed in scenes:
            with closed.open() as scene:
                segments = self._finder.find(files[closed.name].scene, scene)
                generator = closed.generator(self.seed)
                chosen = self._choice.choose(scene, references[closed.name], segments, generator)
            cut.append(CutScene(closed.name, closed, [_labelled(closed, one) for one in chosen]))
        return self.split_whole(cut, CLASSES, (CULTIVATED,))


def _labelled(scene: ClosedScene, chosen: ChosenPolygon) -> LabelledPolygon:
    return LabelledPolygon(chosen.polygon, chosen.label, f"{scene.image.name}, {chosen.kind} {chosen.number}")


def _counts(reference: Reference) -> tuple[int, int, int]:
    return len(reference.parcels), reference.repaired, reference.outside

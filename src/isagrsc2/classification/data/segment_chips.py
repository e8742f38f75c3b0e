"""Chips of scenes with reference parcels, cut as ``segment.py`` cuts them: parcels against segments that lie outside."""

import logging
from abc import abstractmethod
from collections.abc import Sequence
from functools import partial
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt
import shapely

from isagrsc2.classification.data.base import ChipSplits
from isagrsc2.classification.data.scene_chips import CLASSES, ClosedScene, CutScene, LabelledPolygon, SceneChips
from isagrsc2.classification.data.scene_listing import LabelledFile, open_file
from isagrsc2.classification.data.scene_split import check_enough
from isagrsc2.classification.predictor import CULTIVATED
from isagrsc2.errors import InputError
from isagrsc2.options import check_choice, check_number, check_share, check_whole
from isagrsc2.reference.parcels import Reference
from isagrsc2.reference.reading import read_reference
from isagrsc2.scene.raster import Scene
from isagrsc2.scene.sources import SceneFile

# Values of `data.positives`.
PARCELS, SEGMENTS, BOTH = "parcels", "segments", "both"

logger = logging.getLogger(__name__)

Polygons = npt.NDArray[np.object_]


class SegmentFinder(Protocol):
    """Finds the segments of a scene."""

    def find(self, file: SceneFile, scene: Scene) -> Polygons:
        """(N,) pixel-exact polygons, scene px, none empty; the same every time.

        Args:
            file: where the scene comes from.
            scene: the scene, open.
        """
        ...


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
            positives: ``parcels``, ``segments`` or ``both``.
            max_inside: a segment of which at most this share lies in parcels (or in land without labels) is not cultivated.
            min_inside: a segment of which at least this share lies in parcels is cultivated.
            min_area: smaller parcels and segments are passed over, px².
            per_scene: chips of each class and scene, at most, drawn at random.
            split: see ``SceneChips``.

        Raises:
            InputError: an option does not fit.
        """
        super().__init__(**split)
        check_choice("data.positives", positives, (PARCELS, SEGMENTS, BOTH))
        check_share("data.max_inside", max_inside)
        check_share("data.min_inside", min_inside)
        if max_inside >= min_inside:
            raise InputError(f"data.max_inside={max_inside:g} must be smaller than data.min_inside={min_inside:g}.")
        check_number("data.min_area", min_area, 0)
        check_whole("data.per_scene", per_scene, 1)
        self._finder = finder
        self._positives = positives
        self._limits = (max_inside, min_inside)
        self._min_area = min_area
        self._per_scene = per_scene

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
                references[closed.name] = self._read_reference(files[closed.name], scene)
        logger.info(
            "%d scenes with %d reference parcels, %d of them repaired; %d lie outside their scene and are left out",
            len(scenes),
            *(sum(counts) for counts in zip(*map(_counts, references.values()), strict=True)),
        )
        cut = []
        for closed in scenes:
            with closed.open() as scene:
                segments = self._finder.find(files[closed.name].scene, scene)
            cut.append(CutScene(closed.name, closed, self._choose(closed, references[closed.name], segments)))
        return self.split_whole(cut, CLASSES, (CULTIVATED,))

    def _read_reference(self, file: LabelledFile, scene: Scene) -> Reference:
        reference = read_reference(file.reference, scene)
        if reference.areas_only and self._positives != SEGMENTS:
            raise InputError(
                f"{reference.source} says which land is cultivated and not where one parcel ends; choose "
                f"data.positives={SEGMENTS}."
            )
        return reference

    def _choose(self, scene: ClosedScene, reference: Reference, segments: Polygons) -> list[LabelledPolygon]:
        """Draw the chips of one scene."""
        parcels = reference.parcels.geometry.to_numpy()
        max_inside, min_inside = self._limits
        inside = share_inside(segments, parcels)
        unknown = share_inside(segments, np.array(reference.unlabelled, dtype=object))
        others, cultivated = [], []  # (what it is called, polygon)
        for number, (segment, share) in enumerate(zip(segments, inside, strict=True), start=1):
            if share + unknown[number - 1] <= max_inside:
                others.append((f"segment {number}", segment))
            elif share >= min_inside and self._positives != PARCELS:
                cultivated.append((f"segment {number}", segment))
        if self._positives != SEGMENTS:
            cultivated += [(f"parcel {number}", one) for number, one in zip(reference.parcels["ref_id"], parcels, strict=True)]
        generator = scene.generator(self.seed)
        chosen = []
        for label, candidates in enumerate((others, cultivated)):
            large = [(name, polygon) for name, polygon in candidates if polygon.area >= self._min_area]
            for index in generator.permutation(len(large))[: self._per_scene]:
                name, polygon = large[index]
                chosen.append(LabelledPolygon(polygon, label, f"{scene.image.name}, {name}"))
        return chosen


def _counts(reference: Reference) -> tuple[int, int, int]:
    return len(reference.parcels), reference.repaired, reference.outside


def share_inside(segments: Polygons, parcels: Polygons) -> npt.NDArray[np.float64]:
    """Share of each segment that lies in parcels.

    Args:
        segments: (N,) polygons, none empty.
        parcels: (M,) polygons of the same frame; they may overlap.

    Returns:
        (N,) 0 to 1.
    """
    tree = shapely.STRtree(parcels)
    shares = np.zeros(len(segments))
    for row, segment in enumerate(segments):
        near = parcels[tree.query(segment, predicate="intersects")]
        # Their union: where parcels overlap, the shared area counts once.
        shares[row] = shapely.intersection(segment, shapely.union_all(near)).area / segment.area
    return shares

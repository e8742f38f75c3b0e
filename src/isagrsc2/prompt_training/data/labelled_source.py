"""Scenes with reference parcels, of which windows are read when they are needed."""

import os
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import shapely
from rasterio.windows import Window

from isagrsc2.classification.data.closed_scene import ClosedScene
from isagrsc2.classification.data.scene_chips import KEPT_OPEN
from isagrsc2.classification.data.scene_listing import NONE, Bands, LabelledFile, list_labelled, open_file
from isagrsc2.errors import InputError
from isagrsc2.prompt_training.batches import UNKNOWN
from isagrsc2.prompt_training.crops import RandomCrop
from isagrsc2.prompt_training.data.source import LabelledImage
from isagrsc2.prompt_training.ranges import Range
from isagrsc2.reference.parcels import Reference
from isagrsc2.reference.reading import read_reference
from isagrsc2.scene.burning import Burner
from isagrsc2.scene.raster import Scene, StretchMeasure


@dataclass(frozen=True)
class LabelledScene:
    """A scene that is opened where it is needed, with its parcels.

    Attributes:
        scene: where pixels are read.
        parcels: burns 1..N.
        unlabelled: burns 1 where the reference says nothing.
        count: N.
        cultivated: share of the scene's area that lies in parcels.
        middle: a point of the parcel that is nearest to the middle of the scene (of the middle, if there is no parcel), x
            and y, scene px.
    """

    scene: ClosedScene
    parcels: Burner
    unlabelled: Burner
    count: int
    cultivated: float
    middle: tuple[float, float]

    @classmethod
    def of(cls, file: LabelledFile) -> "LabelledScene":
        """Open a scene, read its reference, and close it again.

        Raises:
            InputError: one of both cannot be read, or they do not belong together; the reference has areas only.
        """
        with open_file(file.scene) as scene:
            reference = read_reference(file.reference, scene)
            closed = ClosedScene.of(file.scene.name, scene)
        if reference.areas_only:
            raise InputError(
                f"{reference.source} says which land is cultivated, not where one parcel ends and the next begins; give "
                "data.reference=PARCELS with an outline or a number for every parcel."
            )
        polygons = reference.parcels.geometry.to_numpy()  # (N,)
        return cls(
            scene=closed,
            # By position, because the label raster's own numbers may be too large for a table.
            parcels=Burner(polygons, range(1, len(polygons) + 1)),
            unlabelled=reference.unlabelled_burner(),
            count=len(polygons),
            cultivated=min(1.0, float(shapely.area(polygons).sum()) / (closed.width * closed.height)),
            middle=_middle(reference, closed),
        )

    def read(self, window: Window) -> LabelledImage:
        """(h, w, 3) uint8 RGB and (h, w) int32 labels of a window inside the scene, ``UNKNOWN`` where it has no data."""
        image, valid = _opened(os.getpid(), self.scene).read(window)
        labels = self.parcels.burn(window)
        labels[~valid | (self.unlabelled.burn(window) > 0)] = UNKNOWN
        return image, labels


@dataclass(frozen=True)
class LabelledWindow:
    """A part of a scene to measure on.

    Attributes:
        labelled: the scene, with parcels.
        max_side: of the part, px.
    """

    labelled: LabelledScene
    max_side: int

    @property
    def name(self) -> str:
        """The scene's."""
        return self.labelled.scene.name

    @property
    def window(self) -> Window:
        """As central as it can be and hold a point of a parcel."""
        scene = self.labelled.scene
        width, height = min(scene.width, self.max_side), min(scene.height, self.max_side)
        x, y = self.labelled.middle
        column = int(np.clip(round(x - width / 2), 0, scene.width - width))
        row = int(np.clip(round(y - height / 2), 0, scene.height - height))
        return Window(column, row, width, height)

    def read(self) -> LabelledImage:
        """Read it.

        Raises:
            InputError: no parcel has data there.
        """
        image, labels = self.labelled.read(self.window)
        if labels.max() <= 0:
            raise InputError(
                f"{self.labelled.scene.image}: no parcel in the middle covers the centre of a pixel that has data, so nothing "
                "can be measured there; leave this scene out of data.path."
            )
        return image, labels


@dataclass(frozen=True)
class LabelledScenes:
    """Scenes to learn from.

    Attributes:
        scenes: one or more.
        scale: range of crop px per scene px.
    """

    scenes: Sequence[LabelledScene]
    scale: Range

    def crop(self, number: int, crop: RandomCrop, generator: np.random.Generator) -> LabelledImage:  # noqa: ARG002
        """See ``Source.crop``; every scene is equally likely, and only the window that the crop needs is read."""
        labelled = self.scenes[int(generator.integers(len(self.scenes)))]
        width, height = labelled.scene.width, labelled.scene.height
        place = crop.draw(width, height, self.scale, generator)
        window = place.window(width, height)
        image, labels = labelled.read(window)
        return place.image(image, window), place.labels(labels, window)


def read_labelled_scenes(
    path: str | Sequence[str], reference: str, bands: Bands, stretch: StretchMeasure
) -> list[LabelledScene]:
    """Open all scenes once; there are none where neither path nor reference is given.

    Args:
        path: see ``list_labelled``.
        reference: see ``list_labelled``.
        bands: see ``list_labelled``.
        stretch: see ``list_labelled``.

    Raises:
        InputError: one of both is missing, a file cannot be used, or no scene has a parcel.
    """
    if path in (NONE, [NONE], []) and reference == NONE:
        return []
    scenes = [LabelledScene.of(file) for file in list_labelled(path, reference, bands, stretch)]
    if not any(scene.count for scene in scenes):
        raise InputError(
            f"{reference} has no parcels in any of {len(scenes)} scenes of data.path={path}; check that they belong together."
        )
    return scenes


# By process: an open file that a forked process inherits shares its reading position with the parent.
@lru_cache(KEPT_OPEN)
def _opened(process: int, scene: ClosedScene) -> Scene:  # noqa: ARG001
    return scene.open()


def _middle(reference: Reference, scene: ClosedScene) -> tuple[float, float]:
    """See ``LabelledScene.middle``."""
    middle = shapely.Point(scene.width / 2, scene.height / 2)
    polygons = reference.parcels.geometry.to_numpy()
    nearest = polygons[shapely.distance(polygons, middle).argmin()].representative_point() if len(polygons) else middle
    return nearest.x, nearest.y

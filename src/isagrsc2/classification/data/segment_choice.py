"""Which reference parcels and which segments of a scene become chips, and of which class."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Protocol

import numpy as np
import numpy.typing as npt
import shapely
from affine import Affine
from rasterio.features import rasterize
from rasterio.windows import Window

from isagrsc2.errors import InputError
from isagrsc2.options import check_choice, check_number, check_share, check_whole
from isagrsc2.reference.parcels import Reference
from isagrsc2.reference.reading import read_reference
from isagrsc2.scene.raster import Scene
from isagrsc2.scene.sources import Source

# Values of `data.positives`.
PARCELS, SEGMENTS, BOTH = "parcels", "segments", "both"

# What a chip is cut from.
PARCEL, SEGMENT = "parcel", "segment"

# Long side, px, at which is looked whether a parcel can be seen.
OVERVIEW = 64

Polygons = npt.NDArray[np.object_]


class SegmentFinder(Protocol):
    """Finds the segments of a scene."""

    def find(self, file: Source, scene: Scene) -> Polygons:
        """(N,) pixel-exact polygons, scene px, none empty; the same every time.

        Args:
            file: where the scene comes from.
            scene: the scene, open.
        """
        ...


@dataclass(frozen=True)
class ChosenPolygon:
    """A polygon that becomes a chip.

    Attributes:
        polygon: scene px.
        label: 1 for cultivated, 0 for not.
        kind: ``parcel`` of the reference or ``segment`` of the finder.
        number: the parcel's ``ref_id``, or the segment's position, from 1.
        inside: share of it that lies in reference parcels, 0 to 1; of a parcel 1, of an outline of other land 0.
        unlabelled: share of it that lies in land of which the reference says nothing, 0 to 1; of a parcel 0.
    """

    polygon: shapely.Geometry
    label: int
    kind: str
    number: int
    inside: float
    unlabelled: float


@dataclass(frozen=True)
class SegmentChoice:
    """Chooses chips: parcels, segments that lie in them, or both, against other land of the same kinds.

    Attributes:
        positives: ``parcels``, ``segments`` or ``both``: what cultivated chips are. But with ``segments`` the outlines of other
            land that a reference may have become chips too.
        max_inside: a segment of which at most this share lies in parcels (or in land without labels) is not cultivated.
        min_inside: a segment of which at least this share lies in parcels is cultivated.
        min_area: parcels and segments of which less can be seen are passed over, px²: small ones, and parcels outside the area
            of interest or where the scene has no data.
        per_scene: chips of each class and scene, at most, drawn at random.

    Raises:
        InputError: an option does not fit.
    """

    positives: str
    max_inside: float
    min_inside: float
    min_area: float
    per_scene: int

    def __post_init__(self) -> None:
        check_choice("data.positives", self.positives, (PARCELS, SEGMENTS, BOTH))
        check_share("data.max_inside", self.max_inside)
        check_share("data.min_inside", self.min_inside)
        if self.max_inside >= self.min_inside:
            raise InputError(f"data.max_inside={self.max_inside:g} must be smaller than data.min_inside={self.min_inside:g}.")
        check_number("data.min_area", self.min_area, 0)
        check_whole("data.per_scene", self.per_scene, 1)

    def read_reference(self, path: Path, scene: Scene) -> Reference:
        """Read reference parcels that chips can be cut from; see ``isagrsc2.reference.reading.read_reference``.

        Raises:
            InputError: also where the reference is land and not parcels, and parcels are to be cut.
        """
        reference = read_reference(path, scene)
        if reference.areas_only and self.positives != SEGMENTS:
            raise InputError(
                f"{reference.source} says which land is cultivated and not where one parcel ends; choose "
                f"data.positives={SEGMENTS}."
            )
        return reference

    def choose(
        self, scene: Scene, reference: Reference, segments: Polygons, generator: np.random.Generator
    ) -> list[ChosenPolygon]:
        """Choose the chips of one scene.

        Args:
            scene: says which pixels can be seen.
            reference: its parcels.
            segments: (N,) polygons, scene px, none empty.
            generator: draws ``per_scene`` of each class.

        Returns:
            Those that are not cultivated first.
        """
        large = [one for one in self._candidates(reference, segments) if one.polygon.area >= self.min_area]
        chosen: list[ChosenPolygon] = []
        for label in (0, 1):
            own = [one for one in large if one.label == label]
            drawn = (own[index] for index in generator.permutation(len(own)))
            chosen += islice((one for one in drawn if self._is_seen(one, scene)), self.per_scene)
        return chosen

    def _is_seen(self, one: ChosenPolygon, scene: Scene) -> bool:
        # A segment was found where the scene has data.
        return one.kind == SEGMENT or one.polygon.area * share_seen(one.polygon, scene) >= self.min_area

    def _candidates(self, reference: Reference, segments: Polygons) -> Sequence[ChosenPolygon]:
        parcels = reference.parcels.geometry.to_numpy()
        inside = share_inside(segments, parcels)
        unlabelled = share_inside(segments, np.array(reference.unlabelled, dtype=object))
        found = []
        for number, (segment, share, unknown) in enumerate(zip(segments, inside, unlabelled, strict=True), start=1):
            if share + unknown <= self.max_inside:
                found.append(ChosenPolygon(segment, 0, SEGMENT, number, float(share), float(unknown)))
            elif share >= self.min_inside and self.positives != PARCELS:
                found.append(ChosenPolygon(segment, 1, SEGMENT, number, float(share), float(unknown)))
        if self.positives != SEGMENTS:
            numbered = zip(reference.parcels["ref_id"], parcels, strict=True)
            found += [ChosenPolygon(parcel, 1, PARCEL, int(number), 1.0, 0.0) for number, parcel in numbered]
            others = zip(reference.not_cultivated["ref_id"], reference.not_cultivated.geometry, strict=True)
            found += [ChosenPolygon(other, 0, PARCEL, int(number), 0.0, 0.0) for number, other in others]
        return found


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


def share_seen(polygon: shapely.Geometry, scene: Scene) -> float:
    """Share of a polygon's pixels, 0 to 1, that have data and count; of a large polygon those of an overview.

    Args:
        polygon: scene px, inside the scene.
        scene: open.
    """
    x0, y0, x1, y1 = map(int, np.r_[np.floor(polygon.bounds[:2]), np.ceil(polygon.bounds[2:])])
    width, height = min(x1 - x0, OVERVIEW), min(y1 - y0, OVERVIEW)
    _, valid = scene.read(Window(x0, y0, x1 - x0, y1 - y0), (height, width))  # (height, width)
    step = Affine.translation(x0, y0) @ Affine.scale((x1 - x0) / width, (y1 - y0) / height)
    # All pixels touched: a strip that holds no pixel's centre is seen all the same.
    inside = rasterize([polygon], (height, width), transform=step, all_touched=True, dtype=np.uint8).astype(bool)
    return float(valid[inside].mean())

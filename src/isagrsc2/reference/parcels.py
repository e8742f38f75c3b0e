"""Reference parcels of one scene, ready to be compared with."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import geopandas as gpd
import numpy as np
import numpy.typing as npt
import shapely

from isagrsc2.errors import InputError
from isagrsc2.scene.burning import Burner
from isagrsc2.scene.vector_file import extent

# Two parcels that share less than this, px², merely touch: hand-drawn borders are never exact.
TOUCHING = 1.0


class NoReferenceError(InputError):
    """What was given as reference holds nothing for this scene, and may for others."""


@dataclass(frozen=True)
class Reference:
    """Reference parcels of one scene.

    Attributes:
        source: the file they come from, or a word where there is none.
        parcels: columns ``ref_id`` (from 1; the label raster's own id, else the position in the file) and ``geometry``
            (valid Polygons and MultiPolygons, scene px, clipped to the scene), no CRS.
        repaired: how many were invalid and were made valid.
        overlapping: how many lie partly on an earlier one, which keeps the shared pixels.
        outside: how many have no area inside the scene and are left out.
        areas_only: the "parcels" are the land that is cultivated, not divided into parcels, so that objects cannot be
            compared.
        unlabelled: (Multi)Polygons, scene px, of which the reference does not say whether they are cultivated.
        not_cultivated: as ``parcels``: outlines that the reference draws of other land. Land outside of all outlines is not
            cultivated either, unless it is ``unlabelled``.
    """

    source: str
    parcels: gpd.GeoDataFrame
    repaired: int
    overlapping: int
    outside: int
    areas_only: bool
    unlabelled: tuple[shapely.Geometry, ...]
    not_cultivated: gpd.GeoDataFrame

    def burner(self) -> Burner:
        """Burns ``ref_id``; overlapping parcels are attributed by order."""
        return Burner(self.parcels.geometry.to_numpy(), self.parcels["ref_id"])

    def unlabelled_burner(self) -> Burner:
        """Burns 1 where the reference says nothing."""
        return Burner(self.unlabelled, [1] * len(self.unlabelled))

    def counts(self) -> dict[str, Any]:
        """Everything countable, for reports."""
        return {
            "areas_only": self.areas_only,
            "parcels": None if self.areas_only else len(self.parcels),
            "repaired": self.repaired,
            "overlapping": self.overlapping,
            "outside": self.outside,
        }


def reference_from_polygons(
    polygons: Sequence[shapely.Geometry] | npt.NDArray[np.object_],
    ids: Iterable[int],
    shape: tuple[int, int],
    source: str,
) -> Reference:
    """Make a reference of polygons: repair, clip to the scene, count.

    Args:
        polygons: (N,) any geometries, scene px; what is not an area is left out. N may be 0: a scene without parcels.
        ids: (N,) from 1.
        shape: (H, W) of the scene, px.
        source: where they come from, for messages.

    Raises:
        InputError: there are geometries, but no polygon, or less than one pixel's area lies in the scene.
    """
    given = np.array(shapely.force_2d(np.asarray(polygons, dtype=object)))  # (N,)
    numbers = np.asarray(list(ids), np.int64)  # (N,)
    kinds = [shapely.GeometryType.POLYGON, shapely.GeometryType.MULTIPOLYGON, shapely.GeometryType.GEOMETRYCOLLECTION]
    areal = np.isin(shapely.get_type_id(given), kinds)
    if len(given) and not areal.any():
        raise InputError(f"{source} holds no polygons; give the parcels' areas, not their lines or centres.")
    given, numbers = given[areal], numbers[areal]
    finite = np.isfinite(shapely.bounds(given)).all(axis=1)  # not so where a projection does not reach
    invalid = finite & ~shapely.is_valid(given)
    # "structure" keeps what an outline that crosses itself encloses twice; "linework" would punch a hole there.
    given[invalid] = shapely.make_valid(given[invalid], method="structure", keep_collapsed=False)
    height, width = shape
    clipped = _clip(given, shapely.box(0, 0, width, height))
    inside = shapely.area(clipped) > 0
    if len(given) and shapely.area(clipped).sum() < 1:
        raise InputError(
            f"{source} does not overlap the scene: in px of the scene it spans {extent(shapely.total_bounds(given))} "
            f"(left, top, right, bottom), the scene 0, 0, {width}, {height}; check that they belong together and that "
            "the coordinates are meant in that frame."
        )
    parcels = gpd.GeoDataFrame({"ref_id": numbers[inside]}, geometry=list(clipped[inside]))
    return Reference(
        source=source,
        parcels=parcels,
        repaired=int(invalid.sum()),
        overlapping=count_overlapping(clipped[inside]),
        outside=int((~inside).sum()),
        areas_only=False,
        unlabelled=(),
        not_cultivated=parcels.iloc[:0],
    )


def _clip(polygons: npt.NDArray[np.object_], scene: shapely.Polygon) -> npt.NDArray[np.object_]:
    """The parts of valid polygons inside the scene, (N,) (Multi)Polygons; empty where there is none."""
    clipped = np.full(len(polygons), shapely.Polygon(), dtype=object)
    finite = np.isfinite(shapely.bounds(polygons)).all(axis=1)
    clipped[finite] = shapely.intersection(polygons[finite], scene)
    untouched = finite & shapely.contains_properly(scene, polygons)
    clipped[untouched] = polygons[untouched]  # intersection may begin a ring elsewhere
    for row in np.flatnonzero(shapely.get_type_id(clipped) != shapely.GeometryType.POLYGON):
        parts = shapely.get_parts(shapely.get_parts(clipped[row]))
        areas = parts[shapely.get_type_id(parts) == shapely.GeometryType.POLYGON]
        clipped[row] = areas[0] if len(areas) == 1 else shapely.multipolygons(areas)
    return clipped


def count_overlapping(polygons: npt.NDArray[np.object_]) -> int:
    """How many polygons share an area with an earlier one."""
    later, earlier = shapely.STRtree(polygons).query(polygons, predicate="intersects")
    ordered = later > earlier
    later, earlier = later[ordered], earlier[ordered]
    shared = shapely.area(shapely.intersection(polygons[later], polygons[earlier]))
    return len(np.unique(later[shared > TOUCHING]))

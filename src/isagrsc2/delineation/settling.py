"""Small regions of a scene go to their neighbours, while the scene is still being put together.

A region can be given away, or given to, only when all that touches it is known. Everything else is held; so memory follows
what is unfinished, not the scene.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt
import shapely

Geometries = npt.NDArray[np.object_]
BoolArray = npt.NDArray[np.bool_]


@dataclass
class Settling:
    """Regions that are whole, until it is known which small ones they take in.

    A region below ``min_area`` goes to the neighbour with which it shares the longest border; without one that is large
    enough it is dropped.

    Attributes:
        min_area: minimum mapping unit, px.
        column: width of the columns in which regions are let go, px. What comes one after the other then lies close together,
            however wide the scene is.
    """

    min_area: float
    column: float
    # Columns are walked like an ox ploughs: what ends one band lies above what begins the next.
    _step: int = field(default=1, init=False)
    _labels: list[int] = field(default_factory=list, init=False)
    _shapes: list[shapely.Polygon] = field(default_factory=list, init=False)
    # What each takes in.
    _gains: list[list[shapely.Polygon]] = field(default_factory=list, init=False)

    def add(self, label: int, region: shapely.Polygon) -> None:
        """Hold a region, scene px, and what it is called."""
        self._labels.append(label)
        self._shapes.append(region)
        self._gains.append([])

    def settled(self, unfinished: Sequence[shapely.Geometry], bottom: float) -> Iterator[tuple[int, shapely.Polygon]]:
        """Let go of what nothing can change any more, column by column, and from top to bottom in each.

        Args:
            unfinished: pieces of regions that are not whole.
            bottom: row, scene px, above which everything is here or in ``unfinished``.
        """
        count = len(self._shapes)
        if not count:
            return
        shapes = np.array(self._shapes, object)  # (N,)
        pieces = np.array(unfinished, object) if len(unfinished) else np.zeros(0, object)  # (U,)
        small = shapely.area(shapes) < self.min_area
        at_bottom = shapely.bounds(shapes)[:, 3] >= bottom
        waiting = small & (at_bottom | _touching(shapes, pieces))
        self._give(shapes, small, small & ~waiting)
        growing = pieces[shapely.area(pieces) < self.min_area]
        # A large one waits for every small one beside it, and for what may turn out to be one.
        held = waiting | (~small & (at_bottom | _touching(shapes, np.concatenate([shapes[waiting], growing]))))
        gone = np.flatnonzero(~small & ~held).tolist()
        whole = [(self._labels[row], _with(shapes[row], self._gains[row])) for row in gone]
        rows = np.flatnonzero(held).tolist()
        self._labels = [self._labels[row] for row in rows]
        self._shapes = [self._shapes[row] for row in rows]
        self._gains = [self._gains[row] for row in rows]
        del shapes, pieces, growing  # while regions go, what went is held by nobody
        whole.sort(key=lambda one: self._place(one[1]), reverse=True)
        self._step = -self._step
        while whole:
            yield whole.pop()

    def _place(self, region: shapely.Polygon) -> tuple[float, float, float, float]:
        """In what order regions go."""
        x, y = region.bounds[:2]
        return self._step * (x // self.column), y, x, region.area

    def _give(self, shapes: Geometries, small: BoolArray, given: BoolArray) -> None:
        """Give small regions to the neighbours with which they share the longest border."""
        rows = np.flatnonzero(given)
        one, other = shapely.STRtree(shapes).query(shapes[rows], predicate="touches")
        large = ~small[other]
        one, other = rows[one[large]], other[large]
        common = shapely.length(shapely.intersection(shapes[one], shapes[other]))
        # Of each small region the longest border; of equally long ones that with the neighbour farther up, farther left.
        left, top = shapely.bounds(shapes[other])[:, :2].T
        best = np.lexsort((shapely.area(shapes[other]), left, top, -common, one))
        first = best[np.append(True, np.diff(one[best]) > 0)[: len(best)]]
        for row, neighbour, length in zip(one[first].tolist(), other[first].tolist(), common[first].tolist(), strict=True):
            if length > 0:
                self._gains[neighbour].append(shapes[row])


def _with(region: shapely.Polygon, gains: Sequence[shapely.Polygon]) -> shapely.Polygon:
    return unite([region, *gains])[0] if gains else region


def unite(pieces: Sequence[shapely.Geometry]) -> list[shapely.Polygon]:
    """Unite abutting pixel-exact pieces; the largest region first. Vertices where pieces met, in the middle of an edge, go."""
    if not len(pieces):
        return []
    united = polygonal(shapely.union_all(np.array(pieces, object)).simplify(0)) if len(pieces) > 1 else pieces[0]
    return sorted(shapely.get_parts(united).tolist(), key=lambda polygon: -polygon.area)


def polygonal(geometry: shapely.Geometry) -> shapely.Geometry:
    """Keep only the areas of a geometry."""
    if geometry.geom_type in ("Polygon", "MultiPolygon"):
        return geometry
    areas = [part for part in shapely.get_parts(geometry) if part.geom_type in ("Polygon", "MultiPolygon")]
    return shapely.union_all(areas) if areas else shapely.Polygon()


def _touching(shapes: Geometries, others: Geometries) -> BoolArray:
    """(N,) whether a shape touches any of the others."""
    touched = np.zeros(len(shapes), bool)
    touched[shapely.STRtree(others).query(shapes, predicate="touches")[0]] = True
    return touched

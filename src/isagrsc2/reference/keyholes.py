"""Polygons with holes as one ring, for tools that know no holes, and back.

A keyhole ring goes round the shell; at a slit it walks to a hole, round it, and the same way back. A slit joins two vertices
and has no width, so the ring covers what the polygon covers, and by what is passed twice the holes are found again.
"""

from collections import Counter, defaultdict
from collections.abc import Iterator
from itertools import product

import numpy as np
import numpy.typing as npt
import shapely

Points = npt.NDArray[np.float64]
_Vertex = tuple[float, float]
# Where it begins, where it ends, and the ring it leads to: 0 is the shell.
_Slit = tuple[_Vertex, _Vertex, int]


def keyhole_ring(polygon: shapely.Polygon) -> Points:
    """Draw a polygon as one ring.

    Slits are the shortest that lie inside the polygon: a spanning tree of its rings whose edges are those of the constrained
    Delaunay triangulation, which has a path between any two rings and no vertices of its own.

    Args:
        polygon: valid, with any number of holes.

    Returns:
        (N, 2) vertices, all of them the polygon's, without the closing one; x, y. The first is passed once wherever there is
        one that is: labelling tools take a second pass of the first vertex for the end.
    """
    polygon = shapely.orient_polygons(polygon)  # holes are gone round the other way
    rings = [_vertices(ring) for ring in (polygon.exterior, *polygon.interiors)]
    walk = list(rings[0])
    for start, vertex, number in _slits(polygon, rings):
        ring = rings[number]
        place, first = walk.index(start) + 1, ring.index(vertex)
        around = [*ring[first:], *ring[:first], vertex]
        # Where two rings touch, the slit has no length: only the way round is new.
        walk[place:place] = around[1:] if start == vertex else [*around, start]
    passes = Counter(walk)
    begin = next((place for place, vertex in enumerate(walk) if passes[vertex] == 1), 0)
    return np.array([*walk[begin:], *walk[:begin]])


def open_keyholes(ring: Points) -> shapely.Geometry:
    """Find the holes of a ring again.

    Args:
        ring: (N, 2) vertices, with or without the closing one, N at least 3; drawn by ``keyhole_ring`` or by hand.

    Returns:
        A polygon with holes; a MultiPolygon where loops of the ring hang together in single points only. It may be invalid, as
        drawn.
    """
    loops = _loops([(float(x), float(y)) for x, y in ring])
    if len(loops) == 1:
        return shapely.Polygon(loops[0])
    areas = [_signed_area(np.array(loop)) for loop in loops]
    # Holes are gone round the other way: in the sum their areas are taken off.
    turn = np.sign(sum(areas))
    shells = [shapely.Polygon(loop) for loop, area in zip(loops, areas, strict=True) if np.sign(area) == turn]
    holes: dict[int, list[list[_Vertex]]] = defaultdict(list)
    apart = []
    for loop, area in zip(loops, areas, strict=True):
        if np.sign(area) == turn:
            continue
        polygon = shapely.Polygon(loop)
        around = [number for number, shell in enumerate(shells) if shell.covers(polygon)]
        if around:
            holes[min(around, key=lambda number: shells[number].area)].append(loop)
        else:
            apart.append(polygon)
    parts = [shapely.Polygon(shell.exterior, holes[number]) for number, shell in enumerate(shells)] + apart
    return parts[0] if len(parts) == 1 else shapely.MultiPolygon(parts)


def _vertices(ring: shapely.LinearRing) -> list[_Vertex]:
    """Without the closing one."""
    return [(float(x), float(y)) for x, y in shapely.get_coordinates(ring)[:-1]]


def _slits(polygon: shapely.Polygon, rings: list[list[_Vertex]]) -> list[_Slit]:
    """The way from the shell to every hole, nearer rings first; a slit begins at a ring that was reached before."""
    if len(rings) == 1:
        return []
    leaving: dict[int, list[_Slit]] = defaultdict(list)
    for (start, one), (end, other) in _tree(polygon, rings):
        leaving[one].append((start, end, other))
        leaving[other].append((end, start, one))
    found, reached, waiting = [], {0}, [0]
    while waiting:
        for slit in leaving[waiting.pop()]:
            if slit[2] not in reached:
                reached.add(slit[2])
                waiting.append(slit[2])
                found.append(slit)
    return found


def _tree(polygon: shapely.Polygon, rings: list[list[_Vertex]]) -> Iterator[tuple[tuple[_Vertex, int], tuple[_Vertex, int]]]:
    """Pairs of vertices, each with its ring, that join all rings; after Kruskal (1956)."""
    owners: dict[_Vertex, list[int]] = defaultdict(list)
    for number, ring in enumerate(rings):
        for vertex in ring:
            owners[vertex].append(number)
    forest = _Forest(len(rings))
    for start, end in _candidates(polygon, owners):
        for one, other in product(owners[start], owners[end]):
            if forest.join(one, other):
                yield (start, one), (end, other)


def _candidates(polygon: shapely.Polygon, owners: dict[_Vertex, list[int]]) -> list[tuple[_Vertex, _Vertex]]:
    """Pairs of vertices that a slit may join: of rings that touch, then the edges of the triangulation, the shortest first."""
    touching = [(vertex, vertex) for vertex, of in owners.items() if len(of) > 1]
    triangles = shapely.get_parts(shapely.constrained_delaunay_triangles(polygon))  # (T,)
    corners = shapely.get_coordinates(triangles).reshape(len(triangles), 4, 2)[:, :3]  # (T, 3, 2)
    pairs = np.concatenate([corners, np.roll(corners, -1, axis=1)], axis=2).reshape(-1, 4)  # (3 T, 4): from x, y to x, y
    lengths = np.hypot(*(pairs[:, :2] - pairs[:, 2:]).T)  # (3 T,)
    edges = [((x0, y0), (x1, y1)) for x0, y0, x1, y1 in pairs[np.argsort(lengths, kind="stable")].tolist()]
    return touching + edges


class _Forest:
    """Which of N things hang together."""

    def __init__(self, count: int) -> None:
        self._above = list(range(count))

    def join(self, one: int, other: int) -> bool:
        """Join two; returns whether they were apart."""
        one, other = self._top(one), self._top(other)
        self._above[one] = other
        return one != other

    def _top(self, one: int) -> int:
        while self._above[one] != one:
            self._above[one] = one = self._above[self._above[one]]
        return one


def _loops(ring: list[_Vertex]) -> list[list[_Vertex]]:
    """Take a ring apart where it passes a vertex again; what is left of slits has no area and is dropped."""
    loops, open_, place = [], [], {}  # type: list[list[_Vertex]], list[_Vertex], dict[_Vertex, int]
    for vertex in ring:
        if vertex in place:
            loop = open_[place[vertex] :]
            loops.append(loop)
            for passed in loop[1:]:
                del place[passed]
            del open_[place[vertex] + 1 :]
        else:
            place[vertex] = len(open_)
            open_.append(vertex)
    return [loop for loop in [*loops, open_] if len(loop) > 2] or [ring]


def _signed_area(ring: Points) -> float:
    """Area of a ring (N, 2), negative where it goes round the other way."""
    x, y = (ring - ring[0]).T
    return float(np.dot(x, np.roll(y, -1)) - np.dot(np.roll(x, -1), y)) / 2

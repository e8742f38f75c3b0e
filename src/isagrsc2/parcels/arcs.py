"""Borders of a partition as arcs: a stretch of border between two nodes is stored once, however many parcels it bounds.

The topological data model of cartography (Peucker & Chrisman 1975, "Cartographic data structures"): what happens to an
arc happens to both its neighbours, so shared borders stay shared by construction. All coordinates are corners of
pixels, that is integers, and every decision here is exact.
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import shapely

IntArray = npt.NDArray[np.int64]
BoolArray = npt.NDArray[np.bool_]
Bounds = tuple[float, float, float, float]


@dataclass(frozen=True)
class Polylines:
    """Many chains of points in one array: chain k is ``points[starts[k]:starts[k + 1]]``.

    Attributes:
        points: (P, 2) int64, x and y.
        starts: (K + 1,) int64.
    """

    points: IntArray
    starts: IntArray

    def __len__(self) -> int:
        return len(self.starts) - 1

    @property
    def lengths(self) -> IntArray:
        """(K,) points per chain."""
        return np.diff(self.starts)


@dataclass(frozen=True)
class Arcs:
    """A partition taken apart.

    Attributes:
        lines: the A arcs; the first and the last point of each are nodes, the first is the smaller one (x, then y), and no
            arc is closed.
        ring_arcs: (U,) arcs in the order in which the rings use them.
        ring_reversed: (U,) whether the ring walks the arc from its end.
        ring_starts: (R + 1,) ring r uses ``ring_arcs[ring_starts[r]:ring_starts[r + 1]]``.
        polygon_starts: (Q + 1,) rings of polygon q, the shell first.
        geometry_starts: (N + 1,) polygons of geometry n.
    """

    lines: Polylines
    ring_arcs: IntArray
    ring_reversed: BoolArray
    ring_starts: IntArray
    polygon_starts: IntArray
    geometry_starts: IntArray

    def rings(self, lines: Polylines) -> Polylines:
        """Put the rings together again, from these arcs or from simplified ones.

        Args:
            lines: one chain for every arc, with the arc's ends.

        Returns:
            the R rings; the first point is not repeated at the end.
        """
        lengths = lines.lengths[self.ring_arcs] - 1  # the last point is the next arc's first
        first, last = lines.starts[self.ring_arcs], lines.starts[self.ring_arcs + 1] - 1
        step = np.where(self.ring_reversed, -1, 1)
        begin = np.where(self.ring_reversed, last, first)
        within = _ranges(lengths)
        points = lines.points[np.repeat(begin, lengths) + np.repeat(step, lengths) * within]
        return Polylines(points, _starts(lengths)[self.ring_starts])

    def geometries(self, lines: Polylines) -> npt.NDArray[np.object_]:
        """(N,) Polygon where one part, else MultiPolygon, from these arcs or from simplified ones."""
        rings = self.rings(lines)
        lengths = rings.lengths
        # GEOS wants the first point again at the end of every ring.
        index = np.repeat(rings.starts[:-1], lengths + 1) + _ranges(lengths + 1) % np.repeat(lengths, lengths + 1)
        multi = shapely.from_ragged_array(
            shapely.GeometryType.MULTIPOLYGON,
            rings.points[index].astype(np.float64),
            (_starts(lengths + 1), self.polygon_starts, self.geometry_starts),
        )
        single = np.diff(self.geometry_starts) == 1
        multi[single] = shapely.get_geometry(multi[single], 0)
        return np.asarray(multi, dtype=object)


def take_apart(geometries: npt.NDArray[np.object_], frame: Bounds) -> Arcs:
    """Find the arcs of a partition of pixel-exact polygons.

    Nodes are the points where other than two stretches of border meet, the points on the frame (so that it stays straight),
    and on stretches that close on themselves the first point in reading order and the one farthest from it. So the arcs of
    a polygon depend on its neighbours and on nothing else.

    Args:
        geometries: (N,) Polygon or MultiPolygon, N > 0, none empty; every edge runs along a row or a column between
            integer coordinates. Neighbours need not have the same vertices (T-junctions).
        frame: x0, y0, x1, y1 that nothing reaches beyond.

    Raises:
        ValueError: the coordinates are not those of pixel corners.
    """
    rings, polygon_starts, geometry_starts = _rings(geometries)
    rings = _split_at_junctions(rings)
    vertices, vertex = _distinct(rings.points)  # (V, 2), (P,)
    edge, degree = _edges(vertex, vertex[_next(rings)], len(vertices))
    on_frame = ((vertices == frame[:2]) | (vertices == frame[2:])).any(axis=1)
    node = (degree != 2) | on_frame
    without = ~np.logical_or.reduceat(node[vertex], rings.starts[:-1])
    node[np.minimum.reduceat(vertex, rings.starts[:-1])[without]] = True
    node[_farthest_on_closed(rings, vertex, vertices, node)] = True
    return Arcs(*_share(rings, vertex, edge, node[vertex]), polygon_starts, geometry_starts)


def _rings(geometries: npt.NDArray[np.object_]) -> tuple[Polylines, IntArray, IntArray]:
    """Rings without their repeated last point, and the nesting of rings in polygons in geometries."""
    kind, coordinates, offsets = shapely.to_ragged_array(geometries, include_z=False)
    if kind == shapely.GeometryType.POLYGON:
        offsets = (*offsets, np.arange(len(geometries) + 1))
    elif kind != shapely.GeometryType.MULTIPOLYGON:
        raise ValueError(f"segments must be polygons, not {kind.name}")
    ring_starts, polygon_starts, geometry_starts = (np.asarray(part, np.int64) for part in offsets)
    points = np.rint(coordinates).astype(np.int64)
    if not np.array_equal(points, coordinates):
        raise ValueError("segments must be pixel-exact: a coordinate is not an integer")
    keep = np.ones(len(points), bool)
    keep[ring_starts[1:] - 1] = False
    return Polylines(points[keep], ring_starts - np.arange(len(ring_starts))), polygon_starts, geometry_starts


def _split_at_junctions(rings: Polylines) -> Polylines:
    """Insert into every edge the vertices of all rings that lie on it."""
    start, end = rings.points, rings.points[_next(rings)]
    moves = start != end  # (P, 2)
    if (moves.sum(axis=1) != 1).any():
        raise ValueError("segments must be pixel-exact: an edge is neither horizontal nor vertical")
    vertices, _ = _distinct(start)
    first = np.zeros(len(start), np.int64)  # the first vertex on each edge, as an index into `candidates`
    count = np.zeros(len(start), np.int64)  # how many vertices lie on it
    candidates = []
    for axis in (0, 1):  # edges along x, then along y
        along, other = vertices[:, axis], vertices[:, 1 - axis]
        span, least = along.max() - along.min() + 1, along.min()
        key = other * span + along - least  # sorts by line, then along the line
        order = np.argsort(key)
        chosen = np.flatnonzero(moves[:, axis])
        line = start[chosen, 1 - axis] * span - least
        low, high = np.minimum(start, end)[chosen, axis], np.maximum(start, end)[chosen, axis]
        begin = np.searchsorted(key[order], line + low, side="right")
        stop = np.searchsorted(key[order], line + high, side="left")
        count[chosen] = stop - begin
        backwards = start[chosen, axis] > end[chosen, axis]
        first[chosen] = np.where(backwards, stop - 1, begin) + axis * len(vertices)
        candidates.append(vertices[order])
    step = np.where((end < start).any(axis=1), -1, 1)
    number = _ranges(count + 1)  # 0 is the edge's own start, then what lies on the edge
    found = np.repeat(first, count + 1) + np.repeat(step, count + 1) * (number - 1)
    points = np.concatenate(candidates)[np.clip(found, 0, 2 * len(vertices) - 1)]
    points[number == 0] = start
    return Polylines(points, _starts(count + 1)[rings.starts])


def _farthest_on_closed(rings: Polylines, vertex: IntArray, vertices: IntArray, node: BoolArray) -> IntArray:
    """Of every chain between nodes that ends where it begins, the vertex farthest from there."""
    order, starts = _chains(rings, node[vertex])
    chain = np.repeat(np.arange(len(starts) - 1), np.diff(starts))
    begin = vertex[order[starts[:-1]]]
    closed = begin == vertex[_next(rings)[order[starts[1:] - 1]]]
    here = np.flatnonzero(closed[chain])
    candidate, chain = vertex[order[here]], chain[here]
    distance = ((vertices[candidate] - vertices[begin[chain]]) ** 2).sum(axis=1)
    # Ties go to the smaller vertex: the rings on both sides walk in opposite directions and must choose the same.
    best = np.lexsort((candidate, -distance, chain))
    return candidate[best[np.unique(chain[best], return_index=True)[1]]]


def _chains(rings: Polylines, is_node: BoolArray) -> tuple[IntArray, IntArray]:
    """Cut rings at nodes.

    Args:
        rings: R rings with P points, at least one node on each.
        is_node: (P,) bool.

    Returns:
        order (P,), the points with each ring turned so that it begins with a node; starts (U + 1,) of the chains in it.
    """
    lengths = rings.lengths
    nodes = np.flatnonzero(is_node)
    shift = nodes[np.searchsorted(nodes, rings.starts[:-1])] - rings.starts[:-1]  # first node of every ring
    within = (_ranges(lengths) + np.repeat(shift, lengths)) % np.repeat(lengths, lengths)
    order = np.repeat(rings.starts[:-1], lengths) + within
    return order, np.append(np.flatnonzero(is_node[order]), len(order))


def _share(
    rings: Polylines, vertex: IntArray, edge: IntArray, is_node: BoolArray
) -> tuple[Polylines, IntArray, BoolArray, IntArray]:
    """Recognise the chains that two rings walk in opposite directions as one arc; first four members of ``Arcs``."""
    order, starts = _chains(rings, is_node)
    first, last = order[starts[:-1]], order[starts[1:] - 1]
    # An edge belongs to one arc only, so the smaller of the two at the ends names the arc.
    _, model, arc = np.unique(np.minimum(edge[first], edge[last]), return_index=True, return_inverse=True)
    begin, end = vertex[first], vertex[_next(rings)[last]]
    backwards = begin > end  # vertices are sorted; whichever ring shows an arc first, it runs the same way
    lengths = np.diff(starts)[model] + 1  # with the node at the end
    index = np.repeat(starts[model], lengths) + _ranges(lengths)
    ends = np.cumsum(lengths) - 1
    source = order[np.minimum(index, len(order) - 1)]
    source[ends] = _next(rings)[last[model]]
    turned = np.repeat(backwards[model], lengths)
    source[turned] = source[(np.repeat(ends + _starts(lengths)[:-1], lengths) - np.arange(len(source)))[turned]]
    lines = Polylines(rings.points[source], _starts(lengths))
    return lines, arc, backwards, np.searchsorted(starts, rings.starts)


def _edges(start: IntArray, end: IntArray, vertices: int) -> tuple[IntArray, IntArray]:
    """Number of every edge, the same in both directions; number of edges at every vertex."""
    keys, edge = np.unique(np.minimum(start, end) * vertices + np.maximum(start, end), return_inverse=True)
    degree = np.bincount(np.concatenate([keys // vertices, keys % vertices]), minlength=vertices)
    return edge, degree


def _distinct(points: IntArray) -> tuple[IntArray, IntArray]:
    """The different points (V, 2), sorted, and which of them every point is (P,)."""
    low = points.min(axis=0)
    span = points[:, 1].max() - low[1] + 1
    keys, index = np.unique((points[:, 0] - low[0]) * span + points[:, 1] - low[1], return_inverse=True)
    return np.stack([keys // span, keys % span], axis=1) + low, index


def _next(rings: Polylines) -> IntArray:
    """(P,) index of the point after each point, around its ring."""
    following = np.arange(1, len(rings.points) + 1)
    following[rings.starts[1:] - 1] = rings.starts[:-1]
    return following


def _ranges(lengths: IntArray) -> IntArray:
    """0..n-1 for every n, one after the other."""
    starts = _starts(lengths)
    return np.arange(starts[-1]) - np.repeat(starts[:-1], lengths)


def _starts(lengths: IntArray) -> IntArray:
    """(K + 1,) where chains of these lengths start in one array."""
    return np.concatenate([[0], np.cumsum(lengths)])

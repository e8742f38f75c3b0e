"""Simplifying a partition: staircases become straight lines, and shared borders stay shared."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import shapely

from isagrsc2.parcels.arcs import Arcs, BoolArray, Bounds, IntArray, Polylines, take_apart

Geometries = npt.NDArray[np.object_]

# Segments looked at together when meetings are searched; bounds the memory.
CHUNK = 200_000

# Distances are not integers: px.
ROUNDING = 1e-9


@dataclass(frozen=True)
class Surroundings:
    """Polygons near those that are simplified.

    Attributes:
        done: (D,) pixel-exact polygons that were simplified before.
        drawn: (D,) the same, simplified.
        waiting: (W,) pixel-exact polygons that will be simplified later.
    """

    done: Geometries
    drawn: Geometries
    waiting: Geometries


NOTHING = Surroundings(*[np.zeros(0, object)] * 3)


def simplify_together(geometries: Geometries, tolerance_px: float) -> Geometries:
    """Simplify the polygons of a partition so that no gap and no overlap appears.

    Every stretch of border between two nodes is simplified once, after Douglas & Peucker (1973), for both its
    neighbours; nodes stay where they are. Visvalingam's areas, which ``shapely.coverage_simplify`` uses, leave the long
    flat steps of borders that are nearly parallel to the pixel grid (a field turned by 2 degrees) and set no bound on
    how far a border moves. Where two simplified borders would touch or change sides, they get points of the original
    back, the farthest first, until they do not: no geometry disappears.

    Args:
        geometries: (N,) Polygon or MultiPolygon along pixel edges (integer coordinates), without overlaps, none empty.
        tolerance_px: how far a border may move, in px; 0 only drops points on straight lines.

    Returns:
        (N,) valid geometries with the same neighbours, whose vertices are vertices of the input.

    Raises:
        ValueError: the coordinates are not those of pixel corners.
    """
    (simplified,) = simplify_batches([geometries], tolerance_px)
    return simplified


def simplify_batches(batches: Sequence[Geometries], tolerance_px: float) -> Iterator[Geometries]:
    """Simplify a partition that need not fit in memory, as ``simplify_together`` does.

    Batch after batch, with the polygons around it. A border between two batches is drawn with the first of them, so that it
    crosses nothing of the second at full detail; with the second it is given. Where no borders come near each other, the
    result does not depend on the batches.

    Args:
        batches: (N_k,) polygons as in ``simplify_together``; read again for every batch that they may touch, so they should
            be compact.
        tolerance_px: as in ``simplify_together``.

    Yields:
        (N_k,) as ``simplify_together`` returns.
    """
    # Two borders, each within the tolerance of where it was, meet only if they were no farther apart than twice that.
    reach = 2 * tolerance_px + 1
    # (K, 4), NaN where a batch is empty.
    bounds = np.array([shapely.total_bounds(batch) if len(batch) else np.full(4, np.nan) for batch in batches])
    frame = (*np.nanmin(bounds[:, :2], axis=0), *np.nanmax(bounds[:, 2:], axis=0)) if np.isfinite(bounds).any() else (0.0,) * 4
    near = [np.flatnonzero(_overlap(bounds, box, reach)).tolist() for box in bounds]
    last = [max((number, *others)) for number, others in enumerate(near)]
    held: dict[int, tuple[Geometries, Geometries]] = {}  # earlier batches that later ones touch: before and after
    for number, geometries in enumerate(batches):
        if not len(geometries):
            yield geometries
            continue
        close = _Close(geometries, reach)
        earlier = [(before[rows], after[rows]) for before, after in held.values() for rows in [close.rows(before)]]
        later = [batch[close.rows(batch)] for batch in (batches[other] for other in near[number] if other > number)]
        none = NOTHING.done
        around = Surroundings(
            np.concatenate([none, *(before for before, _ in earlier)]),
            np.concatenate([none, *(after for _, after in earlier)]),
            np.concatenate([none, *later]),
        )
        simplified = _simplify(geometries, around, tolerance_px, frame)
        held[number] = geometries, simplified
        held = {other: pair for other, pair in held.items() if last[other] > number}
        yield simplified


class _Close:
    """Finds the polygons near given ones."""

    def __init__(self, geometries: Geometries, reach: float) -> None:
        low, high = np.hsplit(shapely.bounds(geometries), 2)
        self._tree = shapely.STRtree(shapely.box(*(low - reach).T, *(high + reach).T))

    def rows(self, others: Geometries) -> IntArray:
        """Those of (M,) polygons whose boxes lie within reach, ascending."""
        return np.unique(self._tree.query(shapely.box(*shapely.bounds(others).T))[0]) if len(others) else np.zeros(0, np.int64)


def _overlap(bounds: npt.NDArray[np.float64], box: npt.NDArray[np.float64], reach: float) -> BoolArray:
    """(K,) which of (K, 4) boxes lie within reach of a box; none where a bound is NaN."""
    return np.all((bounds[:, :2] <= box[2:] + reach) & (bounds[:, 2:] >= box[:2] - reach), axis=1)


def _simplify(geometries: Geometries, around: Surroundings, tolerance_px: float, frame: Bounds) -> Geometries:
    """Simplify the borders of polygons (N,) that are not drawn yet; the surroundings stay as they are."""
    everything = np.concatenate([geometries, around.waiting, around.done])
    arcs = take_apart(everything, frame)
    is_own, is_done = (
        _bordering(arcs, 0, len(geometries)),
        _bordering(arcs, len(everything) - len(around.done), len(everything)),
    )
    lines, points = arcs.lines, arcs.lines.points
    line = np.repeat(np.arange(len(lines)), lines.lengths)
    free, given = is_own & ~is_done, is_own & is_done
    kept = np.ones(len(points), bool)  # what waits keeps every point, so that it can still be drawn beside what is drawn now
    kept[given[line]] = _among(points[given[line]], shapely.get_coordinates(around.drawn))
    if not free.any():
        return arcs.geometries(_subset(lines, kept))[: len(geometries)]
    kept[free[line]] = _douglas_peucker(_chosen(lines, free), tolerance_px)
    orientation = np.sign(_areas(arcs.rings(lines)))
    obstacles = _edges_of(around.drawn)  # (2, E, 2)
    begin, end = _chords(lines, kept & ~(is_done & ~is_own)[line])
    asked = np.flatnonzero(free[line[begin]])
    while True:
        wrong = _meeting(np.concatenate([points[begin], obstacles[0]]), np.concatenate([points[end], obstacles[1]]), asked)
        wrong = wrong[: len(begin)]
        wrong[asked[_jumping(lines, begin[asked], end[asked])]] = True
        wrong |= _turned(arcs, kept, begin, orientation)
        # A chord's halves can be farther from the border than the chord was.
        wrong[asked[_farthest(points, begin[asked], end[asked])[1] > tolerance_px + ROUNDING]] = True
        split = np.flatnonzero(wrong & (end - begin > 1) & free[line[begin]])
        if len(split) == 0:
            return arcs.geometries(_subset(lines, kept))[: len(geometries)]
        farthest, _ = _farthest(points, begin[split], end[split])
        kept[farthest] = True
        renewed = np.union1d(begin[split], farthest)
        begin, end = _chords(lines, kept & ~(is_done & ~is_own)[line])
        asked = np.searchsorted(begin, renewed)


def _douglas_peucker(lines: Polylines, tolerance: float) -> BoolArray:
    """Which points are left, (P,) bool."""
    line = np.repeat(np.arange(len(lines)), lines.lengths)
    simple = shapely.simplify(shapely.linestrings(lines.points, indices=line), tolerance, preserve_topology=False)
    left, line_left = shapely.get_coordinates(simple, return_index=True)
    # The points of a line are all different, so a point that is left is known by its line and its place.
    low = lines.points.min(axis=0)
    span = lines.points.max(axis=0) - low + 1
    key = (line * span[0] + lines.points[:, 0] - low[0]) * span[1] + lines.points[:, 1] - low[1]
    key_left = (line_left * span[0] + left[:, 0].astype(np.int64) - low[0]) * span[1] + left[:, 1].astype(np.int64) - low[1]
    return np.isin(key, key_left)


def _subset(lines: Polylines, kept: BoolArray) -> Polylines:
    return Polylines(lines.points[kept], np.append(0, np.cumsum(kept))[lines.starts])


def _chosen(lines: Polylines, rows: BoolArray) -> Polylines:
    """Some of the lines, (K,) bool."""
    lengths = lines.lengths
    return Polylines(lines.points[np.repeat(rows, lengths)], np.append(0, np.cumsum(lengths[rows])))


def _bordering(arcs: Arcs, first: int, last: int) -> BoolArray:
    """Which arcs bound one of the geometries from ``first`` to ``last``, that one exclusive; (A,) bool."""
    rings = arcs.polygon_starts[arcs.geometry_starts[[first, last]]]
    used = np.zeros(len(arcs.lines), bool)
    used[arcs.ring_arcs[slice(*arcs.ring_starts[rings])]] = True
    return used


def _among(points: IntArray, others: npt.NDArray[np.float64]) -> BoolArray:
    """Which of (P, 2) points are among (Q, 2) others, whole numbers too; (P,) bool."""
    both = np.concatenate([points, others.astype(np.int64)])
    _, index = np.unique(both, axis=0, return_inverse=True)
    return np.isin(index[: len(points)], index[len(points) :])


def _edges_of(geometries: Geometries) -> IntArray:
    """Edges of polygons, (2, E, 2): where they begin and where they end."""
    rings = shapely.get_rings(shapely.get_parts(geometries))
    points, ring = shapely.get_coordinates(rings, return_index=True)
    within = np.flatnonzero(ring[1:] == ring[:-1])
    return np.stack([points[within], points[within + 1]]).astype(np.int64)


def _chords(lines: Polylines, kept: BoolArray) -> tuple[IntArray, IntArray]:
    """First and last point of every stretch between two points that are left, (S,) each, ascending."""
    left = np.flatnonzero(kept)
    is_last = np.zeros(len(kept), bool)
    is_last[lines.starts[1:] - 1] = True
    within = ~is_last[left[:-1]]
    return left[:-1][within], left[1:][within]


def _farthest(points: IntArray, begin: IntArray, end: IntArray) -> tuple[IntArray, npt.NDArray[np.float64]]:
    """Of every stretch the inner point farthest from the chord between its ends, and how far it is; (S,) each.

    Where there is no inner point, the distance is 0 and the point is the end.
    """
    lengths = end - begin  # inner points and the end
    stretch = np.repeat(np.arange(len(begin)), lengths)
    inner = np.arange(lengths.sum()) - np.repeat(np.cumsum(lengths) - lengths, lengths) + begin[stretch] + 1
    chord = (points[end] - points[begin])[stretch].astype(np.float64)
    arm = (points[inner] - points[begin[stretch]]).astype(np.float64)
    along = ((arm * chord).sum(axis=1) / (chord**2).sum(axis=1)).clip(0, 1)
    distance = np.hypot(*(arm - along[:, None] * chord).T)
    distance[inner == end[stretch]] = 0.0
    # The end is never chosen as long as there is another point, also where all lie on the chord.
    order = np.lexsort((inner, -distance, stretch))
    chosen = order[np.unique(stretch[order], return_index=True)[1]]
    return inner[chosen], distance[chosen]


def _turned(arcs: Arcs, kept: BoolArray, begin: IntArray, orientation: IntArray) -> BoolArray:
    """Which chords are part of a ring that has collapsed or is turned inside out, (S,) bool."""
    turned = np.sign(_areas(arcs.rings(_subset(arcs.lines, kept)))) != orientation
    used = np.zeros(len(arcs.lines), bool)
    used[arcs.ring_arcs[np.repeat(turned, np.diff(arcs.ring_starts))]] = True
    return used[np.searchsorted(arcs.lines.starts, begin, side="right") - 1]


def _meeting(start: IntArray, end: IntArray, asked: IntArray) -> BoolArray:
    """Which segments meet another one elsewhere than in a common end; (S,) bool.

    Only meetings with the segments asked for are found. All coordinates are integers, so the decisions are exact.
    """
    segments = shapely.linestrings(np.stack([start, end], axis=1))
    tree = shapely.STRtree(segments)
    wrong = np.zeros(len(segments), bool)
    for part in np.array_split(asked, max(1, len(asked) // CHUNK)):  # bounds the memory for pairs
        one, two = tree.query(segments[part])
        one = part[one]
        one, two = one[one != two], two[one != two]
        meets = _meet(start[one], end[one], start[two], end[two])
        wrong[one[meets]] = wrong[two[meets]] = True
    return wrong


def _meet(a: IntArray, b: IntArray, c: IntArray, d: IntArray) -> BoolArray:
    """Whether segments ab and cd, whose boxes touch, have more in common than one end; all (K, 2), result (K,)."""
    sides = np.sign([_turn(a, b, c), _turn(a, b, d), _turn(c, d, a), _turn(c, d, b)])  # (4, K)
    touch = (sides[0] * sides[1] <= 0) & (sides[2] * sides[3] <= 0)
    along = (sides == 0).all(axis=0)
    # With a common end: its place, and the other two ends seen from there.
    common = np.stack([(p == q).all(axis=1) for p in (a, b) for q in (c, d)])  # (4, K): ac, ad, bc, bd
    shared = common.sum(axis=0)
    from_a = common[0] | common[1]
    from_c = common[0] | common[2]
    one = np.where(from_a[:, None], b - a, a - b)
    two = np.where(from_c[:, None], d - c, c - d)
    folded = along & ((one * two).sum(axis=1) > 0)
    return np.where(shared == 0, touch, (shared == 2) | folded)


def _turn(a: IntArray, b: IntArray, c: IntArray) -> IntArray:
    """Twice the signed area of the triangles abc, (K,)."""
    return (b[:, 0] - a[:, 0]) * (c[:, 1] - a[:, 1]) - (b[:, 1] - a[:, 1]) * (c[:, 0] - a[:, 0])


def _jumping(lines: Polylines, begin: IntArray, end: IntArray) -> BoolArray:
    """Which chords skip a small island, which then lies on their other side untouched; (S,) bool.

    A node has changed sides when it lies inside the loop of the original stretch and its chord (even-odd rule, which
    holds although the loop crosses itself). Every connected piece of the network has nodes.
    """
    wrong = np.zeros(len(begin), bool)
    bent = np.flatnonzero(end - begin > 1)
    lengths = (end - begin)[bent] + 2  # back to the first point
    starts = np.append(0, np.cumsum(lengths))
    index = np.arange(starts[-1]) - np.repeat(starts[:-1] - begin[bent], lengths)
    index[starts[1:] - 1] = begin[bent]
    loops = shapely.from_ragged_array(
        shapely.GeometryType.POLYGON, lines.points[index].astype(np.float64), (starts, np.arange(len(bent) + 1))
    )
    ends = np.concatenate([lines.starts[:-1], lines.starts[1:] - 1])
    nodes = shapely.points(np.unique(lines.points[ends], axis=0))
    wrong[bent[shapely.STRtree(nodes).query(loops, predicate="contains")[0]]] = True
    return wrong


def _areas(rings: Polylines) -> IntArray:
    """Twice the signed area of every ring, (R,)."""
    following = np.arange(1, len(rings.points) + 1)
    following[rings.starts[1:] - 1] = rings.starts[:-1]
    here, there = rings.points, rings.points[following]
    return np.asarray(np.add.reduceat(here[:, 0] * there[:, 1] - there[:, 0] * here[:, 1], rings.starts[:-1]))

"""From the partitions of overlapping tiles to one partition of the scene: no seam, and no parcel twice.

1. *Link.* Two segments of neighbouring tiles are the same parcel where they agree inside the overlap of the windows
   (connected components over all pairs), and where the edges of both tiles cut them and one of them holds the other.
2. *Represent.* A parcel that some tile sees whole is drawn as that tile drew it, across the border of its core. Only a parcel
   that no tile sees whole is put together from what its segments hold in their cores.
3. *Paint.* Where representatives of different parcels overlap (the tiles disagree), the better seen one keeps the pixels; the
   border is then an outline that a tile has drawn, not a seam. The order is the same for the whole scene, so every block is
   painted on its own, with its tile and the eight around it in memory.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import shapely
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from isagrsc2.delineation.merging import fill_gaps
from isagrsc2.options import check_share
from isagrsc2.scene.polygons import polygonise, rasterise

Bounds = tuple[int, int, int, int]
Geometries = npt.NDArray[np.object_]
Labels = npt.NDArray[np.int32]
IntArray = npt.NDArray[np.integer[Any]]


@dataclass(frozen=True)
class Part:
    """What one tile contributes: its partition as pixel-exact polygons.

    Attributes:
        bounds: x0, y0, x1, y1 of the tile's window, scene px, the last two exclusive.
        core: the same of its core.
        valid: (H, W) bool of the window.
        polygons: (N,), scene px.
        scores: (N,) float32.
        stability: (N,) float32.
        rounds: (N,) int16.
    """

    bounds: Bounds
    core: Bounds
    valid: npt.NDArray[np.bool_]
    polygons: Geometries
    scores: npt.NDArray[np.float32]
    stability: npt.NDArray[np.float32]
    rounds: npt.NDArray[np.int16]


@dataclass(frozen=True)
class Stitching:
    """How tiles are joined.

    Attributes:
        min_iou: segments of two tiles are one parcel if their IoU inside the overlap is at least this. Above one half the
            partner is unique.
        min_contained: so are, where one of them is cut by its tile's edge, two of which the smaller lies in the other by at
            least this share, inside the overlap.
    """

    min_iou: float
    min_contained: float

    def __post_init__(self) -> None:
        """Check the numbers."""
        check_share("stitching.min_iou", self.min_iou)
        check_share("stitching.min_contained", self.min_contained)


@dataclass(frozen=True)
class Stitched:
    """One parcel of the scene.

    Attributes:
        polygon: pixel-exact, scene px; one 4-connected region.
        score: mean of its segments, weighted by area.
        stability: likewise.
        round: the round that found the first of its segments.
    """

    polygon: shapely.Polygon
    score: float
    stability: float
    round: int


def stitch(
    bounds: Sequence[Bounds],
    load: Callable[[int], Part],
    size: tuple[int, int],
    min_area: float,
    rule: Stitching,
) -> list[Stitched]:
    """Join the parts of all tiles.

    Args:
        bounds: of every tile's window, scene px.
        load: reads the part of a tile; called several times for each.
        size: width and height of the scene, px.
        min_area: minimum mapping unit, px.
        rule: when segments are one parcel.

    Returns:
        A planar partition, from the scene's upper left to its lower right.
    """
    neighbours = _neighbours(bounds)
    members = _collect(len(bounds), load, size)
    same = [
        (int(members.offsets[one]) + a, int(members.offsets[two]) + b)
        for one, others in enumerate(neighbours)
        for two in others
        if one < two
        for a, b in links(load(one), load(two), size, rule)
    ]
    parcels = _gather(members, same, rule)
    pieces: dict[int, list[shapely.Geometry]] = {}
    for tile in range(len(bounds)):
        for label, polygon in _paint_core(tile, neighbours[tile], load, members, parcels, min_area):
            pieces.setdefault(label, []).append(polygon)
    regions = [(label, region) for label in sorted(pieces) for region in _regions(pieces[label])]
    kept, labels = absorb_small([region for _, region in regions], [label for label, _ in regions], min_area)
    stitched = [
        Stitched(
            region,
            float(parcels.scores[label]),
            float(parcels.stability[label]),
            int(parcels.rounds[label]),
        )
        for label, region in zip(labels, kept, strict=True)
    ]
    return sorted(stitched, key=lambda parcel: (parcel.polygon.bounds[1], parcel.polygon.bounds[0], parcel.polygon.area))


def links(one: Part, two: Part, size: tuple[int, int], rule: Stitching) -> list[tuple[int, int]]:
    """Rows (a, b) of two parts that show the same parcel, judged inside the overlap of their windows.

    Each segment gets at most one partner, the best, so that disagreement between tiles does not run fields together in a
    chain. Only where the edges of both tiles cut two segments, and one holds the other, are they joined in any case: neither
    tile knows where they end, and a border between them would follow a seam.
    """
    x0, y0 = max(one.bounds[0], two.bounds[0]), max(one.bounds[1], two.bounds[1])
    x1, y1 = min(one.bounds[2], two.bounds[2]), min(one.bounds[3], two.bounds[3])
    if x0 >= x1 or y0 >= y1:
        return []
    first, second = (_labels(part, (x0, y0, x1, y1)) for part in (one, two))
    both = (first > 0) & (second > 0)
    width = len(two.polygons) + 1
    keys, shared = np.unique(first[both].astype(np.int64) * width + second[both], return_counts=True)
    a, b = keys // width - 1, keys % width - 1
    area_a = np.bincount(first.ravel(), minlength=len(one.polygons) + 1)[1:][a]
    area_b = np.bincount(second.ravel(), minlength=width)[1:][b]
    iou = shared / (area_a + area_b - shared)
    cut_a, cut_b = cut_by_edge(one, size)[a], cut_by_edge(two, size)[b]
    contained = shared >= rule.min_contained * np.minimum(area_a, area_b)
    alike = (iou >= rule.min_iou) | ((cut_a | cut_b) & contained)
    # Neither tile sees the end of these, and one of them sees no border between them: with one there would be a seam.
    open_ended = cut_a & cut_b & contained
    found: list[tuple[int, int]] = []
    taken_a: set[int] = set()
    taken_b: set[int] = set()
    for row in np.lexsort((b, a, -shared, -iou)).tolist():
        left, right = int(a[row]), int(b[row])
        if open_ended[row] or (alike[row] and left not in taken_a and right not in taken_b):
            found.append((left, right))
            taken_a.add(left)
            taken_b.add(right)
    return found


def cut_by_edge(part: Part, size: tuple[int, int]) -> npt.NDArray[np.bool_]:
    """Tell (N,) which segments touch an edge of their window that is not an edge of the scene: these are seen in part only."""
    if not len(part.polygons):
        return np.zeros(0, bool)
    box = shapely.bounds(part.polygons)  # (N, 4)
    x0, y0, x1, y1 = part.bounds
    return (
        ((box[:, 0] <= x0) & (x0 > 0))
        | ((box[:, 1] <= y0) & (y0 > 0))
        | ((box[:, 2] >= x1) & (x1 < size[0]))
        | ((box[:, 3] >= y1) & (y1 < size[1]))
    )


def absorb_small(
    regions: Sequence[shapely.Polygon], labels: Sequence[int], min_area: float
) -> tuple[list[shapely.Polygon], list[int]]:
    """Give regions below ``min_area`` px to the neighbour with which they share the longest border; without one they go."""
    shapes = np.array(regions, object)
    areas = shapely.area(shapes)
    small = areas < min_area
    if not small.any():
        return list(regions), list(labels)
    tree = shapely.STRtree(shapes)
    gains: dict[int, list[shapely.Geometry]] = {}
    for row in np.flatnonzero(small).tolist():
        near = np.array([n for n in tree.query(shapes[row], predicate="touches").tolist() if not small[n]], np.int64)
        if len(near):
            common = shapely.length(shapely.intersection(shapes[near], shapes[row]))
            if common.max() > 0:
                gains.setdefault(int(near[np.argmax(common)]), []).append(shapes[row])
    kept_regions, kept_labels = [], []
    for row in np.flatnonzero(~small).tolist():
        region = shapes[row]
        if row in gains:
            region = _regions([region, *gains[row]])[0]
        kept_regions.append(region)
        kept_labels.append(labels[row])
    return kept_regions, kept_labels


@dataclass(frozen=True)
class _Members:
    """All segments of all tiles, numbered through.

    Attributes:
        offsets: (T + 1,) number of the first segment of each tile.
        areas: (S,) px.
        core_share: (S,) share of the area that lies in the tile's own core.
        cut: (S,) see ``cut_by_edge``.
        scores: (S,).
        stability: (S,).
        rounds: (S,).
    """

    offsets: IntArray
    areas: npt.NDArray[np.float64]
    core_share: npt.NDArray[np.float64]
    cut: npt.NDArray[np.bool_]
    scores: npt.NDArray[np.float32]
    stability: npt.NDArray[np.float32]
    rounds: npt.NDArray[np.int16]


@dataclass(frozen=True)
class _Parcels:
    """Segments gathered into parcels.

    Attributes:
        parcel: (S,) parcel of each segment, 0..P-1.
        drawn: (S,) whether the segment represents its parcel.
        cut: (S,) whether it is painted only within its core.
        rank: (S,) place in the order of painting; the last one painted keeps the pixels.
        scores: (P,) of the parcels.
        stability: (P,).
        rounds: (P,).
    """

    parcel: IntArray
    drawn: npt.NDArray[np.bool_]
    cut: npt.NDArray[np.bool_]
    rank: IntArray
    scores: npt.NDArray[np.float64]
    stability: npt.NDArray[np.float64]
    rounds: IntArray


def _collect(tiles: int, load: Callable[[int], Part], size: tuple[int, int]) -> _Members:
    counts, columns = [0], []
    for tile in range(tiles):
        part = load(tile)
        areas = shapely.area(part.polygons)
        in_core = shapely.area(shapely.intersection(part.polygons, shapely.box(*part.core))) / areas
        columns.append((areas, in_core, cut_by_edge(part, size), part.scores, part.stability, part.rounds))
        counts.append(len(part.polygons))
    areas, in_core, cut, scores, stability, rounds = (np.concatenate(column) for column in zip(*columns, strict=True))
    return _Members(np.cumsum(counts), areas, in_core, cut, scores, stability, rounds)


def _gather(members: _Members, same: Sequence[tuple[int, int]], rule: Stitching) -> _Parcels:
    """Unite linked segments and decide how each parcel is drawn."""
    count = len(members.areas)
    one, two = np.array(same, np.int64).reshape(-1, 2).T
    graph = coo_array((np.ones(len(one), np.int8), (one, two)), shape=(count, count))
    parcels, parcel = connected_components(graph, directed=False)
    # A part is no larger than the whole: what is much smaller than a segment cut by its tile's edge does not show all of it.
    largest = np.zeros(parcels)
    np.maximum.at(largest, parcel, members.areas)
    whole = ~members.cut & (members.areas >= rule.min_contained * largest[parcel])
    # Within a parcel: seen whole before cut, then more of it in the core, then the better score.
    order = np.lexsort((members.scores, members.core_share, whole, parcel))
    representative = np.zeros(count, bool)
    representative[order[np.append(np.diff(parcel[order]) > 0, np.ones(min(count, 1), bool))]] = True
    seen_whole = np.bincount(parcel[whole], minlength=parcels) > 0  # (P,)
    in_pieces = ~seen_whole[parcel]
    # Among parcels: seen whole and mostly in the own core first, then seen whole, then the better score, then the smaller one.
    trusted = whole & (members.core_share >= 0.5)
    rank = np.empty(count, np.int64)
    rank[np.lexsort((np.arange(count), -members.areas, members.scores, whole, trusted))] = np.arange(count)
    weight = np.bincount(parcel, members.areas, parcels)
    first_round = np.full(parcels, np.iinfo(np.int16).max, np.int16)
    np.minimum.at(first_round, parcel, members.rounds)

    def mean(values: npt.NDArray[np.float32]) -> npt.NDArray[np.float64]:
        return np.bincount(parcel, members.areas * values, parcels) / weight

    return _Parcels(
        parcel,
        (representative & whole) | in_pieces,
        members.cut,
        rank,
        mean(members.scores),
        mean(members.stability),
        first_round,
    )


def _paint_core(
    tile: int, around: Sequence[int], load: Callable[[int], Part], members: _Members, parcels: _Parcels, min_area: float
) -> Iterator[tuple[int, shapely.Geometry]]:
    """Paint one tile's core; yields (parcel, polygon) of every region in it."""
    own = load(tile)
    # A gap below the minimum mapping unit is no longer than its area: within this margin it is seen whole from every core.
    frame = _grown(own.core, int(np.ceil(min_area)), own.bounds)
    shape = (frame[3] - frame[1], frame[2] - frame[0])
    brushes: list[_Brush] = []
    for other in (tile, *around):
        brushes += _brushes(load(other), int(members.offsets[other]), parcels, frame)
    brushes.sort(key=lambda brush: brush.turn)
    labels = [brush.parcel + 1 for brush in brushes]
    painted = rasterise(labels, [brush.shape for brush in brushes], shape, frame[:2])
    dx, dy = frame[0] - own.bounds[0], frame[1] - own.bounds[1]
    filled = fill_gaps(painted, own.valid[dy : dy + shape[0], dx : dx + shape[1]], min_area)
    x0, y0, x1, y1 = own.core
    ids, regions = polygonise(filled[y0 - frame[1] : y1 - frame[1], x0 - frame[0] : x1 - frame[0]], (x0, y0))
    yield from zip((ids - 1).tolist(), regions, strict=True)


@dataclass(frozen=True)
class _Brush:
    """One shape to paint: where in the order, for which parcel."""

    turn: int
    parcel: int
    shape: shapely.Geometry


def _brushes(part: Part, offset: int, parcels: _Parcels, frame: Bounds) -> list[_Brush]:
    """What a part paints inside a frame.

    Every segment is painted, as a ground on which nothing is left open where tiles disagree; over it come the segments by
    which parcels are drawn. What its tile's edge cuts is painted within the core: there its outline is trusted.
    """
    count = len(parcels.rank)
    brushes = []
    for row in np.flatnonzero(shapely.intersects(part.polygons, shapely.box(*frame))).tolist():
        segment, shape = offset + row, part.polygons[row]
        turn, parcel = int(parcels.rank[segment]), int(parcels.parcel[segment])
        if parcels.cut[segment]:
            shape = _polygonal(shapely.intersection(shape, shapely.box(*part.core)))
        if not shape.is_empty:
            brushes.append(_Brush(turn + count * int(parcels.drawn[segment]), parcel, shape))
    return brushes


def _grown(box: Bounds, margin: int, limit: Bounds) -> Bounds:
    """Grow a box by a margin, at most to a limit."""
    return (
        max(box[0] - margin, limit[0]),
        max(box[1] - margin, limit[1]),
        min(box[2] + margin, limit[2]),
        min(box[3] + margin, limit[3]),
    )


def _labels(part: Part, frame: Bounds) -> Labels:
    """Labels (row + 1) of a part inside a frame."""
    near = np.flatnonzero(shapely.intersects(part.polygons, shapely.box(*frame)))
    return rasterise(near + 1, part.polygons[near], (frame[3] - frame[1], frame[2] - frame[0]), frame[:2])


def _regions(pieces: Sequence[shapely.Geometry]) -> list[shapely.Polygon]:
    """Unite abutting pixel-exact pieces; the largest region first. Vertices in the middle of an edge are removed."""
    united = shapely.union_all(np.array(pieces, object)) if len(pieces) > 1 else pieces[0]
    polygons = list(shapely.get_parts(_polygonal(united.simplify(0))))
    return sorted(polygons, key=lambda polygon: -polygon.area)


def _polygonal(geometry: shapely.Geometry) -> shapely.Geometry:
    """Keep only the areas of a geometry."""
    if geometry.geom_type in ("Polygon", "MultiPolygon"):
        return geometry
    areas = [part for part in shapely.get_parts(geometry) if part.geom_type in ("Polygon", "MultiPolygon")]
    return shapely.union_all(areas) if areas else shapely.Polygon()


def _neighbours(bounds: Sequence[Bounds]) -> list[list[int]]:
    """For every tile the others whose windows overlap its own."""
    boxes = shapely.box(*np.array(bounds, float).T)
    first, second = shapely.STRtree(boxes).query(boxes, predicate="intersects")
    around: list[list[int]] = [[] for _ in bounds]
    for a, b in sorted(zip(first.tolist(), second.tolist(), strict=True)):
        if a != b:
            around[a].append(b)
    return around

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
from isagrsc2.delineation.settling import Settling, unite
from isagrsc2.options import check_share
from isagrsc2.scene.polygons import polygonise, rasterise_partition

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
) -> Iterator[Stitched]:
    """Join the parts of all tiles.

    Of every segment some numbers are held in memory; of polygons only those of parcels that later tiles may still change.

    Args:
        bounds: of every tile's window, scene px, row by row from the scene's upper left.
        load: reads the part of a tile; called several times for each.
        size: width and height of the scene, px.
        min_area: minimum mapping unit, px.
        rule: when segments are one parcel.

    Yields:
        A planar partition, in bands from the scene's top to its bottom.
    """
    neighbours = _neighbours(bounds)
    members = _collect(len(bounds), load, size)
    parcels = _gather(members, _all_links(neighbours, load, members, size, rule), rule)
    ending = _ending(neighbours, members, parcels)
    unfinished: dict[int, list[shapely.Geometry]] = {}
    settling = Settling(min_area)
    for tile, bottom in enumerate(_painted_down_to(len(bounds), load)):
        for label, polygon in _paint_core(tile, neighbours[tile], load, members, parcels, min_area):
            unfinished.setdefault(label, []).append(polygon)
        for label in ending[tile].tolist():
            for region in unite(unfinished.pop(label, [])):
                settling.add(label, region)
        if bottom is not None:
            rest = [piece for pieces in unfinished.values() for piece in pieces]
            for label, region in settling.settled(rest, bottom):
                scores, stability, rounds = parcels.scores[label], parcels.stability[label], parcels.rounds[label]
                yield Stitched(region, float(scores), float(stability), int(rounds))


def links(one: Part, two: Part, size: tuple[int, int], rule: Stitching) -> list[tuple[int, int]]:
    """Rows (a, b) of two parts that show the same parcel, judged inside the overlap of their windows.

    Each segment gets at most one partner, the best, so that disagreement between tiles does not run fields together in a
    chain. Only where the edges of both tiles cut two segments, and one holds the other, are they joined in any case: neither
    tile knows where they end, and a border between them would follow a seam.
    """
    overlap = _common(one.bounds, two.bounds)
    if overlap[0] >= overlap[2] or overlap[1] >= overlap[3]:
        return []
    first, second = (_labels(part, overlap) for part in (one, two))
    shape = len(one.polygons) + 1, len(two.polygons) + 1
    pixels = np.bincount(np.ravel_multi_index((first.ravel(), second.ravel()), shape), minlength=shape[0] * shape[1])
    pixels = pixels.reshape(shape)  # (A + 1, B + 1), of every pair
    a, b = np.nonzero(pixels[1:, 1:])
    shared = pixels[1:, 1:][a, b]
    area_a, area_b = pixels.sum(axis=1)[1:][a], pixels.sum(axis=0)[1:][b]
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
        turn: (S,) int32, place of each segment in the order of painting, from 1; the last one painted keeps the pixels.
        label: (S + 1,) int32, number of the parcel painted at each turn plus one; 0 before the first.
        scores: (P,) of the parcels.
        stability: (P,).
        rounds: (P,).
    """

    parcel: IntArray
    turn: Labels
    label: Labels
    scores: npt.NDArray[np.float64]
    stability: npt.NDArray[np.float64]
    rounds: IntArray


def _collect(tiles: int, load: Callable[[int], Part], size: tuple[int, int]) -> _Members:
    counts, columns = [0], []
    for tile in range(tiles):
        part = load(tile)
        areas = shapely.area(part.polygons)
        columns.append((areas, _area_inside(part.polygons, part.core) / areas, cut_by_edge(part, size), part.scores, part.stability, part.rounds))
        counts.append(len(part.polygons))
    areas, in_core, cut, scores, stability, rounds = (np.concatenate(column) for column in zip(*columns, strict=True))
    return _Members(np.cumsum(counts), areas, in_core, cut, scores, stability, rounds)


def _area_inside(polygons: Geometries, core: Bounds) -> npt.NDArray[np.float64]:
    """(N,) px² of each polygon that lie in a box."""
    areas = shapely.area(polygons)
    low, high = np.hsplit(shapely.bounds(polygons), 2)  # (N, 2) each
    beyond = np.flatnonzero(((low < core[:2]) | (high > core[2:])).any(axis=1))  # mostly few
    areas[beyond] = shapely.area(shapely.clip_by_rect(polygons[beyond], *core))
    return areas


def _all_links(
    neighbours: Sequence[Sequence[int]], load: Callable[[int], Part], members: _Members, size: tuple[int, int], rule: Stitching
) -> npt.NDArray[np.int64]:
    """(L, 2) numbers of segments that show the same parcel."""
    pairs = [np.zeros((0, 2), np.int64)]
    for one, others in enumerate(neighbours):
        for two in others:
            if one < two:
                rows = np.array(links(load(one), load(two), size, rule), np.int64).reshape(-1, 2)
                pairs.append(rows + members.offsets[[one, two]])
    return np.concatenate(pairs)


def _ending(neighbours: Sequence[Sequence[int]], members: _Members, parcels: _Parcels) -> list[IntArray]:
    """For every tile the parcels of which no later tile's core can hold anything."""
    last = np.array([max((tile, *around)) for tile, around in enumerate(neighbours)], np.int64)  # (T,)
    tile_of = np.repeat(np.arange(len(neighbours)), np.diff(members.offsets))  # (S,)
    end = np.zeros(len(parcels.scores), np.int64)  # (P,)
    np.maximum.at(end, parcels.parcel, last[tile_of])
    order = np.argsort(end, kind="stable")
    return np.split(order, np.searchsorted(end[order], np.arange(1, len(neighbours))))


def _painted_down_to(tiles: int, load: Callable[[int], Part]) -> Iterator[float | None]:
    """For every tile the row above which every core is painted once its own is; None within a row of tiles."""
    for tile in range(tiles):
        bottom = load(tile).core[3]
        if tile + 1 == tiles:
            yield np.inf
        else:
            yield bottom if load(tile + 1).core[1] == bottom else None


def _gather(members: _Members, same: npt.NDArray[np.int64], rule: Stitching) -> _Parcels:
    """Unite linked segments (L, 2) and decide how each parcel is drawn."""
    count = len(members.areas)
    one, two = same.T
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
    # Every segment is painted, as a ground on which nothing is left open where tiles disagree; over it come the segments by
    # which parcels are drawn. The last word has what is seen whole and mostly in the own core, then what is seen whole, then
    # the better score, then the smaller one.
    drawn = (representative & whole) | in_pieces
    trusted = whole & (members.core_share >= 0.5)
    order = np.lexsort((np.arange(count), -members.areas, members.scores, whole, trusted, drawn))
    turn = np.empty(count, np.int32)
    turn[order] = np.arange(1, count + 1)
    weight = np.bincount(parcel, members.areas, parcels)
    first_round = np.full(parcels, np.iinfo(np.int16).max, np.int16)
    np.minimum.at(first_round, parcel, members.rounds)

    def mean(values: npt.NDArray[np.float32]) -> npt.NDArray[np.float64]:
        return np.bincount(parcel, members.areas * values, parcels) / weight

    label = np.append(0, parcel[order] + 1).astype(np.int32)
    return _Parcels(parcel, turn, label, mean(members.scores), mean(members.stability), first_round)


def _paint_core(
    tile: int, around: Sequence[int], load: Callable[[int], Part], members: _Members, parcels: _Parcels, min_area: float
) -> Iterator[tuple[int, shapely.Geometry]]:
    """Paint one tile's core; yields (parcel, polygon) of every region in it."""
    own = load(tile)
    # A gap below the minimum mapping unit is no longer than its area: within this margin it is seen whole from every core.
    frame = _grown(own.core, int(np.ceil(min_area)), own.bounds)
    turns = np.zeros((frame[3] - frame[1], frame[2] - frame[0]), np.int32)
    for other in (tile, *around):
        rows = slice(int(members.offsets[other]), int(members.offsets[other + 1]))
        _paint_part(turns, frame, load(other), parcels.turn[rows], members.cut[rows])
    painted = parcels.label[turns]  # (h, w)
    dx, dy = frame[0] - own.bounds[0], frame[1] - own.bounds[1]
    filled = fill_gaps(painted, own.valid[dy : dy + turns.shape[0], dx : dx + turns.shape[1]], min_area)
    x0, y0, x1, y1 = own.core
    ids, regions = polygonise(filled[y0 - frame[1] : y1 - frame[1], x0 - frame[0] : x1 - frame[0]], (x0, y0))
    yield from zip((ids - 1).tolist(), regions, strict=True)


def _paint_part(turns: Labels, frame: Bounds, part: Part, turn: Labels, cut: npt.NDArray[np.bool_]) -> None:
    """Raise ``turns`` (h, w) of a frame to those of a part's segments, where theirs come later.

    What its tile's edge cuts is painted within the core: there its outline is trusted.

    Args:
        turns: is written to.
        frame: scene px.
        part: of a tile that may lie beside the frame.
        turn: (N,) of its segments.
        cut: (N,) which of them are cut.
    """
    window = _common(part.bounds, frame)
    if window[0] >= window[2] or window[1] >= window[3]:
        return
    rows = _labels(part, window)  # (h', w')
    painted = np.append(0, turn).astype(np.int32)[rows]
    core = _within(_common(part.core, window), window)
    outside = np.append(False, cut)[rows]
    outside[core] = False
    painted[outside] = 0
    here = turns[_within(window, frame)]
    np.maximum(here, painted, out=here)


def _common(one: Bounds, two: Bounds) -> Bounds:
    """What two boxes share; empty boxes have a side of no length or less."""
    return max(one[0], two[0]), max(one[1], two[1]), min(one[2], two[2]), min(one[3], two[3])


def _within(box: Bounds, frame: Bounds) -> tuple[slice, slice]:
    """Rows and columns of a box in the raster of a frame that holds it."""
    x, y = frame[:2]
    return slice(box[1] - y, max(box[3], box[1]) - y), slice(box[0] - x, max(box[2], box[0]) - x)


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
    numbers = np.arange(1, len(part.polygons) + 1)
    return rasterise_partition(numbers, part.polygons, (frame[3] - frame[1], frame[2] - frame[0]), frame[:2])


def _neighbours(bounds: Sequence[Bounds]) -> list[list[int]]:
    """For every tile the others whose windows overlap its own."""
    boxes = shapely.box(*np.array(bounds, float).T)
    first, second = shapely.STRtree(boxes).query(boxes, predicate="intersects")
    around: list[list[int]] = [[] for _ in bounds]
    for a, b in sorted(zip(first.tolist(), second.tolist(), strict=True)):
        if a != b:
            around[a].append(b)
    return around

"""From the partitions of overlapping tiles to one partition of the scene: no seam, and no parcel twice.

1. *Link.* Two segments of neighbouring tiles are the same parcel where they agree inside the overlap of the windows
   (connected components over all pairs), and where the edges of both tiles cut them and one of them holds the other.
2. *Represent.* A parcel that some tile sees whole is drawn as that tile drew it, across the border of its core. Only a parcel
   that no tile sees whole is put together from what its segments hold in their cores.
3. *Paint.* Where representatives of different parcels overlap (the tiles disagree), the better seen one keeps the pixels; the
   border is then an outline that a tile has drawn, not a seam. The order is the same for the whole scene, so every block is
   painted on its own, with its tile and the eight around it in memory.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import chain
from typing import Any, Protocol, TypeVar

import numpy as np
import numpy.typing as npt
import shapely
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from isagrsc2.delineation.core_painting import Members, Parcels, paint_core
from isagrsc2.delineation.part import Bounds, Geometries, IntArray, Labels, Part, burnt, common, cut_by_edge
from isagrsc2.delineation.settling import Settling, unite
from isagrsc2.options import check_share

Result = TypeVar("Result")

# Tiles that are looked at together: neighbours are then read once and not by every process.
_RUN = 8


class Spread(Protocol):
    """A map that keeps the order, like the built-in one; maybe over processes."""

    def __call__(self, function: Callable[[range], Result], runs: Iterable[range], /) -> Iterable[Result]:
        """Yield one result for every run."""
        ...


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
    tiles: Sequence[tuple[Bounds, Bounds]],
    load: Callable[[int], Part],
    size: tuple[int, int],
    min_area: float,
    rule: Stitching,
    spread: Spread,
) -> Iterator[Stitched]:
    """Join the parts of all tiles.

    Of every segment some numbers are held in memory; of polygons only those of parcels that later tiles may still change.

    Args:
        tiles: windows and cores, scene px, row by row from the scene's upper left.
        load: reads the part of a tile; called several times for each. Travels to other processes if ``spread`` does.
        size: width and height of the scene, px.
        min_area: minimum mapping unit, px.
        rule: when segments are one parcel.
        spread: maps a function over runs of tiles, in their order.

    Yields:
        A planar partition, in bands from the scene's top to its bottom; those of a band from the left to the right and in the
        next one back again, so that neighbours come soon after each other.
    """
    neighbours = _neighbours([window for window, _ in tiles])
    runs = [range(first, min(first + _RUN, len(tiles))) for first in range(0, len(tiles), _RUN)]
    cores = np.array([core for _, core in tiles])  # (T, 4)
    surveys = chain.from_iterable(spread(partial(_survey, neighbours, cores, load, size, min_area, rule), runs))
    members, same = _number_through(surveys)
    parcels = _gather(members, same, rule)
    ending = _ending(members, parcels)
    unfinished: dict[int, list[shapely.Geometry]] = {}
    settling = Settling(min_area, max(core[2] - core[0] for _, core in tiles))
    painted = chain.from_iterable(spread(partial(_paint, neighbours, load, members, parcels, min_area), runs))
    for tile, regions in enumerate(painted):
        for label, polygon in regions:
            unfinished.setdefault(label, []).append(polygon)
        for label in ending[tile].tolist():
            for region in unite(unfinished.pop(label, [])):
                settling.add(label, region)
        if _ends_row(tiles, tile):
            rest = [piece for pieces in unfinished.values() for piece in pieces]
            bottom = np.inf if tile + 1 == len(tiles) else tiles[tile][1][3]
            for label, region in settling.settled(rest, bottom):
                scores, stability, rounds = parcels.scores[label], parcels.stability[label], parcels.rounds[label]
                yield Stitched(region, float(scores), float(stability), int(rounds))


def links(one: Part, two: Part, size: tuple[int, int], rule: Stitching) -> list[tuple[int, int]]:
    """Rows (a, b) of two parts that show the same parcel, judged inside the overlap of their windows.

    Each segment gets at most one partner, the best, so that disagreement between tiles does not run fields together in a
    chain. Only where the edges of both tiles cut two segments, and one holds the other, are they joined in any case: neither
    tile knows where they end, and a border between them would follow a seam.
    """
    overlap = common(one.bounds, two.bounds)
    if overlap[0] >= overlap[2] or overlap[1] >= overlap[3]:
        return []
    rows, columns = len(one.polygons) + 1, len(two.polygons) + 1
    # The sum of both is a number for every pair; row 0 and column 0 of the table are what no segment holds.
    pairs = burnt(one, columns * np.arange(1, rows), overlap) + burnt(two, np.arange(1, columns), overlap)
    pixels = np.bincount(pairs.ravel(), minlength=rows * columns).reshape(rows, columns)
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


def area_inside(polygons: Geometries, core: Bounds) -> npt.NDArray[np.float64]:
    """(N,) px² of each polygon that lie in a box."""
    areas = shapely.area(polygons)
    low, high = np.hsplit(shapely.bounds(polygons), 2)  # (N, 2) each
    beyond = np.flatnonzero(((low < core[:2]) | (high > core[2:])).any(axis=1))  # mostly few
    areas[beyond] = shapely.area(shapely.clip_by_rect(polygons[beyond], *core))
    return areas


@dataclass(frozen=True)
class _Survey:
    """What must be known of a part before anything is painted.

    Attributes:
        columns: of its N segments, as in ``Members``: areas, core_share, cut, scores, stability, rounds, last.
        links: later tiles around it, and (L, 2) rows of both parts that show the same parcel.
    """

    columns: tuple[npt.NDArray[Any], ...]
    links: list[tuple[int, npt.NDArray[np.int64]]]


def _survey(
    neighbours: Sequence[Sequence[int]],
    cores: IntArray,
    load: Callable[[int], Part],
    size: tuple[int, int],
    min_area: float,
    rule: Stitching,
    run: range,
) -> list[_Survey]:
    """Look at a run of tiles."""
    found = []
    for tile in run:
        part = load(tile)
        areas = shapely.area(part.polygons)
        seen = area_inside(part.polygons, part.core) / areas, cut_by_edge(part, size)
        last = _last_core(part.polygons, np.array([tile, *neighbours[tile]]), cores, min_area)
        columns = (areas, *seen, part.scores, part.stability, part.rounds, last)
        later = [other for other in neighbours[tile] if other > tile]
        same = [np.array(links(part, load(other), size, rule), np.int64).reshape(-1, 2) for other in later]
        found.append(_Survey(columns, list(zip(later, same, strict=True))))
    return found


def _last_core(polygons: Geometries, tiles: IntArray, cores: IntArray, min_area: float) -> Labels:
    """(N,) the last of the tiles (K,) whose core a polygon reaches; cores are (T, 4)."""
    # What fills a gap is at most as long as its area, which is below the minimum mapping unit.
    margin = np.ceil(min_area)
    low, high = np.hsplit(shapely.bounds(polygons), 2)  # (N, 2) each
    reached = (low[:, None] - margin <= cores[tiles, 2:]) & (high[:, None] + margin >= cores[tiles, :2])  # (N, K, 2)
    reached = reached.all(axis=2)  # (N, K)
    return np.where(reached, tiles, -1).max(axis=1).astype(np.int32)


def _number_through(surveys: Iterable[_Survey]) -> tuple[Members, npt.NDArray[np.int64]]:
    """All segments of all tiles, and (L, 2) numbers of those that show the same parcel."""
    columns, found = [], []
    for tile, survey in enumerate(surveys):
        columns.append(survey.columns)
        found += [(tile, other, rows) for other, rows in survey.links]
    offsets = np.append(0, np.cumsum([len(areas) for areas, *_ in columns]))
    members = Members(offsets, *(np.concatenate(column) for column in zip(*columns, strict=True)))
    pairs = [rows + offsets[[tile, other]] for tile, other, rows in found]
    return members, np.concatenate([np.zeros((0, 2), np.int64), *pairs])


def _paint(
    neighbours: Sequence[Sequence[int]],
    load: Callable[[int], Part],
    members: Members,
    parcels: Parcels,
    min_area: float,
    run: range,
) -> list[list[tuple[int, shapely.Geometry]]]:
    """Paint the cores of a run of tiles."""
    return [list(paint_core(tile, neighbours[tile], load, members, parcels, min_area)) for tile in run]


def _ends_row(tiles: Sequence[tuple[Bounds, Bounds]], tile: int) -> bool:
    """Whether every core above this one's lower edge is painted once its own is."""
    return tile + 1 == len(tiles) or tiles[tile + 1][1][1] >= tiles[tile][1][3]


def _ending(members: Members, parcels: Parcels) -> list[IntArray]:
    """For every tile the parcels of which no later tile's core can hold anything."""
    end = np.zeros(len(parcels.scores), np.int32)  # (P,)
    np.maximum.at(end, parcels.parcel, members.last)
    order = np.argsort(end, kind="stable")
    return np.split(order, np.searchsorted(end[order], np.arange(1, len(members.offsets) - 1)))


def _gather(members: Members, same: npt.NDArray[np.int64], rule: Stitching) -> Parcels:
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
    return Parcels(parcel, turn, label, mean(members.scores), mean(members.stability), first_round)


def _neighbours(bounds: Sequence[Bounds]) -> list[list[int]]:
    """For every tile the others whose windows overlap its own."""
    boxes = shapely.box(*np.array(bounds, float).T)
    first, second = shapely.STRtree(boxes).query(boxes, predicate="intersects")
    around: list[list[int]] = [[] for _ in bounds]
    for a, b in sorted(zip(first.tolist(), second.tolist(), strict=True)):
        if a != b:
            around[a].append(b)
    return around

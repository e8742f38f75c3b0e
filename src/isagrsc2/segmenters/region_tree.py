"""A hierarchy of image regions: watershed basins, merged pair by pair where the border between them is weakest.

The hierarchy is the one behind ultrametric contour maps (Arbelaez et al. 2011, "Contour Detection and Hierarchical Image
Segmentation", section IV): the strength of a border between two regions is the *mean* edge along all of it, measured
again after every merge, so one gap in a hedge does not let two fields run together as a plain watershed hierarchy does.
"""

import heapq
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy import ndimage
from skimage.morphology import h_minima
from skimage.segmentation import watershed

FloatArray = npt.NDArray[np.floating[Any]]
IntArray = npt.NDArray[np.integer[Any]]


@dataclass(frozen=True)
class RegionTree:
    """A binary tree of regions; leaves are 0..L-1, every later node is the union of its two children.

    Attributes:
        leaves: (H, W) int32, the leaf each pixel belongs to.
        parent: (M,) int32, -1 at a root.
        birth: (M,) float32, strength of the border that vanished when the node was made (0 for leaves): the strongest border
            inside it, in the units of the edges.
        areas: (M,) int64 px.
        outline: (M,) float32, length of the border to other regions, px; the image's own edge does not count.
        outline_edge: (M,) float32, mean edge along that border; 0 where there is none.
        first: (M,) int32; the leaves of node k are those whose rank lies in first[k] .. last[k] - 1.
        last: (M,) int32.
        rank: (L,) int32, position of each leaf in the order in which every node's leaves lie side by side.
    """

    leaves: npt.NDArray[np.int32]
    parent: npt.NDArray[np.int32]
    birth: npt.NDArray[np.float32]
    areas: npt.NDArray[np.int64]
    outline: npt.NDArray[np.float32]
    outline_edge: npt.NDArray[np.float32]
    first: npt.NDArray[np.int32]
    last: npt.NDArray[np.int32]
    rank: npt.NDArray[np.int32]

    @property
    def death(self) -> npt.NDArray[np.float32]:
        """(M,) strength of the weakest border around each node: that at which it is merged; infinite at a root."""
        return np.where(self.parent >= 0, self.birth[self.parent], np.inf).astype(np.float32)

    def at_level(self, level: float) -> npt.NDArray[np.int32]:
        """Return (L,) int32, for every leaf its largest ancestor (or itself) born at or below ``level``."""
        node = np.arange(len(self.parent), dtype=np.int32)
        # Births never fall towards the root and parents come after children: one sweep from the roots suffices.
        rises = (self.parent >= 0) & (self.birth[self.parent] <= level)
        for k in np.flatnonzero(rises)[::-1].tolist():
            node[k] = node[self.parent[k]]
        return node[: len(self.rank)]


def basins(relief: FloatArray, min_depth: float, step: float) -> npt.NDArray[np.int32]:
    """Watershed basins of a relief (Meyer 1994; h-minima: Soille 2003, section 6.3).

    Args:
        relief: (H, W) heights, not negative.
        min_depth: a basin shallower than this is part of its neighbour.
        step: heights closer than this are equal.

    Returns:
        (H, W) int32, 0..L-1, each basin one connected region.
    """
    steps = (relief / step).astype(np.int32)
    markers, _ = ndimage.label(h_minima(steps, max(1, round(min_depth / step))))
    if not markers.any():  # a flat relief has no minimum at all: it is one basin
        markers[0, 0] = 1
    return np.asarray(watershed(steps, markers), np.int32) - 1


def merge_basins(
    leaves: npt.NDArray[np.int32], edges: FloatArray, features: FloatArray, feature_weight: float, small: float
) -> RegionTree:
    """Merge the two neighbours with the weakest border again and again until nothing touches.

    Args:
        leaves: (H, W) int32, 0..L-1.
        edges: (H, W), how much each pixel looks like a border.
        features: (H, W, C), whose means tell regions apart.
        feature_weight: how much the distance of the means of two regions counts beside the mean edge between them.
        small: area, px, at which a region's borders count half: what is much smaller merges first.
    """
    count = int(leaves.max()) + 1
    flat = leaves.ravel()
    areas: list[int] = np.bincount(flat, minlength=count).tolist()
    sums = np.stack([np.bincount(flat, channel.ravel(), count) for channel in np.moveaxis(features, -1, 0)], axis=1)
    totals: list[tuple[float, ...]] = [tuple(row) for row in sums.tolist()]
    borders = _borders(leaves, edges, count)
    outlines = [_total(border) for border in borders]  # (length, sum of edges)
    parent = [-1] * count
    birth = [0.0] * count

    def strength(a: int, b: int) -> float:
        length, edge = borders[a][b]
        area_a, area_b = areas[a], areas[b]
        difference = sum((p / area_a - q / area_b) ** 2 for p, q in zip(totals[a], totals[b], strict=True)) ** 0.5
        smaller = min(area_a, area_b)
        return (edge / length + feature_weight * difference) * smaller / (smaller + small)

    queue = [(strength(a, b), a, b) for a in range(count) for b in borders[a] if a < b]
    heapq.heapify(queue)
    while queue:
        level, a, b = heapq.heappop(queue)
        if parent[a] >= 0 or parent[b] >= 0:
            continue  # an old entry: one of the two has been merged since
        node = len(parent)
        parent[a] = parent[b] = node
        parent.append(-1)
        # A region may become easier to merge when it grows; levels are kept monotone so that cuts are nested.
        birth.append(max(level, birth[a], birth[b]))
        areas.append(areas[a] + areas[b])
        totals.append(tuple(p + q for p, q in zip(totals[a], totals[b], strict=True)))
        shared = borders[a][b]
        outlines.append(tuple(p + q - 2 * common for p, q, common in zip(outlines[a], outlines[b], shared, strict=True)))
        borders.append(_join_borders(borders, a, b, node))
        for other in borders[node]:
            heapq.heappush(queue, (strength(other, node), other, node))
    first, last, rank = _leaf_order(parent, count)
    length, edge = np.array(outlines, np.float32).T
    return RegionTree(
        leaves,
        np.array(parent, np.int32),
        np.array(birth, np.float32),
        np.array(areas, np.int64),
        length,
        np.divide(edge, length, out=np.zeros_like(edge), where=length > 0),
        first,
        last,
        rank,
    )


Border = dict[int, tuple[float, float]]


def _total(border: Border) -> tuple[float, ...]:
    """Length and sum of edges along all of a border."""
    return sum(length for length, _ in border.values()), sum(edge for _, edge in border.values())


def _borders(leaves: npt.NDArray[np.int32], gradient: FloatArray, count: int) -> list[Border]:
    """For every leaf its neighbours, each with the length of the common border in px and the sum of gradients along it."""
    pairs, strengths = [], []
    for one, two in ((np.s_[:, :-1], np.s_[:, 1:]), (np.s_[:-1], np.s_[1:])):
        differ = leaves[one] != leaves[two]
        a, b = leaves[one][differ].astype(np.int64), leaves[two][differ].astype(np.int64)
        pairs.append(np.minimum(a, b) * count + np.maximum(a, b))
        strengths.append(np.maximum(gradient[one][differ], gradient[two][differ]))
    keys, where = np.unique(np.concatenate(pairs), return_inverse=True)
    lengths = np.bincount(where, minlength=len(keys)).astype(float)
    edges = np.bincount(where, np.concatenate(strengths), len(keys))
    borders: list[Border] = [{} for _ in range(count)]
    for key, length, edge in zip(keys.tolist(), lengths.tolist(), edges.tolist(), strict=True):
        a, b = divmod(key, count)
        borders[a][b] = borders[b][a] = (length, edge)
    return borders


def _join_borders(borders: list[Border], a: int, b: int, node: int) -> Border:
    """Give the borders of ``a`` and ``b`` to ``node``, and tell the neighbours; ``a`` and ``b`` are emptied."""
    joined = borders[a]
    joined.pop(b)
    for other, (length, edge) in borders[b].items():
        if other != a:
            before = joined.get(other, (0.0, 0.0))
            joined[other] = (before[0] + length, before[1] + edge)
    for other, border in joined.items():
        borders[other].pop(a, None)
        borders[other].pop(b, None)
        borders[other][node] = border
    borders[a], borders[b] = {}, {}
    return joined


def _leaf_order(parent: list[int], count: int) -> tuple[npt.NDArray[np.int32], npt.NDArray[np.int32], npt.NDArray[np.int32]]:
    """Number the leaves so that every node's leaves are neighbours: (first, last, rank)."""
    size = [1] * count + [0] * (len(parent) - count)
    for node, up in enumerate(parent):
        if up >= 0:
            size[up] += size[node]
    first, taken, roots = [0] * len(parent), [0] * len(parent), 0
    for node in range(len(parent) - 1, -1, -1):  # parents come after children
        up = parent[node]
        if up < 0:
            first[node] = roots
            roots += size[node]
        else:
            first[node] = first[up] + taken[up]
            taken[up] += size[node]
    start = np.array(first, np.int32)
    return start, start + np.array(size, np.int32), start[:count].copy()

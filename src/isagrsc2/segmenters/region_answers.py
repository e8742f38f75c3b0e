"""Prompts answered with regions of a hierarchy: nested regions under a point, exact to the pixel."""

from dataclasses import dataclass
from typing import Any, Self

import numpy as np
import numpy.typing as npt

from isagrsc2.segmenters.protocol import BoolArray, FloatArray, Rows
from isagrsc2.segmenters.region_tree import RegionTree


@dataclass(frozen=True)
class RankedPixels:
    """The pixels of a frame, sorted so that those of any region of a tree lie side by side.

    Attributes:
        order: (P,) int64, flat indices.
        start: (L + 1,) int64, where the pixels of each rank begin in ``order``.
    """

    order: npt.NDArray[np.int64]
    start: npt.NDArray[np.int64]

    @classmethod
    def sort(cls, ranks: npt.NDArray[np.int32], count: int) -> Self:
        """Sort a frame (h, w) of leaf ranks below ``count``."""
        narrow = ranks.ravel().astype(np.uint16 if count <= 2**16 else np.int32)  # 16 bits are sorted in linear time
        start = np.concatenate([[0], np.cumsum(np.bincount(narrow, minlength=count))])
        return cls(np.argsort(narrow, kind="stable"), start)

    def inside(self, tree: RegionTree, node: int) -> npt.NDArray[np.int64]:
        """Flat indices of the pixels of a node."""
        return self.order[self.start[tree.first[node]] : self.start[tree.last[node]]]


@dataclass(frozen=True)
class RegionEmbedding:
    """The hierarchy of one image, and what each of its nodes is worth.

    Attributes:
        tree: regions of the tile at full resolution.
        nodes: (L, M) int32, for every leaf the node that holds it at each of M levels, finest first.
        scores: (L, M) float32.
        stability: (L, M) float32.
        tile_pixels: of the tile.
        decoder_pixels: of the decoder frame, which holds every ``reduction``-th pixel.
        reduction: tile px per decoder px.
    """

    tree: RegionTree
    nodes: npt.NDArray[np.int32]
    scores: npt.NDArray[np.float32]
    stability: npt.NDArray[np.float32]
    tile_pixels: RankedPixels
    decoder_pixels: RankedPixels
    reduction: int

    @property
    def tile_shape(self) -> tuple[int, int]:
        """(H, W), tile px."""
        height, width = self.tree.leaves.shape
        return height, width

    @property
    def mask_shape(self) -> tuple[int, int]:
        """(h, w), decoder px."""
        height, width = self.tile_shape
        return -(-height // self.reduction), -(-width // self.reduction)

    @property
    def scale(self) -> float:
        """Decoder px per tile px."""
        return 1 / self.reduction


def embed_tree(
    tree: RegionTree,
    nodes: npt.NDArray[np.int32],
    scores: npt.NDArray[np.float32],
    stability: npt.NDArray[np.float32],
    reduction: int,
) -> RegionEmbedding:
    """Make a hierarchy ready to be asked.

    Args:
        tree: regions of the tile at full resolution.
        nodes: (L, M), see ``RegionEmbedding``.
        scores: (L, M) float32.
        stability: (L, M) float32.
        reduction: tile px per decoder px.
    """
    ranks = tree.rank[tree.leaves]  # (H, W)
    rows, columns = (np.minimum(np.arange(0, size, reduction) + reduction // 2, size - 1) for size in ranks.shape)
    pixels, sampled = (RankedPixels.sort(frame, len(tree.rank)) for frame in (ranks, ranks[np.ix_(rows, columns)]))
    return RegionEmbedding(tree, nodes, scores, stability, pixels, sampled, reduction)


def stability_at(tree: RegionTree, strict: float, loose: float) -> npt.NDArray[np.float32]:
    """(L,) area of the region under each leaf at a stricter level, over that at a looser one."""
    return (tree.areas[tree.at_level(strict)] / tree.areas[tree.at_level(loose)]).astype(np.float32)


@dataclass(frozen=True)
class RegionCandidates:
    """Regions under points, as numbers of nodes. Implements ``isagrsc2.segmenters.protocol.Candidates``.

    Attributes:
        embedding: of the image.
        leaves: (N,) int32, the regions under the points that are not divided further.
        nodes: (N, M) int32.
        scores: (N, M) float32.
    """

    embedding: RegionEmbedding
    leaves: npt.NDArray[np.int32]
    nodes: npt.NDArray[np.int32]
    scores: npt.NDArray[np.float32]

    def stability(self, rows: Rows) -> npt.NDArray[np.float32]:
        """See the protocol."""
        point, mask = rows
        return self.embedding.stability[self.leaves[point], mask]

    def pixels(self, point: int, mask: int) -> npt.NDArray[np.int64]:
        """See the protocol."""
        return self.embedding.decoder_pixels.inside(self.embedding.tree, self.nodes[point, mask])

    def smallest(self, points: npt.NDArray[np.integer[Any]]) -> list[npt.NDArray[np.int64]]:
        """See the protocol."""
        nodes, pixels, tree = self.nodes[points], self.embedding.decoder_pixels, self.embedding.tree  # (K, M)
        smallest = (pixels.start[tree.last[nodes]] - pixels.start[tree.first[nodes]]).argmin(axis=1)  # (K,)
        return [pixels.inside(tree, node) for node in nodes[np.arange(len(nodes)), smallest].tolist()]

    def enlarge(self, rows: Rows) -> BoolArray:
        """See the protocol: the regions themselves, whatever the decoder frame shows of them."""
        chosen = self.nodes[rows]  # (K,)
        height, width = self.embedding.tile_shape
        masks = np.zeros((len(chosen), height * width), bool)
        for row, node in enumerate(chosen.tolist()):
            masks[row, self.embedding.tile_pixels.inside(self.embedding.tree, node)] = True
        return masks.reshape(len(chosen), height, width)


def regions_under(embedding: RegionEmbedding, points: FloatArray) -> RegionCandidates:
    """Look up the regions under points (N, 2); points outside the tile are asked at its edge."""
    height, width = embedding.tile_shape
    columns = np.clip(np.floor(points[:, 0]).astype(int), 0, width - 1)
    rows = np.clip(np.floor(points[:, 1]).astype(int), 0, height - 1)
    leaves = embedding.tree.leaves[rows, columns]  # (N,)
    return RegionCandidates(embedding, leaves, embedding.nodes[leaves], embedding.scores[leaves])

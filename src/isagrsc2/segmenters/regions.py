"""Classical segmentation behind SAM's contract: a hierarchy of regions, asked by point. No weights, no torch."""

from dataclasses import dataclass
from typing import Any, Self

import numpy as np
import numpy.typing as npt

from isagrsc2.errors import InputError
from isagrsc2.options import check_number, check_numbers, check_whole
from isagrsc2.segmenters.protocol import BoolArray, Candidates, FloatArray
from isagrsc2.segmenters.region_tree import RegionTree, build_region_tree


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


@dataclass(frozen=True)
class RegionSegmenter:
    """Three nested regions per point, like SAM's part, object and whole.

    All numbers are absolute (Lab units, px), so a field is found alike in a small tile and in a large one.

    Attributes:
        sigma, min_depth, suppression, suppression_radius, colour_weight, small: see ``build_region_tree``.
        levels: border strengths at which the hierarchy is cut, one per nested mask, ascending; the middle one is what a
            border between parcels typically has. Lab units per px.
        steepness: how fast the belief in a border rises around the middle level.
        stability_factor: a region is stable if the cut at level x factor and at level / factor gives the same region.
        reduction: tile px per decoder px; masks are enlarged exactly, so this is only a matter of speed.
    """

    sigma: float
    min_depth: float
    suppression: float
    suppression_radius: float
    colour_weight: float
    small: float
    levels: tuple[float, float, float]
    steepness: float
    stability_factor: float
    reduction: int

    def __post_init__(self) -> None:
        """Check the numbers."""
        for name in ("min_depth", "suppression", "colour_weight", "small", "steepness"):
            check_number(f"segmenter.{name}", getattr(self, name), 0)
        for name in ("sigma", "suppression_radius"):  # a Gaussian has a width
            check_number(f"segmenter.{name}", getattr(self, name), 0.1)
        check_numbers("segmenter.levels", self.levels, 3, 0)
        if sorted(self.levels) != list(self.levels):
            raise InputError(f"segmenter.levels={list(self.levels)} must ascend; give the finest level first.")
        check_number("segmenter.stability_factor", self.stability_factor, 1)
        check_whole("segmenter.reduction", self.reduction, 1)

    def embed(self, image: npt.NDArray[np.uint8]) -> RegionEmbedding:
        """Build the hierarchy of (H, W, 3) uint8."""
        tree = build_region_tree(
            image,
            sigma=self.sigma,
            min_depth=self.min_depth,
            suppression=self.suppression,
            suppression_radius=self.suppression_radius,
            colour_weight=self.colour_weight,
            small=self.small,
        )
        nodes = np.stack([tree.at_level(level) for level in self.levels], axis=1)  # (L, M)
        stability = np.stack([self._stability(tree, level) for level in self.levels], axis=1)
        ranks, step = tree.rank[tree.leaves], self.reduction  # (H, W)
        rows, columns = (np.minimum(np.arange(0, size, step) + step // 2, size - 1) for size in ranks.shape)
        pixels, sampled = (RankedPixels.sort(frame, len(tree.rank)) for frame in (ranks, ranks[np.ix_(rows, columns)]))
        return RegionEmbedding(tree, nodes, self._scores(tree)[nodes], stability, pixels, sampled, step)

    def segment(self, embedding: RegionEmbedding, points: FloatArray) -> Candidates:
        """Look up the regions under points (N, 2).

        The logits are integers: 0 outside, inside the number of the node plus one, from which ``enlarge`` finds the region at
        full resolution again.
        """
        tree = embedding.tree
        height, width = embedding.tile_shape
        columns = np.clip(np.floor(points[:, 0]).astype(int), 0, width - 1)
        rows = np.clip(np.floor(points[:, 1]).astype(int), 0, height - 1)
        leaf = tree.leaves[rows, columns]  # (N,)
        nodes = embedding.nodes[leaf]  # (N, M)
        h, w = embedding.mask_shape
        logits = np.zeros((*nodes.shape, h * w), np.int32)
        for row, column in np.ndindex(*nodes.shape):
            node = nodes[row, column]
            logits[row, column, embedding.decoder_pixels.inside(tree, node)] = node + 1
        return Candidates(logits.reshape(*nodes.shape, h, w), embedding.scores[leaf], embedding.stability[leaf])

    def enlarge(self, embedding: RegionEmbedding, logits: npt.NDArray[Any]) -> BoolArray:
        """Return the regions named by ``logits`` (K, h, w) at full resolution, (K, H, W) bool."""
        height, width = embedding.tile_shape
        masks = np.zeros((len(logits), height * width), bool)
        for row, node in enumerate((logits.max(axis=(1, 2), initial=0) - 1).tolist()):
            if node >= 0:
                masks[row, embedding.tile_pixels.inside(embedding.tree, node)] = True
        return masks.reshape(len(logits), height, width)

    def _scores(self, tree: RegionTree) -> npt.NDArray[np.float32]:
        """(M,) belief that the outline of each node is a border of parcels and that nothing inside it is one.

        The square brings it to SAM's scale, where a good mask has 0.88 and more, so that the same thresholds serve both.
        """
        middle = self.levels[len(self.levels) // 2]
        outline, inside = _belief(tree.death, middle, self.steepness), _belief(tree.birth, middle, self.steepness)
        belief = np.sqrt(outline * (1 - inside))
        return (1 - (1 - belief) ** 2).astype(np.float32)

    def _stability(self, tree: RegionTree, level: float) -> npt.NDArray[np.float32]:
        """(L,) area of the region under each leaf at a stricter level, over that at a looser one."""
        strict = tree.at_level(level / self.stability_factor)
        loose = tree.at_level(level * self.stability_factor)
        return (tree.areas[strict] / tree.areas[loose]).astype(np.float32)


def _belief(strength: npt.NDArray[np.float32], middle: float, steepness: float) -> npt.NDArray[np.float64]:
    """Hill curve: 0 at strength 0, one half at ``middle``, 1 at infinity."""
    with np.errstate(divide="ignore"):  # strength 0: 1 / (1 + inf) = 0
        return 1 / (1 + (middle / strength.astype(np.float64)) ** steepness)

"""Classical segmentation behind SAM's contract: a hierarchy of regions, asked by point. No weights, no torch."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from isagrsc2.errors import InputError
from isagrsc2.options import check_number, check_numbers, check_whole
from isagrsc2.segmenters.colour_edges import build_region_tree
from isagrsc2.segmenters.protocol import FloatArray
from isagrsc2.segmenters.region_answers import RegionCandidates, RegionEmbedding, embed_tree, regions_under, stability_at
from isagrsc2.segmenters.region_tree import RegionTree


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
        factor = self.stability_factor
        stability = np.stack([stability_at(tree, level / factor, level * factor) for level in self.levels], axis=1)
        return embed_tree(tree, nodes, self._scores(tree)[nodes], stability, self.reduction)

    def segment(self, embedding: RegionEmbedding, points: FloatArray) -> RegionCandidates:
        """See the protocol."""
        return regions_under(embedding, points)

    def _scores(self, tree: RegionTree) -> npt.NDArray[np.float32]:
        """(M,) belief that the outline of each node is a border of parcels and that nothing inside it is one.

        The square brings it to SAM's scale, where a good mask has 0.88 and more, so that the same thresholds serve both.
        """
        middle = self.levels[len(self.levels) // 2]
        outline, inside = _belief(tree.death, middle, self.steepness), _belief(tree.birth, middle, self.steepness)
        belief = np.sqrt(outline * (1 - inside))
        return (1 - (1 - belief) ** 2).astype(np.float32)


def _belief(strength: npt.NDArray[np.float32], middle: float, steepness: float) -> npt.NDArray[np.float64]:
    """Hill curve: 0 at strength 0, one half at ``middle``, 1 at infinity."""
    with np.errstate(divide="ignore"):  # strength 0: 1 / (1 + inf) = 0
        return 1 / (1 + (middle / strength.astype(np.float64)) ** steepness)

"""From the maps of the network to regions that answer prompts."""

from dataclasses import dataclass

import cv2
import numpy as np
import numpy.typing as npt

from isagrsc2.errors import InputError
from isagrsc2.options import check_number, check_numbers, check_whole
from isagrsc2.segmenters.compact.network import BORDER, PARCEL
from isagrsc2.segmenters.compact.reading import Reading, on_grid
from isagrsc2.segmenters.region_answers import RegionEmbedding, embed_tree, stability_at
from isagrsc2.segmenters.region_tree import RegionTree, basins, merge_basins

# Heights of the border map, 0 to 1, closer than this are equal when basins are searched.
STEP = 1 / 200


@dataclass(frozen=True)
class BorderHierarchy:
    """A watershed of the border map, merged where borders are weakest, and where that hierarchy is cut.

    Attributes:
        sigma: standard deviation of the Gaussian that smooths the border map before basins are searched, read px.
        min_depth: a basin shallower than this is part of its neighbour, probability of a border.
        small: area, read px, at which a region's borders count half: what is much smaller merges first.
        levels: mean probability of a border at which the hierarchy is cut, one per nested mask, ascending.
        margin: how much lower the finest and the coarsest mask are scored than predicted where they differ from the typical
            one. Of several uncertain predictions the highest is too high (the winner's curse), and most parcels are
            regions of the typical level.
        stability_offset: a region is stable if the cut this much lower and the cut this much higher give the same.
        reduction: tile px per decoder px; masks are enlarged exactly, so this is only a matter of speed.
        reading: how large images are read.
    """

    sigma: float
    min_depth: float
    small: float
    levels: tuple[float, float, float]
    margin: float
    stability_offset: float
    reduction: int
    reading: Reading

    def __post_init__(self) -> None:
        """Check the numbers.

        Raises:
            InputError: one does not fit.
        """
        check_number("hierarchy.sigma", self.sigma, 0.1)  # a Gaussian has a width
        check_number("hierarchy.min_depth", self.min_depth, 0)
        check_number("hierarchy.small", self.small, 0)
        check_numbers("hierarchy.levels", self.levels, 3, 0)
        if sorted(self.levels) != list(self.levels):
            raise InputError(f"hierarchy.levels={list(self.levels)} must ascend; give the finest level first.")
        check_number("hierarchy.margin", self.margin, 0, 1)
        check_number("hierarchy.stability_offset", self.stability_offset, 0)
        check_whole("hierarchy.reduction", self.reduction, 1)

    @property
    def typical_level(self) -> float:
        """Where the middle one of the nested masks is cut."""
        return self.levels[1]

    def tree(self, maps: npt.NDArray[np.float32]) -> RegionTree:
        """The regions between the borders of maps (3, h, w), the weakest borders merged first."""
        border = maps[BORDER]
        leaves = basins(np.asarray(cv2.GaussianBlur(border, (0, 0), self.sigma), np.float32), self.min_depth, STEP)
        return merge_basins(leaves, border, maps[PARCEL][..., None], 0.0, self.small)

    def embed(self, tree: RegionTree, scores: npt.NDArray[np.float32], height: int, width: int) -> RegionEmbedding:
        """Cut the hierarchy of an image and make it ready to be asked.

        Args:
            tree: regions of the image as it was read.
            scores: (M,) IoU predicted for every region.
            height: of the image, px.
            width: of the image, px.
        """
        nodes = np.stack([tree.at_level(level) for level in self.levels], axis=1)  # (L, 3)
        offset = self.stability_offset
        stability = np.stack([stability_at(tree, level - offset, level + offset) for level in self.levels], axis=1)
        answered = scores[nodes]  # (L, 3)
        answered[nodes != nodes[:, 1:2]] -= self.margin
        return embed_tree(on_grid(tree, height, width), nodes, answered.clip(min=0), stability, self.reduction)

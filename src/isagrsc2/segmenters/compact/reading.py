"""How large an image is read: a parcel of a few pixels has borders too thin to be seen, so images of such are enlarged."""

from collections.abc import Callable
from dataclasses import dataclass, replace

import cv2
import numpy as np
import numpy.typing as npt

from isagrsc2.errors import InputError
from isagrsc2.options import check_number, check_numbers, check_whole
from isagrsc2.segmenters.region_tree import RegionTree

# A region belongs to a parcel if the mean of its parcel map is above this.
_PARCEL = 0.5

# Scales are multiples of this: a finer choice gains nothing, and reading costs the square of the scale.
_STEP = 0.5

Image = npt.NDArray[np.uint8]
Maps = npt.NDArray[np.float32]


@dataclass(frozen=True)
class Reading:
    """How large images are read, and in which pieces.

    Attributes:
        typical_parcel: side that the typical parcel should have when it is read, px.
        scales: smallest and largest scale, read px per image px; if they are equal, nothing is chosen.
        window: largest side that is read at once, px; larger images are cut, so that memory has a bound.
        margin: what a window sees beyond the part that is kept, px.
    """

    typical_parcel: float
    scales: tuple[float, float]
    window: int
    margin: int

    def __post_init__(self) -> None:
        """Check the numbers.

        Raises:
            InputError: one does not fit.
        """
        check_number("reading.typical_parcel", self.typical_parcel, 1)
        check_numbers("reading.scales", self.scales, 2, 0.1)
        if self.scales[0] > self.scales[1]:
            raise InputError(f"reading.scales={list(self.scales)} must ascend; give the smallest scale first.")
        check_whole("reading.margin", self.margin, 0)
        check_whole("reading.window", self.window, 2 * self.margin + 1)

    @property
    def first_scale(self) -> float:
        """The scale at which parcels are looked at before one is chosen: that of the image, if it is allowed."""
        return self._allowed(1.0)

    def scale_for(self, side: float) -> float:
        """Choose the scale for an image whose typical parcel has a side, px, as ``typical_side`` gives it."""
        return self._allowed(round(self.typical_parcel / side / _STEP) * _STEP)

    def maps(self, image: Image, network: Callable[[Image], Maps]) -> Maps:
        """Read an image of any size in the memory of a window.

        Args:
            image: (H, W, 3).
            network: (h, w, 3) to (C, h, w).

        Returns:
            (C, H, W).
        """
        height, width = image.shape[:2]
        if max(height, width) <= self.window:
            return network(image)
        margin, step = self.margin, self.window - 2 * self.margin
        rows = []
        for top in range(0, height, step):
            row = []
            for left in range(0, width, step):
                y, x = max(0, top - margin), max(0, left - margin)
                part = network(image[y : top + step + margin, x : left + step + margin])  # (C, h, w)
                row.append(part[:, top - y : top - y + step, left - x : left - x + step])
            rows.append(np.concatenate(row, axis=2))  # (C, h, W)
        return np.concatenate(rows, axis=1)

    def _allowed(self, scale: float) -> float:
        least, most = self.scales
        return float(min(max(scale, least), most))


def typical_side(tree: RegionTree, parcel: npt.NDArray[np.float32], level: float) -> float:
    """Side of a square as large as the typical parcel: half of the land in parcels lies in smaller ones.

    Args:
        tree: regions of an image.
        parcel: (H, W) probability of a parcel, 0 to 1.
        level: where the hierarchy is cut.

    Returns:
        Px; infinite where there are no parcels.
    """
    nodes = tree.at_level(level)[tree.leaves].ravel()
    areas = np.bincount(nodes)
    means = np.bincount(nodes, parcel.ravel()) / np.maximum(areas, 1)
    parcels = np.sort(areas[means > _PARCEL])
    if not len(parcels):
        return float("inf")
    land = parcels.cumsum()
    return float(parcels[np.searchsorted(land, land[-1] / 2)] ** 0.5)


def enlarge(image: Image, scale: float) -> Image:
    """(H, W, 3) to (round(scale H), round(scale W), 3)."""
    if scale == 1:
        return image
    height, width = image.shape[:2]
    smooth = cv2.INTER_CUBIC if scale > 1 else cv2.INTER_AREA
    return np.asarray(cv2.resize(image, (_enlarged(width, scale), _enlarged(height, scale)), interpolation=smooth), np.uint8)


def on_grid(tree: RegionTree, height: int, width: int) -> RegionTree:
    """Lay the regions of an enlarged image on the pixels of the image.

    Args:
        tree: regions of the enlarged image; areas and lengths stay in its pixels.
        height: of the image, px.
        width: of the image, px.

    Returns:
        Leaves (height, width): every pixel belongs to the leaf at its centre. A leaf can lose all its pixels.
    """
    tall, wide = tree.leaves.shape
    rows = ((np.arange(height) + 0.5) * tall / height).astype(int)
    columns = ((np.arange(width) + 0.5) * wide / width).astype(int)
    return replace(tree, leaves=tree.leaves[np.ix_(rows, columns)])


def _enlarged(side: int, scale: float) -> int:
    return max(1, round(side * scale))

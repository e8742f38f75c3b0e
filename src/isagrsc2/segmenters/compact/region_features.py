"""What is known of every region of a hierarchy of borders: the numbers its predicted IoU is read off."""

import numpy as np
import numpy.typing as npt

from isagrsc2.segmenters.compact.network import BORDER, DEPTH, PARCEL
from isagrsc2.segmenters.region_tree import RegionTree

FEATURES = (
    "parcel_mean",  # of the map, 0 to 1
    "parcel_deviation",
    "border_mean",
    "depth_mean",
    "birth",  # strongest border inside, 0 to 1
    "death",  # weakest border around
    "lifetime",  # death - birth
    "outline_edge",  # mean border along the outline
    "log_area",  # px
    "log_compactness",  # of 4 pi area / perimeter^2
    "log_relative_depth",  # mean depth over the root of the area
    "at_edge",  # share of the perimeter that is the image's edge
    "log_share_of_parent",
    "share_of_larger_child",
)

# Added before a logarithm of a depth, which may be 0.
_LEAST_DEPTH = 0.01


def region_features(tree: RegionTree, maps: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
    """Describe every node.

    Args:
        tree: regions, its edges are the border map.
        maps: (3, H, W) border, parcel and depth, 0 to 1.

    Returns:
        (M, F) float32, columns as ``FEATURES``.
    """
    areas = tree.areas.astype(np.float64)
    ranks = tree.rank[tree.leaves]  # (H, W)
    parcel = _sums(tree, ranks, maps[PARCEL]) / areas
    square = _sums(tree, ranks, maps[PARCEL] ** 2) / areas
    depth = _sums(tree, ranks, maps[DEPTH]) / areas
    edge = _sums(tree, ranks, _image_edge(ranks.shape))  # px
    perimeter = np.maximum(tree.outline + edge, 1)
    death = np.minimum(tree.death, 1)
    inner = tree.parent >= 0
    parents = np.where(inner, tree.parent, np.arange(len(areas)))
    larger = np.zeros(len(areas))
    np.maximum.at(larger, parents[inner], areas[inner])
    columns = (
        parcel,
        np.sqrt(np.maximum(square - parcel**2, 0)),
        _sums(tree, ranks, maps[BORDER]) / areas,
        depth,
        tree.birth,
        death,
        death - tree.birth,
        tree.outline_edge,
        np.log(areas),
        np.log(4 * np.pi * areas / perimeter**2),
        np.log(depth + _LEAST_DEPTH) - np.log(areas) / 2,
        edge / perimeter,
        np.log(areas / areas[parents]),
        np.where(larger > 0, larger / areas, 1),
    )
    return np.stack(columns, axis=1).astype(np.float32)


def _sums(tree: RegionTree, ranks: npt.NDArray[np.int32], values: npt.NDArray[np.float32]) -> npt.NDArray[np.float64]:
    """(M,) sum of pixels (H, W) in every node: the leaves of a node lie side by side in the order of their ranks."""
    by_rank = np.bincount(ranks.ravel(), values.ravel(), len(tree.rank))
    until = np.concatenate([[0.0], np.cumsum(by_rank)])
    total: npt.NDArray[np.float64] = until[tree.last] - until[tree.first]
    return total


def _image_edge(shape: tuple[int, ...]) -> npt.NDArray[np.float32]:
    """(H, W) how many sides of each pixel lie on the edge of the image."""
    sides = np.zeros(shape, np.float32)
    for line in (sides[0], sides[-1], sides[:, 0], sides[:, -1]):
        line += 1
    return sides

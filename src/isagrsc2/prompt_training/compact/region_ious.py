"""True IoUs of the regions of a hierarchy: what the scorer learns to predict."""

import numpy as np
import numpy.typing as npt

from isagrsc2.prompt_training.batches import UNKNOWN
from isagrsc2.segmenters.region_tree import RegionTree


def region_ious(tree: RegionTree, labels: npt.NDArray[np.int32]) -> npt.NDArray[np.float32]:
    """IoU of every region with the parcel it fits best; pixels of which nothing is known do not count.

    Args:
        tree: regions, M nodes.
        labels: (H, W) int32, see ``PromptBatch``.

    Returns:
        (M,) float32, 0 where there is no parcel.
    """
    count = int(labels.max(initial=0))
    if count <= 0:
        return np.zeros(len(tree.parent), np.float32)
    ranks = tree.rank[tree.leaves]  # (H, W)
    known = labels != UNKNOWN
    cells = ranks[known].astype(np.int64) * (count + 1) + labels[known]
    leaves = np.bincount(cells, minlength=len(tree.rank) * (count + 1)).reshape(-1, count + 1)  # (L, K + 1), in order of ranks
    until = np.concatenate([np.zeros((1, count + 1), np.int64), leaves.cumsum(axis=0)])
    overlaps = until[tree.last] - until[tree.first]  # (M, K + 1) px
    union = overlaps.sum(axis=1, keepdims=True) + leaves.sum(axis=0) - overlaps
    ious = overlaps[:, 1:] / np.maximum(union[:, 1:], 1)
    best: npt.NDArray[np.float32] = ious.max(axis=1).astype(np.float32)
    return best


def regions_around(tree: RegionTree, points: npt.NDArray[np.float32], levels: npt.NDArray[np.float64]) -> npt.NDArray[np.int32]:
    """Regions that hold points, at one level each.

    Args:
        tree: regions of an image (H, W).
        points: (P, 2) x and y, px, inside the image.
        levels: (P,) border strengths.

    Returns:
        (P,) int32 nodes.
    """
    columns, rows = np.floor(points).astype(int).T
    nodes = tree.leaves[rows, columns].copy()  # (P,)
    births = np.append(tree.birth, np.inf)  # the parent of a root is -1
    while True:
        parents = tree.parent[nodes]
        rises = births[parents] <= levels
        if not rises.any():
            return nodes
        nodes = np.where(rises, parents, nodes).astype(np.int32)

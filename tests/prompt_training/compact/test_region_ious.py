"""True IoUs of regions, against masks."""

import numpy as np
from scipy import ndimage

from isagrsc2.prompt_training.batches import UNKNOWN
from isagrsc2.prompt_training.compact.region_ious import region_ious, regions_around
from isagrsc2.segmenters.region_tree import RegionTree, basins, merge_basins


def some_tree() -> RegionTree:
    edges = ndimage.gaussian_filter(np.random.default_rng(5).random((36, 28)), 2).astype(np.float32)
    edges = (edges - edges.min()) / np.ptp(edges)
    return merge_basins(basins(edges, 0.02, 0.005), edges, edges[..., None], 0.0, 10)


def test_against_masks() -> None:
    tree = some_tree()
    labels = np.repeat(np.repeat(np.arange(12, dtype=np.int32).reshape(4, 3), 9, 0), 10, 1)[:, :28]  # 0: no parcel
    labels[30:, 5:20] = UNKNOWN
    known = labels != UNKNOWN
    ious = region_ious(tree, labels)
    rank = tree.rank[tree.leaves]
    for node in range(len(tree.parent)):
        mask = (rank >= tree.first[node]) & (rank < tree.last[node]) & known
        each = [np.sum(mask & (labels == k)) / max(1, np.sum((mask | (labels == k)) & known)) for k in range(1, 12)]
        assert np.isclose(ious[node], max(each), atol=1e-6)


def test_no_parcels() -> None:
    tree = some_tree()
    assert not region_ious(tree, np.full((36, 28), UNKNOWN, np.int32)).any()
    assert not region_ious(tree, np.zeros((36, 28), np.int32)).any()


def test_regions_around_points_are_those_of_the_cut() -> None:
    tree = some_tree()
    points = np.array([[0.5, 0.5], [27.5, 35.5], [14.2, 20.9], [3.0, 30.0]], np.float32)
    leaves = tree.leaves[np.floor(points[:, 1]).astype(int), np.floor(points[:, 0]).astype(int)]
    for level in (0.0, 0.2, 0.4, 0.9):
        assert np.array_equal(regions_around(tree, points, np.full(4, level)), tree.at_level(level)[leaves])

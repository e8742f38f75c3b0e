"""What is known of regions, checked against sums over their pixels."""

import numpy as np
from scipy import ndimage

from isagrsc2.segmenters.compact.region_features import FEATURES, region_features
from isagrsc2.segmenters.region_tree import RegionTree, basins, merge_basins


def some_tree() -> tuple[RegionTree, np.ndarray]:
    rng = np.random.default_rng(3)
    maps = np.stack([ndimage.gaussian_filter(rng.random((30, 41)), 2) for _ in range(3)]).astype(np.float32)
    maps = (maps - maps.min()) / np.ptp(maps)
    tree = merge_basins(basins(maps[0], 0.02, 0.005), maps[0], maps[1][..., None], 0.0, 20)
    assert len(tree.rank) > 8
    return tree, maps


def mask_of(tree: RegionTree, node: int) -> np.ndarray:
    rank = tree.rank[tree.leaves]
    return (rank >= tree.first[node]) & (rank < tree.last[node])


def test_against_pixels() -> None:
    tree, maps = some_tree()
    features = region_features(tree, maps)
    assert features.shape == (len(tree.parent), len(FEATURES))
    assert np.isfinite(features).all()
    for node in range(len(tree.parent)):
        mask, row = mask_of(tree, node), dict(zip(FEATURES, features[node].tolist(), strict=True))
        area = mask.sum()
        assert np.isclose(row["parcel_mean"], maps[1][mask].mean(), atol=1e-5)
        assert np.isclose(row["parcel_deviation"], maps[1][mask].std(), atol=1e-3)
        assert np.isclose(row["border_mean"], maps[0][mask].mean(), atol=1e-5)
        assert np.isclose(row["log_area"], np.log(area), atol=1e-5)
        padded = np.pad(mask, 1)
        sides = sum(np.count_nonzero(padded & ~np.roll(padded, step, axis)) for step in (1, -1) for axis in (0, 1))
        at_edge = mask[0].sum() + mask[-1].sum() + mask[:, 0].sum() + mask[:, -1].sum()
        assert np.isclose(row["log_compactness"], np.log(4 * np.pi * area / sides**2), atol=1e-4)
        assert np.isclose(row["at_edge"], at_edge / sides, atol=1e-5)
        if tree.parent[node] >= 0:
            share = area / mask_of(tree, int(tree.parent[node])).sum()
            assert np.isclose(row["log_share_of_parent"], np.log(share), atol=1e-5)
        assert 0 < row["share_of_larger_child"] <= 1
        assert row["lifetime"] >= 0


def test_the_edge_along_an_outline() -> None:
    tree, maps = some_tree()
    for node in range(len(tree.parent)):
        mask, edges = mask_of(tree, node), []
        for one, two in ((np.s_[:, :-1], np.s_[:, 1:]), (np.s_[:-1], np.s_[1:])):
            differ = mask[one] != mask[two]
            edges.append(np.maximum(maps[0][one], maps[0][two])[differ])
        along = np.concatenate(edges)
        assert tree.outline[node] == len(along)
        assert np.isclose(tree.outline_edge[node], along.mean() if len(along) else 0.0, atol=1e-4)

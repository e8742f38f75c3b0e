"""The hierarchy: flat fields by hand, and what every tree is, whatever the image."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from omegaconf import OmegaConf
from scipy import ndimage

from isagrsc2.segmenters.colour_edges import build_region_tree, gradient_strength, local_texture, suppress_texture
from isagrsc2.segmenters.region_tree import RegionTree

CONF = Path(__file__).parents[2] / "conf" / "segmenter" / "regions.yaml"
BUILT_WITH = ("sigma", "min_depth", "suppression", "suppression_radius", "colour_weight", "small")
CONFIGURED: dict[str, Any] = {key: value for key, value in OmegaConf.load(CONF).items() if key in BUILT_WITH}


@st.composite
def images(draw: st.DrawFn) -> np.ndarray:
    """(H, W, 3): noise, in pixels or in blocks, of any contrast."""
    height, width, block = draw(st.integers(1, 24)), draw(st.integers(1, 24)), draw(st.integers(1, 5))
    rng = np.random.default_rng(draw(st.integers(0, 2**20)))
    noise = rng.integers(0, draw(st.sampled_from([2, 30, 256])), (24, 24, 3)).astype(np.uint8)
    return np.repeat(np.repeat(noise, block, 0), block, 1)[:height, :width]


# Every basin a leaf: many of them even in a small image.
FINE = CONFIGURED | {"sigma": 0.5, "min_depth": 0.05}
# Whatever weighs: with the mean colour alone, or without the factor for small regions, borders get weaker after a merge.
WEIGHTS = st.sampled_from([{}, {"small": 0.0}, {"small": 0.0, "colour_weight": 3.0}])
LEVELS = [0.0, 0.5, 2.0, 5.0, 20.0, 1e9]


def quarters(size: int = 64) -> np.ndarray:
    """Four flat fields, brown, green, blue and grey."""
    image = np.zeros((size, size, 3), np.uint8)
    half = size // 2
    image[:half, :half], image[:half, half:] = (150, 90, 40), (60, 140, 50)
    image[half:, :half], image[half:, half:] = (40, 70, 160), (210, 210, 210)
    return image


def regions(tree: RegionTree, level: float) -> np.ndarray:
    """(H, W): the node at each pixel."""
    return tree.at_level(level)[tree.leaves]


def test_four_flat_quarters() -> None:
    image = quarters()
    tree = build_region_tree(image, **CONFIGURED)
    # Any border is much stronger than nothing and much weaker than a wall.
    found = regions(tree, 0.5)
    nodes, counts = np.unique(found, return_counts=True)
    assert len(nodes) == 4
    assert counts.min() > 0.85 * 32 * 32
    corners = [found[8, 8], found[8, 56], found[56, 8], found[56, 56]]
    assert sorted(corners) == nodes.tolist()
    # Outlines lie on the true border, within the smoothing.
    for corner, (rows, columns) in zip(corners, ((0, 0), (0, 32), (32, 0), (32, 32)), strict=True):
        inner = np.s_[rows + 2 * (rows > 0) : rows + 30 + 2 * (rows > 0), columns + 2 * (columns > 0) : columns + 30]
        assert (found[inner] == corner).mean() > 0.98
    assert len(np.unique(regions(tree, 1e9))) == 1


def test_the_weakest_border_goes_first() -> None:
    """Three bands of grey: the step from 100 to 120 goes before the step from 120 to 220."""
    image = np.full((40, 60, 3), 100, np.uint8)
    image[:, 20:], image[:, 40:] = 120, 220
    tree = build_region_tree(image, **CONFIGURED)
    strengths = sorted({float(level) for level in tree.birth if level > 0})
    between = (strengths[-1] + strengths[-2]) / 2
    found = regions(tree, between)
    assert len(np.unique(found)) == 2
    assert len(np.unique(found[:, :38])) == 1
    assert found[0, 59] != found[0, 0]


def test_a_uniform_image_is_one_region() -> None:
    tree = build_region_tree(np.full((30, 20, 3), 77, np.uint8), **CONFIGURED)
    assert not tree.leaves.any()
    assert tree.parent.tolist() == [-1]
    assert tree.areas.tolist() == [600]
    assert tree.at_level(0).tolist() == [0]
    assert np.isinf(tree.death).all()


@pytest.mark.parametrize("shape", [(1, 1), (1, 7), (2, 2), (3, 2), (5, 1)])
def test_tiny_images(shape: tuple[int, int]) -> None:
    image = np.random.default_rng(0).integers(0, 256, (*shape, 3)).astype(np.uint8)
    check_tree(build_region_tree(image, **FINE), shape)


def test_a_unit_ramp_has_gradient_one() -> None:
    ramp = np.tile(np.arange(10, dtype=np.float32), (8, 1))
    lab = np.dstack([ramp, np.zeros_like(ramp), np.zeros_like(ramp)])
    assert gradient_strength(lab)[:, 1:-1] == pytest.approx(1)
    both = np.dstack([3 * ramp, 4 * ramp, np.zeros_like(ramp)])  # 3, 4, 5
    assert gradient_strength(both)[:, 1:-1] == pytest.approx(5)
    assert gradient_strength(both.transpose(1, 0, 2).copy())[1:-1] == pytest.approx(5)


def test_texture_is_the_deviation_nearby() -> None:
    checked = (np.indices((40, 40)).sum(axis=0) % 2 * 10).astype(np.float32)  # 0 and 10: mean 5, deviation 5
    assert local_texture(checked, 3.0)[10:30, 10:30] == pytest.approx(5, rel=1e-3)
    assert local_texture(np.full((20, 20), 50, np.float32), 3.0) == pytest.approx(0, abs=0.05)


def test_edges_among_edges_are_weakened() -> None:
    everywhere = np.full((30, 30), 4, np.float32)
    assert suppress_texture(everywhere, 0.5, 3) == pytest.approx(4 / (1 + 0.5 * 4))
    alone = np.zeros((31, 31), np.float32)
    alone[15, 15] = 4
    assert suppress_texture(alone, 0.5, 3)[15, 15] == pytest.approx(4, rel=0.05)
    assert np.array_equal(suppress_texture(alone, 0.0, 3), alone)


def test_the_images_have_many_regions() -> None:
    noise = np.random.default_rng(0).integers(0, 256, (24, 24, 3)).astype(np.uint8)
    assert len(build_region_tree(noise, **FINE).rank) > 30


@given(images(), WEIGHTS)
def test_every_tree_is_a_tree(image: np.ndarray, weights: dict[str, float]) -> None:
    check_tree(build_region_tree(image, **FINE | weights), image.shape[:2])


@given(images(), WEIGHTS)
def test_coarser_levels_hold_finer_ones(image: np.ndarray, weights: dict[str, float]) -> None:
    tree = build_region_tree(image, **FINE | weights)
    finer = np.unique(tree.leaves)[tree.leaves]
    for level in LEVELS:
        coarser = regions(tree, level)
        # Every finer region lies in one coarser region.
        assert len(np.unique(np.stack([finer, coarser], -1).reshape(-1, 2), axis=0)) == len(np.unique(finer))
        finer = coarser
        check_level(tree, level)
    assert len(np.unique(finer)) == 1


def test_strength_of_a_border_by_hand() -> None:
    """Two bands: the one border's mean gradient, plus the weighted difference of means, times the factor of the smaller."""
    image = np.full((30, 40, 3), 100, np.uint8)
    image[:, 16:] = 140
    tree = build_region_tree(image, **CONFIGURED | {"suppression": 0.0, "colour_weight": 0.0, "small": 0.0})
    assert tree.areas.tolist() == [480, 720, 1200]
    edge = float(tree.birth[2])
    # Grey 100 to 140: L 42.4 to 58.3 (CIE 1976), a step of 15.9 smoothed by sigma 1.2 and read by Scharr's kernel, which
    # is a central difference over 2 px: at the step (Phi(1.5 / 1.2) - Phi(-0.5 / 1.2)) / 2 = (0.894 - 0.338) / 2 of it.
    assert edge == pytest.approx(15.9 * 0.278, rel=0.03)
    tree = build_region_tree(image, **CONFIGURED | {"suppression": 0.0, "colour_weight": 0.0, "small": 480.0})
    assert tree.birth[2] == pytest.approx(edge / 2, rel=1e-5)
    tree = build_region_tree(image, **CONFIGURED | {"suppression": 0.0, "colour_weight": 0.1, "small": 0.0})
    # The means of lightness differ by somewhat less than 15.9, for the smoothing; texture adds nothing on both sides alike.
    assert tree.birth[2] - edge == pytest.approx(1.59, rel=0.1)


def check_tree(tree: RegionTree, shape: tuple[int, int]) -> None:
    count, total = len(tree.rank), len(tree.parent)
    assert tree.leaves.shape == shape
    assert np.array_equal(np.unique(tree.leaves), np.arange(count))
    assert total == 2 * count - 1, "binary, and one root"
    assert np.flatnonzero(tree.parent < 0).tolist() == [total - 1]
    assert (tree.parent[:-1] > np.arange(total - 1)).all(), "parents come after children"
    assert tree.areas[:count].tolist() == np.bincount(tree.leaves.ravel()).tolist()
    assert tree.areas[-1] == shape[0] * shape[1]
    assert (tree.birth[:count] == 0).all()
    assert sorted(tree.rank.tolist()) == list(range(count))
    for node in range(count, total):
        one, two = np.flatnonzero(tree.parent == node)
        assert tree.areas[node] == tree.areas[one] + tree.areas[two]
        assert tree.birth[node] >= max(tree.birth[one], tree.birth[two])
        # The leaves of the two lie side by side.
        spans = sorted([(tree.first[one], tree.last[one]), (tree.first[two], tree.last[two])])
        assert spans[0][1] == spans[1][0]
        assert (spans[0][0], spans[1][1]) == (tree.first[node], tree.last[node])
    ranks = tree.rank[tree.leaves]
    for node in range(total):
        region = (ranks >= tree.first[node]) & (ranks < tree.last[node])
        assert region.sum() == tree.areas[node]
        assert ndimage.label(region)[1] == 1
    assert np.array_equal(tree.death[:-1], tree.birth[tree.parent[:-1]])


def check_level(tree: RegionTree, level: float) -> None:
    """Largest ancestor born at or below the level: climbed to one by one."""
    for leaf, node in enumerate(tree.at_level(level).tolist()):
        here = leaf
        while tree.parent[here] >= 0 and tree.birth[tree.parent[here]] <= level:
            here = int(tree.parent[here])
        assert node == here

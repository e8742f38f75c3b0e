"""Regions behind SAM's contract: what is under a point, how good it is, and nothing lost between the frames."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from contract import check_segmenter_contract, decoder_masks, every
from hydra.utils import instantiate
from hypothesis import given
from hypothesis import strategies as st
from omegaconf import OmegaConf

from isagrsc2.segmenters.region_answers import RankedPixels
from isagrsc2.segmenters.regions import RegionSegmenter

CONF = Path(__file__).parents[2] / "conf" / "segmenter" / "regions.yaml"
CONFIGURED: RegionSegmenter = instantiate(OmegaConf.load(CONF), _convert_="all")
# Many regions even in a small image of noise, and more than one at each level.
FINE = replace(CONFIGURED, sigma=0.5, min_depth=0.05, suppression=0.0, small=0.0, levels=(30.0, 36.0, 45.0))


def patchwork(height: int, width: int, seed: int = 0) -> np.ndarray:
    """(H, W, 3): fields of 16 px with some noise."""
    rng = np.random.default_rng(seed)
    fields = rng.integers(30, 220, (-(-height // 16), -(-width // 16), 3))
    image = np.repeat(np.repeat(fields, 16, 0), 16, 1)[:height, :width] + rng.integers(-10, 11, (height, width, 3))
    return image.astype(np.uint8)


@pytest.mark.parametrize("shape", [(64, 64), (37, 90), (5, 4), (4, 4)])
@pytest.mark.parametrize("reduction", [1, 2, 3, 4])
def test_contract(shape: tuple[int, int], reduction: int) -> None:
    # Basins of the default are larger than the smallest of these tiles: a pixel's own region may be lost in a coarse frame,
    # but not all of them.
    check_segmenter_contract(replace(CONFIGURED, reduction=reduction), patchwork(*shape))


def test_contract_holds_without_any_contrast() -> None:
    check_segmenter_contract(CONFIGURED, np.full((40, 30, 3), 128, np.uint8))


def test_a_flat_field_is_found_from_any_of_its_points() -> None:
    image = np.full((96, 96, 3), (60, 130, 60), np.uint8)
    image[24:72, 24:72] = (170, 120, 70)
    embedding = CONFIGURED.embed(image)
    points = np.array([[48.0, 48.0], [30.5, 66.2], [60.0, 33.0]])
    candidates = CONFIGURED.segment(embedding, points)
    masks = candidates.enlarge((np.arange(3), np.ones(3, int)))
    truth = np.zeros((96, 96), bool)
    truth[24:72, 24:72] = True
    for mask in masks:
        assert (mask & truth).sum() / (mask | truth).sum() > 0.93
    # A strong border around, none inside: as sure as it gets, and the same at all levels.
    assert (candidates.scores > 0.9).all()
    assert (candidates.stability(every(candidates)) == 1).all()


def test_masks_are_nested() -> None:
    image = patchwork(80, 96)
    embedding = CONFIGURED.embed(image)
    points = np.random.default_rng(0).random((20, 2)) * [96, 80]
    candidates = CONFIGURED.segment(embedding, points)
    finest, typical, coarsest = decoder_masks(candidates, embedding.mask_shape).transpose(1, 0, 2, 3)
    assert not (finest & ~typical).any()
    assert not (typical & ~coarsest).any()


@given(st.integers(1, 25), st.integers(1, 25), st.sampled_from([1, 2, 3, 4]), st.integers(0, 2**20))
def test_enlarged_masks_are_the_regions(height: int, width: int, reduction: int, seed: int) -> None:
    """Exactly the node's pixels, and the decoder's mask holds every so-manieth of them."""
    image = np.random.default_rng(seed).integers(0, 256, (height, width, 3)).astype(np.uint8)
    segmenter = replace(FINE, reduction=reduction)
    embedding = segmenter.embed(image)
    h, w = embedding.mask_shape
    assert (h, w) == (-(-height // reduction), -(-width // reduction))
    points = np.random.default_rng(seed).random((6, 2)) * [width, height]
    candidates = segmenter.segment(embedding, points)
    point, mask = np.indices((6, 3)).reshape(2, -1)
    masks = candidates.enlarge((point, mask)).reshape(6, 3, height, width)
    shown = decoder_masks(candidates, (h, w))

    tree = embedding.tree
    rows, columns = (np.minimum(np.arange(n) * reduction + reduction // 2, size - 1) for n, size in ((h, height), (w, width)))
    for n, (x, y) in enumerate(np.floor(points).astype(int).tolist()):
        for m, level in enumerate(segmenter.levels):
            at = tree.at_level(level)
            region = at[tree.leaves] == at[tree.leaves[y, x]]
            sampled = region[np.ix_(rows, columns)]
            assert np.array_equal(shown[n, m], sampled)
            assert np.array_equal(masks[n, m], region)


def test_the_small_images_have_several_regions() -> None:
    image = np.random.default_rng(0).integers(0, 256, (25, 25, 3)).astype(np.uint8)
    nodes = FINE.embed(image).nodes
    counts = [len(np.unique(column)) for column in nodes.T]
    assert counts[0] > counts[1] > counts[2] > 1


def test_points_on_the_frame_and_beyond_are_asked_at_the_frame() -> None:
    embedding = CONFIGURED.embed(patchwork(33, 50))
    inside = CONFIGURED.segment(embedding, np.array([[0.0, 0.0], [49.9, 32.9]]))
    beyond = CONFIGURED.segment(embedding, np.array([[-3.0, -1.0], [50.0, 33.0]]))
    assert np.array_equal(inside.nodes, beyond.nodes)


def test_scores_rise_with_the_border_and_fall_with_what_is_inside() -> None:
    """Weak borders inside a strong one: at the middle level the whole is better than its parts."""
    weak, strong = 118, 230
    image = np.full((96, 96, 3), strong, np.uint8)
    image[16:80, 16:48], image[16:80, 48:80] = 110, weak
    embedding = CONFIGURED.embed(image)
    tree = embedding.tree
    scores = CONFIGURED._scores(tree)
    parts = tree.leaves[48, 30], tree.leaves[48, 64]
    node = int(parts[0])
    while not (tree.first[node] <= tree.rank[parts[1]] < tree.last[node]):
        node = int(tree.parent[node])
    assert scores[node] > 0.88
    assert scores[node] > scores[list(parts)].max()
    assert scores[-1] < scores[node], "all of the image has a strong border inside"


def test_stability_is_a_share_of_areas() -> None:
    embedding = CONFIGURED.embed(patchwork(96, 96))
    assert ((embedding.stability > 0) & (embedding.stability <= 1)).all()
    tree, level, factor = embedding.tree, CONFIGURED.levels[1], CONFIGURED.stability_factor
    strict, loose = tree.at_level(level / factor), tree.at_level(level * factor)
    expected = [tree.areas[a] / tree.areas[b] for a, b in zip(strict, loose, strict=True)]
    assert embedding.stability[:, 1].tolist() == pytest.approx(expected)


def test_many_leaves_are_ranked_alike() -> None:
    """Beyond 16 bits another sort is used."""
    ranks = np.random.default_rng(0).permutation(300 * 300).astype(np.int32).reshape(300, 300)
    pixels = RankedPixels.sort(ranks, 300 * 300)
    assert np.array_equal(ranks.ravel()[pixels.order], np.arange(300 * 300))
    assert np.array_equal(pixels.start, np.arange(300 * 300 + 1))
    few = RankedPixels.sort(ranks % 7, 9)
    assert np.array_equal(few.order, np.argsort((ranks % 7).ravel(), kind="stable"))
    assert few.start[-3:].tolist() == [300 * 300] * 3  # ranks 7 and 8 have no pixel

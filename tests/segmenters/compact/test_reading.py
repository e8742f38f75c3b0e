"""The scale at which an image is read."""

import math
from dataclasses import replace

import numpy as np
import pytest
from drawn_borders import drawn_segmenter, fields
from hypothesis import given
from hypothesis import strategies as st

from isagrsc2.errors import InputError
from isagrsc2.segmenters.compact.reading import Reading, enlarge, on_grid, typical_side
from isagrsc2.segmenters.region_tree import merge_basins

READING = Reading(typical_parcel=100, scales=(1.0, 4.0), window=64, margin=8)


def stripes(*widths: int):
    """A tree of upright stripes, 10 px high, with strong borders."""
    leaves = np.repeat(np.arange(len(widths), dtype=np.int32), widths)[None].repeat(10, axis=0)
    return merge_basins(leaves, np.ones(leaves.shape, np.float32), np.zeros((*leaves.shape, 1), np.float32), 0.0, 0.0)


def test_half_of_the_land_lies_in_smaller_parcels() -> None:
    tree = stripes(1, 1, 2, 4, 40)
    parcel = np.ones(tree.leaves.shape, np.float32)
    parcel[:, 8:] = 0.2  # the stripe of 40 px is no parcel
    assert typical_side(tree, parcel, 0.5) == pytest.approx(math.sqrt(2 * 10))
    parcel[:, 8:] = 0.9
    assert typical_side(tree, parcel, 0.5) == pytest.approx(math.sqrt(40 * 10))
    assert typical_side(tree, np.zeros_like(parcel), 0.5) == math.inf
    assert typical_side(tree, parcel, 1.5) == pytest.approx(math.sqrt(48 * 10))  # cut above all borders: one region


@pytest.mark.parametrize(
    ("side", "scale"), [(400, 1.0), (100, 1.0), (81, 1.0), (79, 1.5), (52, 2.0), (36, 3.0), (10, 4.0), (math.inf, 1.0)]
)
def test_small_parcels_are_enlarged(side: float, scale: float) -> None:
    assert READING.scale_for(side) == scale
    assert replace(READING, scales=(2.0, 2.0)).scale_for(side) == 2.0


def test_the_first_look_is_at_the_image_as_it_is() -> None:
    assert READING.first_scale == 1.0
    assert replace(READING, scales=(0.5, 0.5)).first_scale == 0.5
    assert replace(READING, scales=(2.0, 3.0)).first_scale == 2.0


@given(st.integers(1, 200), st.integers(1, 200), st.integers(1, 3), st.integers(0, 9), st.integers(1, 40))
def test_pieces_make_the_whole(height: int, width: int, channels: int, margin: int, kept: int) -> None:
    """What does not look further than the margin gives the same in pieces."""
    image = np.random.default_rng(0).integers(0, 256, (height, width, 3), np.uint8)
    reading = Reading(100, (1.0, 1.0), window=2 * margin + kept, margin=margin)
    shapes = []

    def network(part):
        shapes.append(part.shape)
        return part[..., :channels].transpose(2, 0, 1).astype(np.float32)

    assert np.array_equal(reading.maps(image, network), image[..., :channels].transpose(2, 0, 1))
    assert max(max(shape[:2]) for shape in shapes) <= reading.window


def test_pieces_see_their_surroundings() -> None:
    image = np.random.default_rng(0).integers(0, 256, (150, 90, 3), np.uint8)

    def blurred(part):
        """Means over 17 px, the margin and the pixel itself on either side."""
        sums = np.cumsum(np.pad(part[..., 0].astype(float), ((9, 8), (0, 0)), "edge"), axis=0)
        return ((sums[17:] - sums[:-17]) / 17)[None].astype(np.float32)

    whole = blurred(image)
    assert np.allclose(READING.maps(image, blurred), whole)
    assert not np.allclose(replace(READING, margin=0).maps(image, blurred), whole)


@pytest.mark.parametrize("scale", [1.0, 1.5, 2.0, 3.0])
def test_regions_come_back_to_where_they_were(scale: float) -> None:
    image = fields(96, 64, 32)
    big = enlarge(image, scale)
    assert big.shape == (round(96 * scale), round(64 * scale), 3)
    segmenter = drawn_segmenter(reading=replace(READING, scales=(scale, scale)))
    tree, maps = segmenter.read(image)
    assert tree.leaves.shape == maps.shape[1:] == big.shape[:2]
    nodes = tree.at_level(0.7)[on_grid(tree, 96, 64).leaves]
    assert nodes.shape == (96, 64)
    for top in (0, 32, 64):
        for left in (0, 32):  # each field is one region, all but its border of 2 px
            inner = nodes[top + 2 : top + 30, left + 2 : left + 30]
            assert len(np.unique(inner)) == 1
    assert len(np.unique(nodes)) == 6


def test_fields_too_small_for_their_image_are_enlarged() -> None:
    small, large = fields(160, 160, 20), fields(160, 160, 80)
    segmenter = drawn_segmenter(reading=replace(READING, typical_parcel=60, window=1280))
    assert segmenter.read(large)[0].leaves.shape == (160, 160)
    assert segmenter.read(small)[0].leaves.shape == (480, 480)
    answers = segmenter.segment(segmenter.embed(small), np.array([[30.0, 50.0]]))
    mask = answers.enlarge((np.array([0]), np.array([1])))[0]
    assert mask.shape == (160, 160)
    assert mask[42:58, 22:38].all()
    assert mask.sum() <= 22 * 22


@pytest.mark.parametrize(
    ("numbers", "message"),
    [
        ({"typical_parcel": 0}, r"reading.typical_parcel=0"),
        ({"scales": (2.0, 1.0)}, r"reading.scales=\[2.0, 1.0\] must ascend"),
        ({"scales": (0.0, 1.0)}, r"reading.scales"),
        ({"window": 16}, r"reading.window=16 does not fit; give a whole number from 17"),
        ({"margin": -1}, r"reading.margin"),
    ],
)
def test_numbers_are_checked(numbers: dict[str, object], message: str) -> None:
    with pytest.raises(InputError, match=message):
        replace(READING, **numbers)

"""Farmland drawn from a seed: exactness of the reference, determinism, variety."""

import dataclasses
import itertools
from pathlib import Path

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from omegaconf import OmegaConf
from scipy import ndimage

from isagrsc2.errors import InputError
from isagrsc2.scene.farmland import Farmland, FarmlandStyle, LandCover, draw_farmland
from isagrsc2.scene.farmland.noise import fractal, sample
from isagrsc2.scene.farmland.partition import Bend, Rule, area, halve, split
from isagrsc2.scene.farmland.reference import reference_parcels
from isagrsc2.scene.farmland.site import Canvas
from isagrsc2.scene.farmland.surface import LAND_COVER, N_SURFACES, Surface

CONF = Path(__file__).parents[2] / "conf" / "farmland" / "default.yaml"


def load_style(**changes: object) -> FarmlandStyle:
    values = OmegaConf.to_container(OmegaConf.load(CONF))
    del values["_target_"]
    return FarmlandStyle(**{**values, **changes})


STYLE = load_style()


@pytest.fixture(scope="module")
def scenes() -> list[Farmland]:
    return [draw_farmland(seed, 256, 256, STYLE) for seed in range(20)]


def same(one: Farmland, other: Farmland) -> bool:
    names = [field.name for field in dataclasses.fields(Farmland)]
    return all(np.array_equal(getattr(one, name), getattr(other, name)) for name in names)


def check_reference(scene: Farmland, least: int) -> None:
    """Labels are 1..N, each is one 4-connected region that is large enough; cropland is exactly the parcels."""
    assert scene.image.dtype == np.uint8
    assert scene.parcels.dtype == np.int32
    assert scene.land_cover.dtype == np.uint8
    assert scene.image.shape == (*scene.parcels.shape, 3)
    assert scene.land_cover.shape == scene.parcels.shape
    present = np.unique(scene.parcels)
    present = present[present > 0]
    np.testing.assert_array_equal(present, np.arange(1, len(present) + 1))
    for number, window in enumerate(ndimage.find_objects(scene.parcels), start=1):
        mask = scene.parcels[window] == number
        assert ndimage.label(mask)[1] == 1  # the default structure of scipy is 4-connected
        assert mask.sum() >= least
    np.testing.assert_array_equal(scene.land_cover == LandCover.CROPLAND, scene.parcels > 0)
    assert set(np.unique(scene.land_cover)) <= {int(cover) for cover in LandCover}


# Cases to be checked by hand.


def test_halve_unit_square() -> None:
    square = [0j, 1 + 0j, 1 + 1j, 1j]
    halves = halve(square, 0.25 + 0.5j, 1j)  # the vertical line x = 0.25
    assert halves is not None
    left, right, line = halves
    assert sorted([area(left), area(right)]) == pytest.approx([0.25, 0.75])
    assert abs(line[0] - line[1]) == pytest.approx(1.0)
    assert halve(square, 2 + 0j, 1j) is None  # x = 2 misses the square


def test_equal_strips() -> None:
    # 80 x 100 px cut into pieces of 8 times the length of their width and 1000 px²: widths of about 11 px.
    # Places of cuts are parts of the width, so that 80 px give 8 strips of 10 px, none cut across.
    field = [0j, 100 + 0j, 100 + 80j, 80j]
    pieces, cuts = split(np.random.default_rng(0), field, 1 + 0j, Rule(1000, 0, 8, 0, 0), lambda piece: True)
    assert sum(area(piece) for piece in pieces) == pytest.approx(8000)
    assert len(cuts) == len(pieces) - 1
    assert {round(area(piece)) for piece in pieces} <= {1000, 1143, 889}  # 80 = 8 x 10 = 7 x 11.4 = 9 x 8.9


def test_straight_lines_stay_straight_without_bend() -> None:
    bend = Bend(np.random.default_rng(0), 0.0, 100.0)
    np.testing.assert_array_equal(bend.trace([0j, 50 + 0j], closed=False), [0j, 50 + 0j])


def test_bent_neighbours_share_their_border() -> None:
    bend = Bend(np.random.default_rng(0), 5.0, 100.0)
    there, back = bend.trace([0j, 60 + 20j], closed=False), bend.trace([60 + 20j, 0j], closed=False)
    np.testing.assert_allclose(there, back[::-1], atol=1e-9)


def test_reference_of_two_cells_and_a_road() -> None:
    # Cell 0 is the left half, cell 1 the right half of 6 x 8 px; a road runs through row 2. Above it each cell keeps
    # 2 x 4 = 8 px, below it 3 x 4 = 12 px. With at least 10 px only the two pieces below remain.
    canvas = Canvas.empty(6, 8)
    canvas.cells[:, :4], canvas.cells[:, 4:] = 0, 1
    canvas.surface[2] = Surface.PAVED
    parcels = reference_parcels(canvas, 10)
    expected = np.zeros((6, 8), np.int32)
    expected[3:, :4], expected[3:, 4:] = 1, 2
    np.testing.assert_array_equal(parcels, expected)
    assert (canvas.surface[:2] == Surface.MARGIN).all()


def test_tile_repeats() -> None:
    tile = np.arange(12, dtype=np.float32).reshape(3, 4)
    x = np.array([[0.0, 4.0, -1.0, 3.5]], np.float32)
    y = np.array([[0.0, 3.0, -1.0, 0.0]], np.float32)
    # (0, 0); the same again; column 3, row 2; halfway between column 3 and column 0 of the next copy.
    np.testing.assert_allclose(sample(tile, x, y), [[0, 0, 11, 1.5]], atol=1e-5)


def test_every_surface_has_a_class() -> None:
    assert len(LAND_COVER) == N_SURFACES
    assert set(LAND_COVER) == {int(cover) for cover in LandCover}


# The reference.


def test_reference_is_exact(scenes: list[Farmland]) -> None:
    for scene in scenes:
        check_reference(scene, STYLE.min_parcel_px)


@pytest.mark.parametrize(("height", "width"), [(64, 64), (65, 127), (301, 64), (64, 333), (129, 255)])
def test_any_size(height: int, width: int) -> None:
    for seed in range(4):
        scene = draw_farmland(seed, height, width, STYLE)
        assert scene.image.shape == (height, width, 3)
        check_reference(scene, STYLE.min_parcel_px)


@settings(max_examples=15, deadline=None)
@given(seed=st.integers(0, 2**63), height=st.integers(64, 160), width=st.integers(64, 160))
def test_any_seed(seed: int, height: int, width: int) -> None:
    check_reference(draw_farmland(seed, height, width, STYLE), STYLE.min_parcel_px)


@pytest.mark.parametrize("regime", list(STYLE.regimes))
def test_each_regime(regime: str) -> None:
    scene = draw_farmland(3, 256, 256, load_style(regimes={regime: 1}))
    check_reference(scene, STYLE.min_parcel_px)
    assert scene.parcels.max() >= 2


def roundness(mask: np.ndarray) -> float:
    """IoU of a mask with the ellipse that fills its bounding box."""
    height, width = mask.shape
    y, x = (np.arange(height)[:, None] + 0.5) / height * 2 - 1, (np.arange(width) + 0.5) / width * 2 - 1
    disc = x * x + y * y <= 1
    return float((mask & disc).sum() / (mask | disc).sum())


@pytest.mark.parametrize(("pivots", "least", "most"), [(0, 0, 0), (1, 5, 100)])
def test_pivots_are_round(pivots: float, least: int, most: int) -> None:
    # A rectangle that fills its box has a roundness of pi / 4 = 0.785. No woods, water or people cut the discs.
    bare = {name: [0, 0] for name in ("woods", "grassland", "water", "farmsteads_per_km2")}
    style = load_style(
        regimes={"irrigated": 1},
        pivots=pivots,
        regime_mixture=0,
        village=0,
        highway=0,
        river=0,
        parcel_side_px=[70, 80],
        **bare,
    )
    discs = 0
    for seed in range(5):
        parcels = draw_farmland(seed, 400, 400, style).parcels
        for number, window in enumerate(ndimage.find_objects(parcels), start=1):
            discs += roundness(parcels[window] == number) > 0.95
    assert least <= discs <= most


# Determinism.


def test_same_seed_same_scene() -> None:
    np.random.seed(1)
    cv2.setRNGSeed(1)
    first = draw_farmland(7, 150, 201, STYLE)
    np.random.seed(2)
    cv2.setRNGSeed(2)
    threads = cv2.getNumThreads()
    try:
        cv2.setNumThreads(1 if threads > 1 else 3)
        assert same(first, draw_farmland(7, 150, 201, STYLE))
    finally:
        cv2.setNumThreads(threads)


def test_global_generator_is_left_alone() -> None:
    before = np.random.get_state()[1].copy()
    draw_farmland(7, 64, 64, STYLE)
    np.testing.assert_array_equal(before, np.random.get_state()[1])


def test_other_seed_other_scene() -> None:
    one, other = draw_farmland(0, 64, 64, STYLE), draw_farmland(1, 64, 64, STYLE)
    assert not np.array_equal(one.image, other.image)


# What scenes look like.


def test_share_of_cropland(scenes: list[Farmland]) -> None:
    shares = np.array([(scene.parcels > 0).mean() for scene in scenes])
    assert 0.45 < shares.mean() < 0.8
    assert (shares > 0.1).all()


def test_all_classes_occur(scenes: list[Farmland]) -> None:
    seen = np.unique(np.concatenate([np.unique(scene.land_cover) for scene in scenes]))
    assert set(seen) == {int(cover) for cover in LandCover}


def test_parcels_with_holes_occur(scenes: list[Farmland]) -> None:
    def holes(scene: Farmland) -> int:
        return sum(
            int((ndimage.binary_fill_holes(scene.parcels[window] == number) & (scene.parcels[window] != number)).sum())
            for number, window in enumerate(ndimage.find_objects(scene.parcels), start=1)
        )

    assert sum(holes(scene) > 30 for scene in scenes) >= 2


def test_scenes_differ(scenes: list[Farmland]) -> None:
    means = np.array([scene.image.mean((0, 1)) for scene in scenes])  # (S, 3)
    assert means.mean(1).std() > 8  # brightness
    assert (means[:, 1] - means[:, 0]).std() > 4  # from soil to green
    distances = [np.abs(a - b).max() for a, b in itertools.combinations(means, 2)]
    assert np.median(distances) > 15
    sides = [np.sqrt(256 * 256 / max(scene.parcels.max(), 1)) for scene in scenes]
    assert max(sides) > 2 * min(sides)


def test_neighbours_can_be_told_apart(scenes: list[Farmland]) -> None:
    """Between the means of parcels there is more than within one: the picture agrees with the reference."""
    within, between = [], []
    for scene in scenes:
        grey = scene.image.mean(-1)
        numbers = np.arange(1, scene.parcels.max() + 1)
        if len(numbers) < 4:
            continue
        means = ndimage.mean(grey, scene.parcels, numbers)
        between.append(np.std(means))
        within.append(np.median(ndimage.standard_deviation(grey, scene.parcels, numbers)))
    assert np.median(between) > np.median(within)


def test_noise_has_unit_variance() -> None:
    rng = np.random.default_rng(0)
    for wavelength, octaves in [(4, 1), (20, 3), (90, 5)]:
        values = np.stack([fractal(rng, 200, 160, wavelength, octaves) for _ in range(30)])
        assert values.shape == (30, 200, 160)
        assert values.std() == pytest.approx(1, abs=0.25)
        assert abs(values.mean()) < 0.2


# Bad inputs.


def test_too_small() -> None:
    with pytest.raises(ValueError, match="64 x 64"):
        draw_farmland(0, 63, 64, STYLE)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"regimes": {"moon": 1}}, "regimes: moon is not known"),
        ({"regimes": {"strips": 0}}, "weights"),
        ({"woods": [0.5, 0.1]}, "woods"),
        ({"blur_px": [1]}, "blur_px"),
        ({"metres_per_pixel": [0, 1]}, "metres_per_pixel"),
    ],
)
def test_style_that_makes_no_sense(change: dict[str, object], message: str) -> None:
    with pytest.raises(InputError, match=message):
        load_style(**change)

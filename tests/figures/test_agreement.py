"""Pictures of agreement, by the colours of places whose outcome is known."""

import dataclasses

import numpy as np
import pytest
import shapely

from isagrsc2.figures.agreement import (
    COLOURS,
    INVENTED,
    OPACITY,
    Agreement,
    area_legend,
    draw_agreement,
    outcome_legend,
)
from isagrsc2.metrics.outcomes import FOUND, MERGED, MISSED, SPLIT, Outcomes
from isagrsc2.reference.parcels import reference_from_polygons
from isagrsc2.scene.raster import open_scene
from isagrsc2.scene.stretch import NoStretch

# Five squares in a row of 20 px each; the last is nobody's parcel.
SQUARES = [shapely.box(x, 4, x + 12, 16) for x in range(4, 104, 20)]


@pytest.fixture
def scene(write_raster):
    image = np.full((20, 100, 3), 120, np.uint8)
    with open_scene(write_raster("fields.tif", image), "auto", NoStretch()) as opened:
        yield opened


def agreement(outcomes, **kinds):
    geometries = {name: np.array(boxes, dtype=object) for name, boxes in kinds.items()}
    reference = reference_from_polygons(SQUARES[:4], [3, 5, 7, 9], (20, 100), "test")
    return Agreement(geometries["predicted"], geometries["invented"], reference, outcomes)


def outcomes(*codes):
    return Outcomes(np.array([3, 5, 7, 9]), np.array(codes, np.uint8), np.zeros(0, np.int64))


def grey_of(picture):
    return picture[5, 2].astype(float)


def at(picture, number):
    """Colour in the middle of a square; of a picture 10 times as large."""
    return picture[100, 100 + number * 200].astype(float)


def test_every_parcel_has_the_colour_of_its_outcome(scene):
    drawn = agreement(outcomes(FOUND, MERGED, SPLIT, MISSED), predicted=[], invented=[SQUARES[4]])
    picture = draw_agreement(scene, drawn, 1000)
    assert picture.shape == (200, 1000, 3)
    ground = grey_of(picture)
    assert np.ptp(ground) == 0
    for number, code in ((0, FOUND), (1, MERGED), (2, SPLIT), (4, INVENTED)):
        expected = ground * (1 - OPACITY) + np.array(COLOURS[code]) * OPACITY
        assert at(picture, number) == pytest.approx(expected, abs=2)
    hatched = picture[60:140, 660:740].reshape(-1, 3)  # missed: two colours
    assert len(np.unique(hatched, axis=0)) > 1
    assert hatched[:, 0].min() > 140


def test_outlines_are_black_for_predicted_and_white_for_reference(scene):
    drawn = agreement(outcomes(FOUND, FOUND, FOUND, FOUND), predicted=[SQUARES[4]], invented=[])
    picture = draw_agreement(scene, drawn, 1000)
    assert picture[100, 839:842].max(axis=1).min() < 30  # left side of the fifth square
    assert picture[100, 39:42].min(axis=1).max() > 220  # of the first
    assert at(picture, 4) == pytest.approx(grey_of(picture), abs=1)  # predicted and not invented: an outline only


def test_parcels_of_which_nothing_counts_and_unlabelled_land_stay_grey(scene):
    some = Outcomes(np.array([3]), np.array([FOUND], np.uint8), np.zeros(0, np.int64))
    drawn = agreement(some, predicted=[], invented=[])
    picture = draw_agreement(scene, drawn, 1000)
    assert at(picture, 1) == pytest.approx(grey_of(picture), abs=1)


def test_areas_are_coloured_pixel_by_pixel(scene):
    nothing = Outcomes(np.zeros(0, np.int64), np.zeros(0, np.uint8), np.zeros(0, np.int64))
    drawn = agreement(nothing, predicted=[SQUARES[0], SQUARES[4], SQUARES[3]], invented=[])
    reference = dataclasses.replace(drawn.reference, areas_only=True, unlabelled=(SQUARES[3],))
    picture = draw_agreement(scene, dataclasses.replace(drawn, reference=reference), 1000)
    ground = grey_of(picture)
    for number, code in ((0, FOUND), (4, INVENTED)):
        expected = ground * (1 - OPACITY) + np.array(COLOURS[code]) * OPACITY
        assert at(picture, number) == pytest.approx(expected, abs=2)
    assert picture[60:140, 260:340, 0].min() > 140  # missed
    assert at(picture, 3) == pytest.approx(ground, abs=1)


def test_a_large_scene_is_reduced_and_nodata_is_light(write_raster):
    image = np.full((40, 60, 3), 100, np.uint8)
    image[:, :30] = 0
    with open_scene(write_raster("half.tif", image, nodata=0), "auto", NoStretch()) as opened:
        none = np.zeros(0, dtype=object)
        nothing = Outcomes(np.zeros(0, np.int64), np.zeros(0, np.uint8), np.zeros(0, np.int64))
        empty = Agreement(none, none, reference_from_polygons([], [], (40, 60), "test"), nothing)
        picture = draw_agreement(opened, empty, 30)
    assert picture.shape == (20, 30, 3)
    assert picture[:, :14].min() > 240
    assert picture[:, 16:].max() < 200


def test_legends_count():
    names = [(entry.label, entry.detail) for entry in outcome_legend(outcomes(FOUND, MERGED, MISSED, MISSED))]
    assert names[:5] == [("Found", "1"), ("Merged", "1"), ("Split", "0"), ("Missed", "2"), ("Invented", "0")]
    areas = [(entry.label, entry.detail) for entry in area_legend(30, 10, 0)]
    assert areas[:3] == [
        ("Found", "75% of the reference"),
        ("Missed", "25% of the reference"),
        ("Invented", "0% of what was predicted"),
    ]
    assert area_legend(0, 0, 5)[0].detail == "no area of the reference"

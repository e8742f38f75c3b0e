import dataclasses

import numpy as np
import pytest
import shapely
from PIL import Image
from rasterio.crs import CRS

from isagrsc2.classification.land_classes import BINARY, LandClasses
from isagrsc2.export.overlay import Overlay, _Colouring, _legend
from isagrsc2.export.palette import colour_neighbours, palette_of
from isagrsc2.export.sheet import LegendEntry, _round_length, compose_sheet

NONE = np.zeros(0, object), np.zeros(0, np.int64)
OVERLAY = Overlay(max_size=400, max_enlargement=20.0, opacity=0.5, line_width=1.5)


def test_parcels_are_coloured_and_the_rest_is_the_image(make_result, tmp_path):
    # 60 x 80 px enlarged 5 times; the left half is one parcel.
    labels = np.zeros((60, 80), np.int32)
    labels[:, :40] = 1
    result = make_result(labels=labels)
    path = OVERLAY.write(result, tmp_path)
    assert path == tmp_path / "overlay.png"
    with_parcel = np.asarray(Image.open(path)).astype(int)
    without = OVERLAY.draw(make_result(labels=np.zeros_like(labels))).astype(int)
    top = 14 + 20 + 7  # somewhere inside the map, below the title
    left = (with_parcel.shape[1] - 400) // 2
    changed = (with_parcel != without).any(axis=2)[top + 20 : top + 280, left : left + 400]
    assert changed[:, :195].mean() > 0.99
    assert not changed[:, 206:].any()


def test_size_follows_the_options(make_result):
    # 10 x 7 px may be enlarged 20 times at most: 200 x 140; 300 x 30 px is enlarged to 400 x 40.
    assert OVERLAY.draw(make_result()).shape[1] >= 200
    assert OVERLAY.draw(make_result(labels=np.ones((30, 300), np.int32))).shape[1] == 400 + 2 * 14
    large = Overlay(max_size=100, max_enlargement=4.0, opacity=0.5, line_width=1.0)
    assert large.draw(make_result(labels=np.ones((30, 300), np.int32))).shape[1] == 260 + 2 * 14


@pytest.mark.parametrize("crs", [None, CRS.from_epsg(32632)])
@pytest.mark.parametrize("shape", [(4, 5), (300, 3), (3, 300)])
def test_any_shape_and_no_parcel(make_result, shape, crs):
    for labels in (np.zeros(shape, np.int32), np.ones(shape, np.int32)):
        picture = OVERLAY.draw(make_result(labels=labels, crs=crs))
        assert picture.dtype == np.uint8
        assert picture.ndim == 3


def test_equal_results_give_equal_files(make_result, tmp_path):
    result = make_result()
    assert OVERLAY.write(result, tmp_path).read_bytes() == OVERLAY.write(result, tmp_path).read_bytes()


def test_legend_counts_and_adds(make_result):
    # 10 m pixels near the central meridian. Cultivated are 1 (12 px) and 4 (15 px): 27 px, 0.27 ha. 2 is not cultivated,
    # 18 px, 0.18 ha. 3 is unclassified, 9 px, 900 m².
    entries = _legend(make_result().parcels, BINARY)
    assert [(entry.label, entry.detail) for entry in entries] == [
        ("Cultivated", "2 parcels, 0.3 ha"),
        ("Not cultivated", "1 parcel, 0.2 ha"),
        ("Unclassified", "1 parcel, 901 sq m"),  # the scale at the central meridian is 0.9996: 900 / 0.9996²
    ]
    assert _legend(make_result(crs=None).parcels, BINARY)[0].detail == "2 parcels, 27 px"


def test_scale_bar_is_a_round_length():
    assert [_round_length(length) for length in (1.0, 4.9, 5.0, 99.0, 2500.0)] == [1.0, 2.0, 5.0, 50.0, 2000.0]


def test_neighbours_differ():
    # A chessboard of 8 x 8 fields: every field has 8 neighbours, 4 colours are enough.
    fields = np.array([shapely.box(x, y, x + 1, y + 1) for x in range(8) for y in range(8)], dtype=object)
    upper = fields[shapely.bounds(fields)[:, 1] < 4]
    lower = fields[shapely.bounds(fields)[:, 1] >= 4]
    first = colour_neighbours(upper, 0.1, 6, NONE)
    second = colour_neighbours(lower, 0.1, 6, (upper, first))
    assert np.array_equal(first, colour_neighbours(upper, 0.1, 6, NONE))
    in_batches = np.concatenate([first.reshape(8, 4), second.reshape(8, 4)], axis=1)
    for colours in (colour_neighbours(fields, 0.1, 6, NONE).reshape(8, 8), in_batches):
        check_chessboard(colours)
    assert colour_neighbours(fields[:0], 0.1, 6, NONE).shape == (0,)


def test_neighbours_differ_although_batches_are_no_bands():
    first, below, beside = ([shapely.box(x, y, x + 1, y + 1)] for x, y in ((0, 0), (9, 20), (1, 0)))
    colouring = _Colouring(BINARY, [0, 20, 0])
    one, _, other = (colouring.colours(np.array(batch), np.array(["cultivated"])) for batch in (first, below, beside))
    assert not np.array_equal(one, other)


def check_chessboard(colours):
    for dx, dy in ((0, 1), (1, 0), (1, 1), (1, -1)):
        shifted = np.roll(colours, (-dx, -dy), (0, 1))
        inside = np.ones((8, 8), bool)
        inside[8 - dx :] = False
        inside[:, 7 if dy == 1 else 8 :] = False
        inside[:, : 1 if dy == -1 else 0] = False
        assert (colours != shifted)[inside].all()
    assert set(colours.ravel()) <= set(range(6))


def test_sheet_takes_any_name_and_a_long_legend():
    picture = np.zeros((50, 60, 3), np.uint8)
    entries = [LegendEntry("Not cultivated", "12,345 parcels, 123,456 ha", ((1, 2, 3),), True)] * 3
    sheet = compose_sheet(picture, "Ågård 田 " * 30, "x" * 300, entries, 3.0)
    assert sheet.shape[1] == 260 + 2 * 14
    left = (sheet.shape[1] - 60) // 2
    assert (sheet == 0).all(axis=2)[:, left : left + 60].sum() >= 50 * 60  # the map is there, whole


def test_batches_change_the_colours_at_most(make_result):
    # What is covered, hatched and outlined is the same; which of its class's colours a parcel has may depend on the batch.
    labels = np.kron(np.arange(1, 49).reshape(8, 6), np.ones((9, 11), np.int32)).astype(np.int32)
    whole, parts = (OVERLAY.draw(make_result(labels=labels, rows=rows)).astype(int) for rows in (1000, 7))
    assert whole.shape == parts.shape
    grey = (whole == parts).all(axis=2)
    assert grey.mean() > 0.5
    legend = [_legend(make_result(labels=labels, rows=rows).parcels, BINARY) for rows in (1000, 7)]
    assert legend[0] == legend[1]


def test_classes_of_land_cover_have_their_colours(make_result):
    land = LandClasses(("forest", "rice", "water"), ("rice",))
    assert len({palette_of(name, land) for name in land.names}) == 3
    labels = np.repeat(np.arange(1, 4), 20)[None].repeat(40, axis=0).astype(np.int32)
    result = make_result(labels=labels)
    (segments,), (parcels,) = result.segments, result.parcels
    names = {"class_name": ["forest", "rice", "water"]}
    named = dataclasses.replace(result, segments=[segments.assign(**names)], parcels=[parcels.assign(**names)], classes=land)
    entries = _legend(named.parcels, land)
    assert [(entry.label, entry.hatched) for entry in entries] == [("Forest", True), ("Rice", False), ("Water", True)]
    plain = Overlay(max_size=60, max_enlargement=1.0, opacity=1.0, line_width=0.0).draw(named).astype(int)
    shown = {tuple(colour) for colour in plain.reshape(-1, 3).tolist()}
    assert palette_of("rice", land)[0] in shown

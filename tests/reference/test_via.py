import math
from pathlib import Path

import pytest
import shapely

from isagrsc2.errors import InputError
from isagrsc2.reference.via import is_via, via_polygons

SQUARE = {"name": "polygon", "all_points_x": [0, 4, 4, 0], "all_points_y": [0, 0, 4, 4]}
PATH = Path("via.json")


def record(*shapes: dict, filename: str = "a.png") -> dict:
    return {"filename": filename, "size": 123, "regions": [{"shape_attributes": shape} for shape in shapes]}


def read(*shapes: dict) -> list[shapely.Geometry]:
    return via_polygons({"a.png123": record(*shapes)}, PATH, "a.png")


def test_polygons_rectangles_and_closed_polylines():
    polyline = {**SQUARE, "name": "polyline"}
    rectangle = {"name": "rect", "x": 1, "y": 2, "width": 3, "height": 4}
    assert [shape.bounds for shape in read(SQUARE, polyline, rectangle)] == [(0, 0, 4, 4), (0, 0, 4, 4), (1, 2, 4, 6)]


def test_circles_and_ellipses_are_as_large_as_they_are_round():
    circle, ellipse = read(
        {"name": "circle", "cx": 10, "cy": 20, "r": 5}, {"name": "ellipse", "cx": 10, "cy": 20, "rx": 6, "ry": 2}
    )
    assert circle.area == pytest.approx(math.pi * 25, rel=0.01)
    assert ellipse.area == pytest.approx(math.pi * 12, rel=0.01)
    assert ellipse.bounds == pytest.approx((4, 18, 16, 22))


def test_ellipses_turn_clockwise_on_the_screen():
    (ellipse,) = read({"name": "ellipse", "cx": 0, "cy": 0, "rx": 10, "ry": 1, "theta": math.pi / 4})
    assert ellipse.contains(shapely.Point(6, 6))  # to the right and down
    assert not ellipse.contains(shapely.Point(6, -6))


def test_points_and_unfinished_polygons_are_no_parcels():
    unfinished = {"name": "polygon", "all_points_x": [0, 4], "all_points_y": [0, 0]}
    assert read({"name": "point", "cx": 1, "cy": 1}, unfinished) == []


def test_regions_may_be_a_dictionary_and_the_key_may_carry_the_size():
    old = {"a.png999": {"filename": "a.png", "regions": {"0": {"shape_attributes": SQUARE}}}}
    assert is_via(old)
    assert len(via_polygons(old, PATH, "a.png")) == 1


def test_projects_and_urls():
    project = {"_via_settings": {}, "_via_img_metadata": {"x": record(SQUARE, filename="http://host/maps/a.png")}}
    assert is_via(project)
    assert len(via_polygons(project, PATH, "a.png")) == 1


def test_other_json_is_not_via():
    for other in ([], 3, {"type": "FeatureCollection", "features": []}, {"images": [], "annotations": []}):
        assert not is_via(other)


def test_an_image_without_record_is_refused():
    with pytest.raises(InputError, match=r"via.json has no record for the image b.png \(it has 1 records\)"):
        via_polygons({"a.png": record(SQUARE)}, PATH, "b.png")


@pytest.mark.parametrize(
    ("shape", "reason"),
    [
        ({"name": "polygon", "all_points_x": [0, 1, 2]}, "all_points_y"),
        ({"name": "polygon", "all_points_x": [0, 1, 2], "all_points_y": [0, 1]}, "3 x and 2 y"),
        ({"name": "rect", "x": 0, "y": 0, "width": "wide", "height": 1}, "wide"),
        ({"name": "blob"}, "unknown shape blob"),
        (None, "NoneType"),
    ],
)
def test_damaged_regions_are_named(shape, reason):
    with pytest.raises(InputError, match=rf"region 2 of a\.png cannot be read .*{reason}"):
        read(SQUARE, shape)

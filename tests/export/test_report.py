import base64
import dataclasses
import gzip
import html
import json
import re
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import geopandas
import numpy as np
import pytest
import shapely
from hypothesis import given
from hypothesis import strategies as st
from omegaconf import OmegaConf
from PIL import Image

from isagrsc2.errors import InputError
from isagrsc2.export.report import Report
from isagrsc2.export.report_controls import histogram_bars, histogram_edges
from isagrsc2.export.report_shapes import outlines, shapes
from isagrsc2.parcels import empty_segments, move, to_parcels
from isagrsc2.reference.parcels import reference_from_polygons
from isagrsc2.reference.reading import read_reference
from isagrsc2.scene.raster import open_scene
from isagrsc2.scene.stretch import NoStretch

# The numbers that are shipped.
OPTIONS = OmegaConf.to_container(OmegaConf.load(Path(__file__).parents[2] / "conf/export/report.yaml").report)
del OPTIONS["_target_"]
REPORT = Report(**OPTIONS)
# Of the page without its pictures, bytes.
LIMIT = 5_000_000
PICTURE = re.compile(r"data:image/(?:jpeg|png);base64,[A-Za-z0-9+/=]+")


def document(page: str) -> Any:
    """The JSON of the models; BokehJS reads it with its entities resolved."""
    start = page.index(">", page.index('type="application/json"')) + 1
    return json.loads(html.unescape(page[start : page.index("</script>", start)]))


def columns(page: str, name: str) -> dict[str, Any] | None:
    """The columns of the data source called so; None where there is none."""
    for node in _nodes(document(page)):
        if node.get("type") == "object" and node.get("name") == "ColumnDataSource":
            attributes = node["attributes"]
            if attributes.get("name") == name:
                return {key: _plain(value) for key, value in attributes["data"]["entries"]}
    return None


class Addresses(HTMLParser):
    """Addresses that a browser would ask for when it reads the page."""

    def __init__(self) -> None:
        super().__init__()
        self.found: list[str] = []
        self.tags: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.found += [value or "" for name, value in attrs if name in ("src", "href", "srcset", "data", "action")]


def _nodes(value: Any) -> Any:
    if isinstance(value, dict):
        yield value
        for item in value.values():
            yield from _nodes(item)
    elif isinstance(value, list):
        for item in value:
            yield from _nodes(item)


def _plain(value: Any) -> Any:
    if isinstance(value, dict) and value.get("type") == "ndarray":
        return np.frombuffer(gzip.decompress(base64.b64decode(value["array"]["data"])), value["dtype"]).reshape(value["shape"])
    return value


def pictures(page):
    """The page's own pictures, without the icons of BokehJS."""
    return PICTURE.findall(page, page.index('type="application/json"'))


def size_without_pictures(page):
    return len(page.encode()) - sum(map(len, pictures(page)))


def with_grid(result, side, corners=8):
    """The result with side x side round polygons as parcels, one in the middle of every cell of a grid."""
    scene = result.scene
    angles = np.linspace(0, 2 * np.pi, corners, endpoint=False)
    cell = scene.width / side
    ring = np.stack([np.cos(angles), np.sin(angles)], axis=1) * cell * 0.4  # (corners, 2)
    centres = np.stack(np.meshgrid(np.arange(side), np.arange(side)), -1).reshape(-1, 1, 2) * cell + cell / 2
    polygons = move(shapely.polygons(ring + centres), scene.transform)
    rows = len(polygons)
    parcels = geopandas.GeoDataFrame(
        {
            "parcel_id": np.arange(1, rows + 1),
            "class_name": ["not_cultivated"] * rows,
            "p_cultivated": np.linspace(0, 0.5, rows),
            "score": np.linspace(0, 1, rows),
            "round": 1 + np.arange(rows) % 4,
            "area_m2": shapely.area(polygons),
        },
        geometry=list(polygons),
        crs=scene.crs,
    )
    return dataclasses.replace(result, parcels=[parcels])


@pytest.mark.parametrize("georeferenced", [True, False])
def test_every_parcel_is_in_the_page_with_its_values(make_result, tmp_path, georeferenced):
    result = make_result() if georeferenced else make_result(crs=None)
    path = REPORT.write(result, tmp_path)
    assert path == tmp_path / "report.html"
    data = columns(path.read_text(encoding="utf-8"), "parcels")
    table = result.parcels[0].set_index("parcel_id").loc[data["parcel_id"]]
    area = "area_m2" if georeferenced else "area_px"
    assert sorted(data["parcel_id"]) == [1, 2, 3, 4]
    assert (np.diff(data["area"]) <= 0).all()  # largest first
    np.testing.assert_allclose(data["area"], table[area], rtol=1e-6)
    np.testing.assert_allclose(data["score"], table["score"], rtol=1e-6)
    np.testing.assert_allclose(data["p_cultivated"], table["p_cultivated"], rtol=1e-6)  # NaN where unclassified
    assert data["round"].tolist() == table["round"].tolist()
    assert data["class_name"] == [name.replace("_", " ") for name in table["class_name"]]


def test_parcels_lie_where_they_lie_in_the_image(make_result):
    # Parcel 2 is columns 4 to 9, rows 0 to 4, with a hole in columns 5 to 7, row 2; parcel 3 has two pieces.
    exact = Report(**OPTIONS | {"tolerance": 0.0})
    data = columns(exact.compose(make_result(crs=None)), "parcels")
    row = data["parcel_id"].tolist().index(2)
    (shell_x, hole_x), (shell_y, hole_y) = data["xs"][row][0], data["ys"][row][0]
    assert (min(shell_x), max(shell_x), min(shell_y), max(shell_y)) == (4, 9, 0, 4)
    assert (min(hole_x), max(hole_x), min(hole_y), max(hole_y)) == (5, 7, 2, 3)
    assert len(data["xs"][data["parcel_id"].tolist().index(3)]) == 2
    # With a CRS the frame is metres from the same corner, y still downwards: 10 m a pixel, at the central meridian 10.004.
    data = columns(exact.compose(make_result()), "parcels")
    row = data["parcel_id"].tolist().index(2)
    np.testing.assert_allclose([min(data["xs"][row][0][0]), max(data["ys"][row][0][0])], [40.0, 40.0], atol=1.0)


def test_nothing_is_asked_from_a_network(make_result):
    page = REPORT.compose(make_result())
    addresses = Addresses()
    addresses.feed(page)
    assert addresses.found == ["data:,"]
    assert "default-src 'none'; img-src data:;" in page  # the browser refuses what is left
    styles = "".join(re.findall(r"<style>(.*?)</style>", page, re.DOTALL))
    assert "url(" not in styles
    assert "@import" not in styles


def test_names_are_text(make_result, tmp_path):
    result = make_result(crs=None)
    name = tmp_path / "<script>alert(1)&amp;'\".png"
    name.write_bytes(result.scene.path.read_bytes())
    page = REPORT.compose(dataclasses.replace(result, scene=open_scene(name, "auto", NoStretch())))
    assert "<script>alert(1)" not in page
    assert "<h1>&lt;script&gt;alert(1)&amp;amp;&#39;&#34;.png</h1>" in page
    plain = Addresses()
    plain.feed(REPORT.compose(result))
    special = Addresses()
    special.feed(page)
    assert special.tags == plain.tags


def test_header_counts(make_result):
    page = REPORT.compose(make_result())
    figures = {
        label: (value, detail)
        for label, value, detail in re.findall(r"<dt>(.*?)</dt><dd><b>(.*?)</b><span class=\"detail\">(.*?)</span>", page)
    }
    assert figures["Parcels"][0] == "4"
    assert figures["Cultivated"] == ("2", "0.3 ha")  # 27 px of 100 m²
    assert figures["Not cultivated"] == ("1", "0.2 ha")
    assert figures["Unclassified"] == ("1", "901 m²")
    assert figures["Image covered"] == ("–", "after round 1: 80.0%, 2: –")
    assert "10 × 7 px · WGS 84 / UTM zone 32N · pixels of 10 m" in page


def compared_with(result, figures):
    """The result, compared with the reference at the path that the figures name."""
    reference = read_reference(Path(figures["path"]), result.scene)
    return dataclasses.replace(result, metrics={"reference": figures}, reference=reference)


def test_reference_is_drawn_and_scored(make_result, tmp_path):
    result = make_result(crs=None)
    reference = reference_from_polygons([shapely.box(1, 1, 4, 5), shapely.box(5, 0, 9, 4)], [1, 2], (7, 10), "given")
    path = tmp_path / "drawn.parquet"
    reference.parcels.to_parquet(path)
    last = {
        "area_iou": 0.5,
        "area_precision": None,
        "area_recall": 1.0,
        "object_f1": 0.25,
        "matched_parcels": 1,
        "reference_parcels": 2,
    }
    compared = {"path": str(path), "areas_only": False, "predictions": "cultivated segments", "rounds": [last]}
    page = REPORT.compose(compared_with(result, compared))
    assert sorted(min(parts[0][0]) for parts in columns(page, "reference")["xs"]) == [1, 5]
    assert '<b>0.500</b><span class="detail">precision –, recall 1.000</span>' in page
    assert '<b>0.250</b><span class="detail">1 of 2 reference parcels found</span>' in page
    assert "dashed lines: 2 parcels, of drawn.parquet." in page
    assert columns(REPORT.compose(result), "reference") is None
    # Areas only: no figures of parcels; without classes: those of a perfect classifier.
    mask = tmp_path / "field_mask.png"
    Image.fromarray(np.full((7, 10, 3), (255, 255, 0), np.uint8)).save(mask)
    compared |= {"path": str(mask), "areas_only": True, "predictions": "all segments (unclassified)"}
    compared |= {"oracle_class": {"rounds": [last | {"area_iou": 0.75}]}}
    page = REPORT.compose(compared_with(result, compared))
    assert "(IoU), if classes were perfect</dt><dd><b>0.750</b>" in page
    assert "F1" not in page[page.index("<header>") : page.index("</header>")]
    assert "cultivated land, not divided into parcels, of field_mask.png." in page


@pytest.mark.parametrize("shape", [(4, 5), (300, 3), (3, 300)])
def test_no_parcel_and_one(make_result, shape):
    page = REPORT.compose(make_result(labels=np.zeros(shape, np.int32)))
    assert "No parcels were found" in page
    assert columns(page, "parcels") is None
    page = REPORT.compose(make_result(labels=np.ones(shape, np.int32)))
    assert columns(page, "parcels")["parcel_id"].tolist() == [1]
    assert "No parcels were found" not in page
    assert "largest of" not in page


def test_an_image_without_data_and_parcels_without_class(make_result):
    result = make_result()
    segments = [empty_segments()]
    parcels = list(to_parcels(segments, result.scene.transform, result.scene.crs, 0.0))
    empty = dataclasses.replace(result, segments=segments, parcels=parcels, metrics={})
    assert "No parcels were found" in REPORT.compose(empty)
    unclassified = result.parcels[0].assign(class_name="unclassified", p_cultivated=np.nan)
    page = REPORT.compose(dataclasses.replace(result, parcels=[unclassified]))
    assert "P(cultivated)" not in page
    assert '4</b><span class="detail">0.5 ha, unclassified</span>' in page


def test_large_scenes_are_reduced_and_the_smallest_parcels_a_picture(make_result):
    result = with_grid(make_result(labels=np.ones((900, 900), np.int32)), 30)
    few = Report(**OPTIONS | {"max_size": 300, "max_parcels": 100})
    page = few.compose(result)
    assert len(columns(page, "parcels")["parcel_id"]) == 100
    assert "The 100 largest of 900 parcels can be pointed at" in page
    assert len(pictures(page)) == 2  # the image, and the outlines of the others
    assert len(pictures(REPORT.compose(result))) == 1


def test_five_thousand_parcels_stay_small_and_quick(make_result):
    result = with_grid(make_result(labels=np.ones((2200, 2200), np.int32)), 71)  # 5041
    page = REPORT.compose(result)
    assert len(columns(page, "parcels")["parcel_id"]) == 71**2
    assert size_without_pictures(page) < LIMIT


def test_the_limits_keep_the_page_small(make_result, tmp_path):
    # As many parcels as are drawn one by one, as many corners as there may be, and a reference of the same.
    result = with_grid(make_result(labels=np.ones((2200, 2200), np.int32)), 80, corners=12)  # 6400
    path = tmp_path / "same.gpkg"
    result.parcels[0][["geometry"]].to_file(path)
    compared = {"path": str(path), "areas_only": True, "predictions": "cultivated segments"}
    compared |= {"rounds": [{"area_iou": 1.0, "area_precision": 1.0, "area_recall": 1.0}]}
    page = Report(**OPTIONS | {"tolerance": 0.0}).compose(compared_with(result, compared))
    assert len(columns(page, "parcels")["parcel_id"]) == OPTIONS["max_points"] // 13
    assert size_without_pictures(page) < LIMIT


@given(st.integers(1, 40), st.integers(4, 200), st.floats(0, 3))
def test_shapes_are_the_largest_and_few(most, points, tolerance):
    circles = np.array([shapely.Point(20 * n, 0).buffer(1 + n % 7) for n in range(30)], dtype=object)
    drawn = shapes([circles[:11], circles[11:11], circles[11:]], 1.0, tolerance, most, points)
    left_out = np.setdiff1d(np.arange(30), drawn.rows)
    assert len(left_out) + len(drawn.rows) == 30
    assert len(drawn.rows) == len(drawn.xs) == len(drawn.ys) <= most
    corners = sum(len(ring) + 1 for parts in drawn.xs for rings in parts for ring in rings)
    assert corners <= points or len(drawn.rows) == 1
    area = shapely.area(circles)
    assert not len(left_out) or area[drawn.rows].min() >= area[left_out].max()
    for row, parts, heights in zip(drawn.rows, drawn.xs, drawn.ys, strict=True):
        kept = shapely.Polygon(np.stack([parts[0][0], heights[0][0]], axis=1))
        assert shapely.hausdorff_distance(kept, circles[row]) <= tolerance + 0.1  # and the rounding


def test_outlines_lie_on_the_border_of_the_pixels():
    # A square from 2 to 6 px on a picture of half the size: its border is drawn around pixel (1, 1), and not inside.
    squares = [np.array([shapely.box(0, 0, 1, 1)], object), np.array([shapely.box(4, 4, 12, 12)], object)]
    picture = outlines(squares, np.array([0]), (10, 8), 2.0, (1, 2, 3))
    assert picture.shape == (8, 10, 4)
    assert (picture[..., :3] == (1, 2, 3)).all()
    assert picture[3:5, 3:5, 3].max() < 20  # of 255: the line is smooth
    assert picture[2:6, 1:3, 3].max(axis=1).min() > 0
    assert picture[7:, :, 3].max() < 20


def test_bars_hold_every_area():
    areas = np.array([100.0, 250.0, 99_999.0, np.nan, 0.0, 1000.0])
    edges = histogram_edges(areas, 10)
    np.testing.assert_allclose(edges[[0, -1]], [2.0, 5.0])
    assert histogram_bars(areas, edges).tolist() == [0, 1, 9, -1, -1, 3]
    same = histogram_edges(np.array([500.0, 500.0]), 4)
    assert same[-1] - same[0] == pytest.approx(0.5)
    assert same[0] < np.log10(500) < same[-1]
    assert len(histogram_edges(np.array([np.nan]), 4)) == 5


@pytest.mark.parametrize(
    ("option", "value", "message"),
    [
        ("max_size", 0, "export.report.max_size=0 does not fit; give a whole number from 1."),
        ("quality", 96, "export.report.quality=96 does not fit; give a number from 1 to 95."),
        ("quality", 0.5, "export.report.quality=0.5 does not fit; give a whole number from 1."),
        ("tolerance", -1, "export.report.tolerance=-1 does not fit; give a number from 0."),
        ("max_parcels", 0, "export.report.max_parcels=0 does not fit; give a whole number from 1."),
        ("max_points", 2.5, "export.report.max_points=2.5 does not fit; give a whole number from 1."),
        ("bins", 0, "export.report.bins=0 does not fit; give a whole number from 1."),
    ],
)
def test_options_are_checked(option, value, message):
    with pytest.raises(InputError) as error:
        Report(**OPTIONS | {option: value})
    assert str(error.value) == message

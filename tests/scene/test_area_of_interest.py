"""The option `scene.aoi`, as far as scenes go; the whole way is in tests/tasks/test_segment_area.py."""

import pickle
from pathlib import Path

import geopandas as gpd
import numpy as np
import pytest
import shapely
from affine import Affine
from hypothesis import given
from hypothesis import strategies as st
from rasterio.windows import Window

from isagrsc2.errors import InputError
from isagrsc2.scene.area_of_interest import OutsideAreaError, read_area
from isagrsc2.scene.raster import Scene
from isagrsc2.scene.region import Inside, read_region
from isagrsc2.scene.sources import SceneFile
from isagrsc2.scene.stretch import NoStretch

GRID = Affine(10.0, 0.0, 500_000.0, 0.0, -10.0, 6_200_000.0)
VALUES = np.full((40, 60, 3), 99, np.uint8)


@pytest.fixture
def image(write_raster) -> Path:
    """60 x 40 px of 10 m."""
    return write_raster("a.tif", VALUES, crs="EPSG:32632", transform=GRID)


def on_the_map(*boxes: tuple[float, float, float, float], crs: str | None = "EPSG:32632") -> gpd.GeoDataFrame:
    """Boxes of px as polygons on the map."""
    polygons = gpd.GeoSeries([shapely.box(*box) for box in boxes]).affine_transform(GRID.to_shapely())
    return gpd.GeoDataFrame(geometry=polygons.to_numpy(), crs=crs)


def opened(image: Path, aoi: Path | str, folder: Path) -> Scene:
    return SceneFile("a", image, "auto", NoStretch(), area=read_area(str(aoi))).open(folder)[0]


def test_pixels_outside_are_missing(image, tmp_path):
    # To x = 30.4 px: the centre of column 30 lies outside. The second polygon overlaps the first, and reaches beyond the image.
    on_the_map((10, 5, 30.4, 20), (25, 18, 99, 25)).to_file(tmp_path / "aoi.gpkg")
    expected = np.zeros((40, 60), bool)
    expected[5:20, 10:30] = True
    expected[18:25, 25:] = True
    with opened(image, tmp_path / "aoi.gpkg", tmp_path) as scene:
        pixels, valid = scene.read()
        np.testing.assert_array_equal(valid, expected)
        np.testing.assert_array_equal(pixels, VALUES * expected[..., None])
        window = Window(20, 10, 30, 20)
        np.testing.assert_array_equal(scene.read(window)[1], expected[10:30, 20:50])
        assert not scene.read(Window(0, 30, 60, 10))[1].any()
        assert (scene.width, scene.height, scene.transform) == (60, 40, GRID)  # its frame stays
        with pickle.loads(pickle.dumps(scene)) as other:
            np.testing.assert_array_equal(other.read(window)[1], expected[10:30, 20:50])
    # What an evaluation reads later.
    again = np.ones((40, 60), bool)
    read_region(tmp_path).mask(again, Window(0, 0, 60, 40))
    np.testing.assert_array_equal(again, expected)


@pytest.mark.parametrize("name", ["aoi.gpkg", "aoi.geojson", "aoi.shp", "aoi.fgb", "aoi.parquet"])
@pytest.mark.parametrize("crs", [4326, 3035])
def test_any_file_in_any_crs(image, tmp_path, name, crs):
    # Some 0.01 px are lost where straight edges are bent, and no centre lies so close.
    frame = on_the_map((10, 5, 30, 20)).to_crs(crs)
    (frame.to_parquet if name.endswith("parquet") else frame.to_file)(tmp_path / name)
    with opened(image, tmp_path / name, tmp_path) as scene:
        valid = scene.read()[1]
    assert valid.sum() == 15 * 20
    assert valid[5:20, 10:30].all()


def test_other_missing_pixels_stay_missing(write_raster, tmp_path):
    values = VALUES.copy()
    values[10:20] = 0
    image = write_raster("b.tif", values, crs="EPSG:32632", transform=GRID, nodata=0)
    on_the_map((0, 5, 60, 15)).to_file(tmp_path / "aoi.gpkg")
    with opened(image, tmp_path / "aoi.gpkg", tmp_path) as scene:
        assert scene.read()[1].any(axis=1).nonzero()[0].tolist() == [5, 6, 7, 8, 9]


def test_a_smaller_picture_of_it(image, tmp_path):
    on_the_map((20, 0, 60, 20)).to_file(tmp_path / "aoi.gpkg")
    with opened(image, tmp_path / "aoi.gpkg", tmp_path) as scene:
        valid = scene.read(out_shape=(4, 6))[1]  # 10 x 10 px each
    assert valid.tolist() == [[False, False, True, True, True, True]] * 2 + [[False] * 6] * 2


def test_without_a_crs_the_area_is_in_pixels(write_raster, tmp_path):
    image = write_raster("photo.png", VALUES)
    gpd.GeoSeries([shapely.box(10, 5, 30, 20)]).to_file(tmp_path / "aoi.geojson")
    with opened(image, tmp_path / "aoi.geojson", tmp_path) as scene:
        assert scene.read()[1].sum() == 15 * 20
    on_the_map((10, 5, 30, 20)).to_file(tmp_path / "aoi.gpkg")
    with pytest.raises(InputError, match=r"aoi.gpkg has a CRS \(EPSG:32632\) and .*photo.png has none"):
        opened(image, tmp_path / "aoi.gpkg", tmp_path)


def test_none_changes_nothing(image, tmp_path):
    assert SceneFile("a", image, "auto", NoStretch(), area=read_area("none")).identity() == (
        SceneFile("a", image, "auto", NoStretch()).identity()
    )
    with opened(image, "none", tmp_path / "not_made") as scene:
        assert scene.region.file is None
        assert scene.read()[1].all()


def test_an_identity_is_that_of_the_polygons(image, tmp_path):
    on_the_map((10, 5, 30, 20)).to_file(tmp_path / "a.gpkg")
    on_the_map((10, 5, 30, 20)).to_file(tmp_path / "b.shp")
    on_the_map((10, 5, 30, 21)).to_file(tmp_path / "c.gpkg")
    a, b, c, none = (
        SceneFile("a", image, "auto", NoStretch(), area=read_area(str(aoi))).identity()
        for aoi in (tmp_path / "a.gpkg", tmp_path / "b.shp", tmp_path / "c.gpkg", "none")
    )
    assert a == read_area(str(tmp_path / "a.gpkg")).identity() | none
    assert a != c != none
    assert "aoi" in b


@pytest.mark.parametrize("box", [(100, 5, 130, 20), (60, 0, 80, 40)])  # elsewhere; at the edge
def test_an_area_beside_the_image(image, tmp_path, box):
    on_the_map(box).to_file(tmp_path / "aoi.gpkg")
    with pytest.raises(OutsideAreaError, match=r"aoi.gpkg does not (overlap|touch)"):
        opened(image, tmp_path / "aoi.gpkg", tmp_path)


def test_areas_that_cannot_be_used(image, tmp_path):
    def refused(aoi: Path) -> str:
        with pytest.raises(InputError) as caught:
            opened(image, aoi, tmp_path)
        assert "\n" not in str(caught.value)
        return str(caught.value)

    assert "scene.aoi= does not exist" in refused("")
    assert f"scene.aoi={tmp_path}/gone.gpkg does not exist" in refused(tmp_path / "gone.gpkg")
    on_the_map((10, 5, 30, 20), crs=None).to_file(tmp_path / "bare.shp")
    assert "bare.shp has no CRS" in refused(tmp_path / "bare.shp")
    on_the_map((0, 0, 9, 9)).iloc[:0].to_file(tmp_path / "void.gpkg")
    assert "void.gpkg holds no polygons" in refused(tmp_path / "void.gpkg")
    mixed = gpd.GeoDataFrame(geometry=[shapely.box(0, 0, 1, 1), shapely.Point(5, 5)], crs=4326)
    mixed.to_file(tmp_path / "mixed.geojson")
    assert "mixed.geojson holds a point among its geometries" in refused(tmp_path / "mixed.geojson")
    gpd.GeoDataFrame(geometry=[shapely.LineString([(0, 0), (1, 1)])], crs=4326).to_file(tmp_path / "line.gpkg")
    assert "line.gpkg holds a linestring" in refused(tmp_path / "line.gpkg")
    (tmp_path / "broken.gpkg").write_bytes(b"SQLite format 3\0")
    assert "broken.gpkg cannot be read as vector file" in refused(tmp_path / "broken.gpkg")
    content = (tmp_path / "bare.shp").read_bytes()
    (tmp_path / "bare.shp").write_bytes(content[:-20])
    assert "bare.shp breaks off before its end; replace the file given to scene.aoi=" in refused(tmp_path / "bare.shp")


def test_a_bow_tie_is_repaired(image, tmp_path):
    tie = shapely.Polygon([(10, 10), (30, 30), (30, 10), (10, 30)])
    gpd.GeoDataFrame(geometry=gpd.GeoSeries([tie]).affine_transform(GRID.to_shapely()).to_numpy(), crs=32632).to_file(
        tmp_path / "aoi.gpkg"
    )
    with opened(image, tmp_path / "aoi.gpkg", tmp_path) as scene:
        assert 180 <= scene.read()[1].sum() <= 220  # two triangles of 100 px² each


@given(
    st.lists(st.tuples(*[st.integers(0, 20)] * 2, *[st.integers(1, 12)] * 2), min_size=1, max_size=3),
    st.tuples(*[st.integers(0, 12)] * 2, *[st.integers(1, 8)] * 2),
)
def test_a_window_is_a_cut_of_the_whole(boxes, window):
    region = Inside(shapely.union_all([shapely.box(x, y, x + w, y + h) for x, y, w, h in boxes]))
    whole = np.ones((20, 20), bool)
    region.mask(whole, Window(0, 0, 20, 20))
    burnt = np.zeros((20, 20), bool)
    for x, y, w, h in boxes:
        burnt[y : y + h, x : x + w] = True
    np.testing.assert_array_equal(whole, burnt)
    x, y, w, h = window
    part = np.ones((h, w), bool)
    region.mask(part, Window(x, y, w, h))
    np.testing.assert_array_equal(part, burnt[y : y + h, x : x + w])
    assert region.touches(Window(x, y, w, h)) == part.any()

import json
import sqlite3
import warnings
from xml.etree import ElementTree

import geopandas
import numpy as np
import pyarrow
import pyarrow.parquet
import pyogrio
import pytest
import shapely
from geopandas.testing import assert_geodataframe_equal
from rasterio.crs import CRS

from isagrsc2.errors import InputError
from isagrsc2.export.vector import FlatGeobuf, GeoPackage, GeoParquet


def read_parquet(path):
    return geopandas.read_parquet(path)


@pytest.mark.parametrize("rows", [1000, 3])
@pytest.mark.parametrize("crs", [None, CRS.from_epsg(32632), CRS.from_epsg(2154)])
def test_geoparquet_comes_back_equal(make_result, tmp_path, crs, rows):
    (parcels,) = make_result(crs=crs).parcels
    result = make_result(crs=crs, rows=rows)
    path = GeoParquet("zstd", "scene").write(result, tmp_path)
    assert path == tmp_path / "parcels.parquet"
    back = read_parquet(path)
    assert_geodataframe_equal(back, parcels)
    assert list(back.columns) == list(parcels.columns)
    assert pyarrow.parquet.ParquetFile(path).num_row_groups == len(result.parcels) == -(-len(parcels) // rows)


def test_geoparquet_is_1_1_with_bounding_boxes(make_result, tmp_path):
    result = make_result()
    path = GeoParquet("zstd", "scene").write(result, tmp_path)
    meta = json.loads(pyarrow.parquet.read_schema(path).metadata[b"geo"])
    assert meta["version"] == "1.1.0"
    column = meta["columns"]["geometry"]
    assert column["encoding"] == "WKB"
    assert column["covering"]["bbox"]["xmin"] == ["bbox", "xmin"]
    assert column["crs"]["id"] == {"authority": "EPSG", "code": 32632}
    # Only the parcels in the left third: columns 1 to 3 are 500010..500040 m.
    left = geopandas.read_parquet(path, bbox=(500_000, 6_199_000, 500_015, 6_200_000))
    assert set(left["parcel_id"]) == {1, 3}


@pytest.mark.parametrize("rows", [1000, 3])
@pytest.mark.parametrize("crs", [None, CRS.from_epsg(32632)])
def test_geopackage_comes_back_equal(make_result, tmp_path, crs, rows):
    (parcels,) = make_result(crs=crs).parcels
    result = make_result(crs=crs, rows=rows)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        path = GeoPackage("scene").write(result, tmp_path)
    assert path == tmp_path / "parcels.gpkg"
    back = geopandas.read_file(path, layer="parcels")
    assert set(back.columns) == set(parcels.columns)
    assert shapely.equals(back.geometry.to_numpy(), parcels.geometry.to_numpy()).all()
    assert (back.geom_type == "MultiPolygon").all()
    for name in parcels.columns.drop("geometry"):
        np.testing.assert_array_equal(back[name].to_numpy(), parcels[name].to_numpy())
    if crs is not None:
        assert back.crs == parcels.crs
    assert pyogrio.list_layers(path).tolist() == [["parcels", "MultiPolygon"], ["layer_styles", None]]


@pytest.mark.parametrize("exporter", [GeoParquet("zstd", "scene"), GeoPackage("scene"), FlatGeobuf("scene")])
def test_equal_results_give_equal_files_and_nothing_else(make_result, tmp_path, exporter):
    result = make_result()
    folder = tmp_path / "out"
    folder.mkdir()
    first = exporter.write(result, folder).read_bytes()
    assert exporter.write(result, folder).read_bytes() == first
    assert len(list(folder.iterdir())) == 1


@pytest.mark.parametrize("crs", [None, CRS.from_epsg(32632)])
@pytest.mark.parametrize("exporter", [GeoParquet("zstd", "scene"), GeoPackage("scene"), FlatGeobuf("scene")])
def test_empty_table(make_result, tmp_path, exporter, crs):
    result = make_result(labels=np.zeros((4, 5), np.int32), crs=crs)
    path = exporter.write(result, tmp_path)
    back = read_parquet(path) if path.suffix == ".parquet" else geopandas.read_file(path, layer="parcels")
    assert len(back) == 0
    assert set(back.columns) == set(result.parcels[0].columns)


def test_what_fails_leaves_the_old_file(make_result, tmp_path):
    result = make_result()
    path = GeoParquet("zstd", "scene").write(result, tmp_path)
    before = path.read_bytes()
    failing = GeoParquet("zstd", "scene")
    object.__setattr__(failing, "compression", "refused by the constructor")
    with pytest.raises(pyarrow.ArrowException):
        failing.write(result, tmp_path)
    assert path.read_bytes() == before
    assert {file.name for file in tmp_path.iterdir()} == {"field.tif", "parcels.parquet"}


@pytest.mark.parametrize("rows", [1000, 3])
@pytest.mark.parametrize("crs", [None, CRS.from_epsg(32632)])
def test_flatgeobuf_comes_back_equal(make_result, tmp_path, crs, rows):
    (parcels,) = make_result(crs=crs).parcels
    path = FlatGeobuf("scene").write(make_result(crs=crs, rows=rows), tmp_path)
    assert path == tmp_path / "parcels.fgb"
    back = geopandas.read_file(path).sort_values("parcel_id", ignore_index=True)  # it is sorted by place
    assert back["parcel_id"].tolist() == parcels["parcel_id"].tolist()
    assert shapely.equals(back.geometry.to_numpy(), parcels.geometry.to_numpy()).all()
    assert back.crs == parcels.crs


@pytest.mark.parametrize("exporter", [GeoParquet("zstd", "EPSG:4326"), GeoPackage("EPSG:4326"), FlatGeobuf("EPSG:4326")])
def test_another_crs_moves_the_parcels_and_keeps_their_sizes(make_result, tmp_path, exporter):
    result = make_result(rows=3)
    path = exporter.write(result, tmp_path)
    back = read_parquet(path) if path.suffix == ".parquet" else geopandas.read_file(path, layer="parcels")
    assert back.crs == "EPSG:4326"
    back = back.sort_values("parcel_id", ignore_index=True)
    (parcels,) = make_result().parcels
    np.testing.assert_array_equal(back["area_m2"], parcels["area_m2"])
    moved = back.to_crs(parcels.crs).geometry.to_numpy()
    assert shapely.hausdorff_distance(moved, parcels.geometry.to_numpy()).max() < 1e-6
    assert shapely.coverage_is_valid(back.geometry.to_numpy())  # borders are still shared


def test_a_crs_that_does_not_fit(make_result, tmp_path):
    with pytest.raises(InputError, match=r"export\.crs=EPSG:letters is no coordinate reference system; give one such as"):
        GeoPackage("EPSG:letters")
    with pytest.raises(InputError, match=r"export\.crs=EPSG:4326 needs an image with a CRS, and this has none"):
        GeoPackage("EPSG:4326").write(make_result(crs=None), tmp_path)
    assert not (tmp_path / "parcels.gpkg").exists()


@pytest.mark.parametrize("crs", [None, CRS.from_epsg(32632)])
def test_a_geopackage_brings_its_style(make_result, tmp_path, crs):
    path = GeoPackage("scene").write(make_result(crs=crs), tmp_path)
    (style,) = geopandas.read_file(path, layer="layer_styles").to_dict("records")
    with sqlite3.connect(path) as database:  # as QGIS asks
        columns = "f_table_name, f_geometry_column, useAsDefault"
        assert database.execute(f"select {columns} from layer_styles").fetchall() == [("parcels", "geom", 1)]
        assert database.execute("select column_name from gpkg_geometry_columns").fetchall() == [("geom",)]
        assert database.execute("select data_type from gpkg_contents where table_name = 'layer_styles'").fetchone()
    qml, sld = ElementTree.fromstring(style["styleQML"]), ElementTree.fromstring(style["styleSLD"])
    renderer = qml.find("renderer-v2")
    assert renderer.get("attr") == "class_name"
    classes = {category.get("value"): category.get("symbol") for category in renderer.iter("category")}
    assert list(classes) == ["cultivated", "not_cultivated", "unclassified"]
    colours = {
        symbol.get("name"): symbol.find("layer/Option/Option[@name='color']").get("value") for symbol in qml.iter("symbol")
    }
    assert colours[classes["cultivated"]] == "139,205,92,128"
    label = qml.find("labeling/settings/text-style").get("fieldName")
    assert label == ('format_number("area_px", 0)' if crs is None else "format_number(\"area_m2\" / 10000, 2) || ' ha'")
    rendering = qml.find("labeling/settings/rendering")
    assert (rendering.get("scaleMin"), rendering.get("scaleMax")) == ("0", "25000")  # seen in QGIS 3: shown from 1 : 25 000 on
    ogc = "{http://www.opengis.net/ogc}"
    assert [one.text for one in sld.iter(f"{ogc}Literal")] == list(classes)
    assert {one.text for one in sld.iter(f"{ogc}PropertyName")} == {"class_name", "area_px" if crs is None else "area_m2"}

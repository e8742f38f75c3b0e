import json
import warnings

import geopandas
import numpy as np
import pyarrow
import pyarrow.parquet
import pyogrio
import pytest
import shapely
from geopandas.testing import assert_geodataframe_equal
from rasterio.crs import CRS

from isagrsc2.export.vector import GeoPackage, GeoParquet


def read_parquet(path):
    return geopandas.read_parquet(path)


@pytest.mark.parametrize("rows", [1000, 3])
@pytest.mark.parametrize("crs", [None, CRS.from_epsg(32632), CRS.from_epsg(2154)])
def test_geoparquet_comes_back_equal(make_result, tmp_path, crs, rows):
    (parcels,) = make_result(crs=crs).parcels
    result = make_result(crs=crs, rows=rows)
    path = GeoParquet("zstd").write(result, tmp_path)
    assert path == tmp_path / "parcels.parquet"
    back = read_parquet(path)
    assert_geodataframe_equal(back, parcels)
    assert list(back.columns) == list(parcels.columns)
    assert pyarrow.parquet.ParquetFile(path).num_row_groups == len(result.parcels) == -(-len(parcels) // rows)


def test_geoparquet_is_1_1_with_bounding_boxes(make_result, tmp_path):
    result = make_result()
    path = GeoParquet("zstd").write(result, tmp_path)
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
        path = GeoPackage().write(result, tmp_path)
    assert path == tmp_path / "parcels.gpkg"
    back = geopandas.read_file(path, layer="parcels")
    assert set(back.columns) == set(parcels.columns)
    assert shapely.equals(back.geometry.to_numpy(), parcels.geometry.to_numpy()).all()
    assert (back.geom_type == "MultiPolygon").all()
    for name in parcels.columns.drop("geometry"):
        np.testing.assert_array_equal(back[name].to_numpy(), parcels[name].to_numpy())
    if crs is not None:
        assert back.crs == parcels.crs
    assert pyogrio.list_layers(path).tolist() == [["parcels", "MultiPolygon"]]


@pytest.mark.parametrize("exporter", [GeoParquet("zstd"), GeoPackage()])
def test_equal_results_give_equal_files_and_nothing_else(make_result, tmp_path, exporter):
    result = make_result()
    folder = tmp_path / "out"
    folder.mkdir()
    first = exporter.write(result, folder).read_bytes()
    assert exporter.write(result, folder).read_bytes() == first
    assert len(list(folder.iterdir())) == 1


@pytest.mark.parametrize("crs", [None, CRS.from_epsg(32632)])
@pytest.mark.parametrize("exporter", [GeoParquet("zstd"), GeoPackage()])
def test_empty_table(make_result, tmp_path, exporter, crs):
    result = make_result(labels=np.zeros((4, 5), np.int32), crs=crs)
    path = exporter.write(result, tmp_path)
    back = read_parquet(path) if path.suffix == ".parquet" else geopandas.read_file(path)
    assert len(back) == 0
    assert set(back.columns) == set(result.parcels[0].columns)


def test_what_fails_leaves_the_old_file(make_result, tmp_path):
    result = make_result()
    path = GeoParquet("zstd").write(result, tmp_path)
    before = path.read_bytes()
    failing = GeoParquet("zstd")
    object.__setattr__(failing, "compression", "refused by the constructor")
    with pytest.raises(pyarrow.ArrowException):
        failing.write(result, tmp_path)
    assert path.read_bytes() == before
    assert {file.name for file in tmp_path.iterdir()} == {"field.tif", "parcels.parquet"}

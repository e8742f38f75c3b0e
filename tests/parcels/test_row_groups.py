import json

import geopandas
import numpy as np
import pyarrow.parquet
import pytest
import shapely
from geopandas.testing import assert_geodataframe_equal

from isagrsc2.parcels.row_groups import RowGroups, write_row_groups
from isagrsc2.parcels.table import SEGMENT_COLUMNS, empty_segments


def table(first, rows, crs=None):
    ids = np.arange(first, first + rows)
    columns = {"parcel_id": ids, "class_name": "cultivated", "p_cultivated": ids / 100, "score": np.nan, "round": 1}
    boxes = [shapely.box(number, 0, number + 1, 2 + number) for number in ids]
    return geopandas.GeoDataFrame(columns, geometry=boxes, crs=crs).astype(SEGMENT_COLUMNS)


@pytest.mark.parametrize("boxes", [True, False])
@pytest.mark.parametrize("crs", [None, "EPSG:25832", "OGC:CRS84"])
def test_batches_come_back_one_by_one_and_together(tmp_path, crs, boxes):
    batches = [table(1, 3, crs), table(4, 2, crs), table(6, 1, crs)]
    path = tmp_path / "some.parquet"
    written = write_row_groups(iter(batches), path, "zstd", boxes=boxes)
    assert len(written) == 3
    for again in (written, RowGroups(path), list(written), written[:]):
        for one, two in zip(again, batches, strict=True):
            assert_geodataframe_equal(one, two)
    assert_geodataframe_equal(written[-1], batches[2])
    together = geopandas.read_parquet(path)
    assert together["parcel_id"].tolist() == [1, 2, 3, 4, 5, 6]
    assert together.crs == batches[0].crs
    with pytest.raises(IndexError):
        written[3]


def test_the_file_says_what_all_batches_hold(tmp_path):
    pieces = geopandas.GeoSeries([shapely.MultiPolygon([shapely.box(0, 0, 1, 1), shapely.box(2, -5, 3, 1)])])
    path = tmp_path / "some.parquet"
    write_row_groups([table(1, 3), table(4, 1).set_geometry(pieces)], path, "zstd", boxes=True)
    geo = json.loads(pyarrow.parquet.read_schema(path).metadata[b"geo"])["columns"]["geometry"]
    assert geo["geometry_types"] == ["MultiPolygon", "Polygon"]
    assert geo["bbox"] == [0, -5, 4, 5]
    assert geopandas.read_parquet(path, bbox=(2.5, -4, 3.5, -3))["parcel_id"].tolist() == [4]


def test_no_rows_are_one_batch(tmp_path):
    written = write_row_groups([empty_segments()], tmp_path / "none.parquet", "zstd", boxes=True)
    assert len(written) == 1
    assert_geodataframe_equal(written[0], empty_segments())


def test_no_batch_has_no_columns(tmp_path):
    with pytest.raises(ValueError, match="no batch"):
        write_row_groups([], tmp_path / "none.parquet", "zstd", boxes=True)


def test_batches_are_taken_when_the_one_before_is_written(tmp_path):
    """Of a file that is written only one batch is in memory."""
    path = tmp_path / "some.parquet"
    sizes = []

    def batches():
        for first in (1, 1001, 2001):
            sizes.append(path.stat().st_size if path.exists() else 0)
            yield table(first, 1000)

    write_row_groups(batches(), path, "none", boxes=False)
    assert sizes[0] == 0
    assert sizes[1] >= 0
    assert sizes[2] > sizes[1]

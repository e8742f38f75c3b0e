import warnings

import numpy as np
import pytest
import rasterio
from rasterio.windows import Window

from isagrsc2.export.instances import Instances


@pytest.mark.parametrize("with_crs", [True, False])
def test_ids_are_exact_and_georeferenced(make_result, labels, tmp_path, with_crs):
    result = make_result() if with_crs else make_result(crs=None)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        path = Instances(512, "DEFLATE").write(result, tmp_path)
    assert path == tmp_path / "instances.tif"
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", rasterio.errors.NotGeoreferencedWarning)
        file = rasterio.open(path)
    with file:
        np.testing.assert_array_equal(file.read(1), labels)
        assert file.dtypes == ("uint32",)
        assert file.nodata == 0
        assert file.tags(ns="IMAGE_STRUCTURE")["LAYOUT"] == "COG"
        assert file.compression.name == "deflate"
        assert file.crs == result.scene.crs
        assert file.transform == result.scene.transform


def test_blocks_join_and_overviews_hold_ids(make_result, tmp_path):
    # 2100 x 2500 px is written in four windows of 2048 px at most; parcels of 61 x 53 px cross their borders.
    rows, columns = np.ogrid[:2100, :2500]
    labels = (1 + (rows // 61) * 100 + columns // 53).astype(np.int32)
    labels[1000:1100, 2000:2100] = 0
    result = make_result(labels=labels)
    path = Instances(512, "DEFLATE").write(result, tmp_path)
    with rasterio.open(path) as file:
        np.testing.assert_array_equal(file.read(1), labels)
        assert file.block_shapes == [(512, 512)]
        assert file.overviews(1) == [2, 4, 8]
        small = file.read(1, window=Window(0, 0, 2500, 2100), out_shape=(525, 625))
        assert np.isin(small, labels).all()
    assert {item.name for item in tmp_path.iterdir()} == {"field.tif", "instances.tif"}


def test_no_parcel(make_result, tmp_path):
    path = Instances(512, "DEFLATE").write(make_result(labels=np.zeros((6, 4), np.int32)), tmp_path)
    with rasterio.open(path) as file:
        assert not file.read(1).any()
        assert file.shape == (6, 4)

import json

import numpy as np
import shapely
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays
from pycocotools import mask as rle
from pycocotools.coco import COCO

from isagrsc2.export.coco import Coco, run_lengths
from isagrsc2.scene.polygons import polygonise, rasterise


def test_runs_go_down_the_columns():
    # Frame 3 rows x 4 columns:  . X X .   positions down the columns:
    #                            . . X .   column 1: 3, 4, 5; column 2: 6, 7, 8
    #                            . . . .   set are 3, 6, 7
    polygon = shapely.Polygon([(1, 0), (3, 0), (3, 2), (2, 2), (2, 1), (1, 1)])
    assert run_lengths(np.array([polygon]), (3, 4)) == [[3, 1, 2, 2, 4]]
    whole, last = shapely.box(0, 0, 4, 3), shapely.box(3, 0, 4, 3)
    assert run_lengths(np.array([whole, last]), (3, 4)) == [[0, 12], [9, 3]]
    assert run_lengths(np.zeros(0, object), (3, 4)) == []


@given(
    arrays.arrays(np.int32, st.tuples(st.integers(1, 6), st.integers(1, 6)), elements=st.integers(0, 3)),
    st.tuples(*[st.integers(0, 3)] * 4),
)
def test_runs_decode_to_the_masks(labels, margins):
    left, top, right, bottom = margins
    frame = np.pad(labels, ((top, bottom), (left, right)))
    ids, polygons = polygonise(frame, (0, 0))  # several parts of one label are one row each
    for number, polygon, counts in zip(ids, polygons, run_lengths(polygons, frame.shape), strict=True):
        mask = rasterise(np.ones(1, int), np.array([polygon], object), frame.shape, (0, 0))
        assert (frame[mask > 0] == number).all()
        assert sum(counts) == frame.size
        encoded = rle.frPyObjects({"size": list(frame.shape), "counts": counts}, *frame.shape)
        np.testing.assert_array_equal(rle.decode(encoded), mask)
        assert encoded["counts"] == rle.encode(np.asfortranarray(mask.astype(np.uint8)))["counts"]


def test_masks_are_the_segments(make_result, labels, tmp_path):
    result = make_result(crs=None)
    path = Coco().write(result, tmp_path)
    assert path == tmp_path / "parcels_coco.json"
    coco = COCO(path)
    assert [category["name"] for category in coco.loadCats(coco.getCatIds())] == [
        "cultivated",
        "not_cultivated",
        "unclassified",
    ]
    annotations = coco.loadAnns(coco.getAnnIds())
    assert [annotation["id"] for annotation in annotations] == [1, 2, 3, 4]
    for annotation in annotations:
        mask = labels == annotation["id"]
        np.testing.assert_array_equal(coco.annToMask(annotation), mask)
        rows, columns = np.nonzero(mask)
        x, y, width, height = annotation["bbox"]
        assert (x, y) == (columns.min(), rows.min())
        assert (x + width, y + height) == (columns.max() + 1, rows.max() + 1)
        assert annotation["area"] == mask.sum()
    assert [annotation["category_id"] for annotation in annotations] == [1, 2, 3, 1]
    assert annotations[2]["p_cultivated"] is None  # unclassified: NaN
    assert coco.loadImgs(1)[0] == {"id": 1, "file_name": "field.png", "width": 10, "height": 7}


def test_no_parcel(make_result, tmp_path):
    content = json.loads(Coco().write(make_result(labels=np.zeros((4, 5), np.int32)), tmp_path).read_text())
    assert content["annotations"] == []
    assert len(content["images"]) == 1

import json

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays
from pycocotools import mask as rle
from pycocotools.coco import COCO

from isagrsc2.export.coco import Coco, run_lengths


def test_runs_go_down_the_columns():
    # Frame 3 rows x 4 columns; the window is columns 1 and 2, all rows:  . X X .   positions down the columns:
    #                                                                     . . X .   column 1: 3, 4, 5; column 2: 6, 7, 8
    #                                                                     . X . .   set are 3, 5, 6, 7
    crop = np.array([[1, 1], [0, 1], [1, 0]], bool)
    assert run_lengths(crop, (1, 0), (3, 4)) == [3, 1, 1, 3, 4]


@given(
    arrays.arrays(bool, st.tuples(st.integers(1, 6), st.integers(1, 6))),
    st.tuples(*[st.integers(0, 3)] * 4),
)
def test_runs_decode_to_the_mask(crop, margins):
    left, top, right, bottom = margins
    frame = np.pad(crop, ((top, bottom), (left, right)))
    counts = run_lengths(crop, (left, top), frame.shape)
    assert sum(counts) == frame.size
    encoded = rle.frPyObjects({"size": list(frame.shape), "counts": counts}, *frame.shape)
    np.testing.assert_array_equal(rle.decode(encoded), frame)
    assert encoded["counts"] == rle.encode(np.asfortranarray(frame.astype(np.uint8)))["counts"]


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

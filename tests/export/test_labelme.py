import dataclasses
import json
import logging

import numpy as np
import pytest
import rasterio
import shapely
from affine import Affine
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays
from PIL import Image
from rasterio.crs import CRS

from isagrsc2.classification.land_classes import LandClasses
from isagrsc2.errors import InputError
from isagrsc2.export.labelme import LabelMe
from isagrsc2.parcels import simplify_batches, to_parcels
from isagrsc2.reference.reading import read_reference
from isagrsc2.scene.raster import open_scene
from isagrsc2.scene.stretch import NoStretch, PercentileStretch

# Pixels of 1 m in the tropics, of 1e-5 degrees, and of a raster whose rows run to the north-east.
PLACES = [
    ("EPSG:32632", Affine(1.0, 0.0, 650_000.1, 0.0, -1.0, 8_123_456.7)),
    ("EPSG:4326", Affine(1e-5, 0.0, 11.234567, 0.0, -1e-5, 47.654321)),
    ("EPSG:3857", Affine(0.3, 0.2, -17_000_000.0, 0.2, -0.3, 6_000_000.0)),
]


def write(result, folder, labels="names", left_out=0):
    """Export a result, of which so many parcels were left out before."""
    written = sum(map(len, result.parcels))
    metrics = result.metrics | {"written": written, "parcels": written + left_out}
    return LabelMe(labels).write(dataclasses.replace(result, metrics=metrics), folder)


def load(path):
    return json.loads(path.read_text())


def opened_and_saved(path):
    """What LabelMe and X-AnyLabeling do with a file: refuse what is of another type than they expect, drop points that equal
    the first, keep what they do not know, indent."""
    document = load(path)
    for shape in document["shapes"]:
        assert isinstance(shape["label"], str)
        assert all(isinstance(flag, bool) for flag in shape["flags"].values())  # else LabelMe opens nothing of the file
        assert isinstance(shape["description"], str)
        assert shape["group_id"] is None or isinstance(shape["group_id"], int)
        first, *others = shape["points"]
        shape["points"] = [first, *(point for point in others if point != first)]
    with Image.open(path.parent / document["imagePath"].split("/")[-1]) as image:  # X-AnyLabeling drops folders
        assert image.size == (document["imageWidth"], document["imageHeight"])
        assert image.mode == "RGB"
    path.write_text(json.dumps(document, indent=2))
    return path


def same(one, other):
    return bool(shapely.equals_exact(shapely.normalize(one), shapely.normalize(other), 0))


def test_a_file_by_hand(make_result, tmp_path):
    path = write(make_result(), tmp_path)
    assert path == tmp_path / "labelme" / "field.json"
    assert sorted(file.name for file in path.parent.iterdir()) == ["field.json", "field.png"]
    document = load(path)
    shapes = document.pop("shapes")
    assert document == {
        "version": "5.5.0",
        "flags": {},
        "imagePath": "field.png",
        "imageData": None,
        "imageHeight": 7,
        "imageWidth": 10,
        "land_classes": {"names": ["cultivated", "not_cultivated", "unclassified"], "cultivated": ["cultivated"]},
        "elsewhere": "not_cultivated",
    }
    # Parcels 1 and 3 lie in two pieces each, parcel 2 has a hole.
    assert [(shape["parcel_id"], shape["group_id"]) for shape in shapes] == [
        (1, 1),
        (1, 1),
        (2, None),
        (3, 3),
        (3, 3),
        (4, None),
    ]
    last = shapes[-1]
    assert sorted(last.pop("points")) == [[4, 4], [4, 5], [4, 7], [9, 4], [9, 7]]  # at 4, 5 parcels 1 and 3 meet
    assert last == {
        "label": "cultivated",
        "group_id": None,
        "description": "parcel 4, score 1.00, cultivated with p 0.90",
        "shape_type": "polygon",
        "flags": {},
        "parcel_id": 4,
        "score": 1.0,
        "p_cultivated": 0.9,
    }
    assert [shapes[place]["label"] for place in (0, 2, 3)] == ["cultivated", "not_cultivated", "unclassified"]
    assert shapes[3]["p_cultivated"] is None
    assert shapes[3]["description"] == "parcel 3, score 0.83"
    # The shell has a corner more at 4, 3, where parcels 1 and 3 meet: from there the hole's corner 5, 3 is nearest.
    ring = [tuple(point) for point in shapes[2]["points"]]
    assert len(ring) == 5 + 4 + 2
    assert {vertex for vertex in ring if ring.count(vertex) == 2} == {(4.0, 3.0), (5.0, 3.0)}


def test_numbers_say_which_side_a_class_is_on(make_result, tmp_path):
    assert [shape["label"] for shape in load(write(make_result(), tmp_path, "numbers"))["shapes"]] == [
        *("1", "1"),
        "0",
        *("unclassified", "unclassified"),
        "1",
    ]
    result = dataclasses.replace(
        make_result(),
        classes=LandClasses(("rice", "forest"), ("rice",)),
        parcels=[make_result().parcels[0].assign(class_name=["rice", "forest", "rice", "forest"])],
    )
    assert [shape["label"] for shape in load(write(result, tmp_path, "numbers"))["shapes"]] == [*"11", "0", *"11", "0"]
    path = write(result, tmp_path)
    assert load(path)["land_classes"] == {"names": ["rice", "forest"], "cultivated": ["rice"]}
    reference = read_reference(path, result.scene)  # the file says itself which labels are cultivated
    assert reference.parcels["ref_id"].tolist() == [1, 3]
    assert reference.not_cultivated["ref_id"].tolist() == [2, 4]


@settings(max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    labels=arrays.arrays(np.int32, st.tuples(st.integers(2, 12), st.integers(2, 12)), elements=st.integers(0, 4)),
    place=st.sampled_from(PLACES),
    tolerance=st.sampled_from([0.0, 1.5]),
    rows=st.integers(1, 5),
    numbers=st.booleans(),
)
def test_the_round_trip_loses_nothing(make_result, tmp_path, labels, place, tolerance, rows, numbers):
    result = make_result(labels=labels, rows=rows)
    crs, transform = CRS.from_user_input(place[0]), place[1]
    with rasterio.open(result.scene.path, "r+") as dataset:
        dataset.crs, dataset.transform = crs, transform
    scene = open_scene(result.scene.path, "auto", NoStretch())
    parcels = list(to_parcels(result.segments, transform, crs, tolerance))
    path = write(dataclasses.replace(result, scene=scene, parcels=parcels), tmp_path, "numbers" if numbers else "names")
    content = load(path)["shapes"]
    path = opened_and_saved(path)
    reference = read_reference(path, scene)
    path.unlink()

    drawn = [
        polygon for batch in simplify_batches([t.geometry.to_numpy() for t in result.segments], tolerance) for polygon in batch
    ]
    expected = {
        row["parcel_id"]: (row["class_name"], row["score"], polygon)
        for row, polygon in zip((row for t in result.segments for _, row in t.iterrows()), drawn, strict=True)
    }
    assert {shape["parcel_id"]: shape["score"] for shape in content} == {n: one[1] for n, one in expected.items()}
    for name, read in (("cultivated", reference.parcels), ("not_cultivated", reference.not_cultivated)):
        own = {number: polygon for number, (label, _, polygon) in expected.items() if label == name}
        assert read["ref_id"].tolist() == list(own)
        assert all(same(one, other) for one, other in zip(read.geometry, own.values(), strict=True))
    unclassified = [polygon for label, _, polygon in expected.values() if label == "unclassified"]
    assert shapely.equals(shapely.union_all(reference.unlabelled), shapely.union_all(unclassified))
    assert (reference.repaired, reference.outside, reference.overlapping) == (0, 0, 0)


def test_land_of_parcels_that_were_left_out_is_unlabelled(make_result, tmp_path):
    result = make_result()
    path = write(result, tmp_path, left_out=3)
    assert load(path)["elsewhere"] == "unlabelled"
    reference = read_reference(path, result.scene)
    # All but the land of parcels 1, 4 (cultivated) and 2 (not).
    known = shapely.union_all([*reference.parcels.geometry, *reference.not_cultivated.geometry])
    assert shapely.equals(shapely.union_all(reference.unlabelled), shapely.box(0, 0, 10, 7).difference(known))
    assert known.area == 12 + 18 + 15  # px of parcels 1, 2 and 4


def test_no_parcel(make_result, tmp_path):
    result = make_result(labels=np.zeros((4, 5), np.int32))
    path = write(result, tmp_path)
    assert load(path)["shapes"] == []
    assert len(read_reference(path, result.scene).parcels) == 0


def test_the_picture_is_what_is_segmented(tmp_path, write_raster, make_result):
    values = np.random.default_rng(0).integers(0, 4000, (7, 10, 5), dtype=np.uint16)
    values[0, 0] = 0
    path = write_raster("field16.tif", values, crs="EPSG:32632", nodata=0)
    stretch = PercentileStretch(low=2, high=98, joint=True, enough=128, max_gain=4)
    with open_scene(path, [4, 1, 2], stretch) as scene:
        written = write(dataclasses.replace(make_result(), scene=scene), tmp_path)
        image, valid = scene.read()
    assert not valid[0, 0]
    with Image.open(written.with_suffix(".png")) as picture:
        assert (np.asarray(picture) == image).all()


def test_scenes_larger_than_a_strip(tmp_path, write_raster, make_result):
    values = np.random.default_rng(0).integers(0, 255, (1100, 3, 3), dtype=np.uint8)
    with open_scene(write_raster("tall.png", values), "auto", NoStretch()) as scene:
        written = write(dataclasses.replace(make_result(), scene=scene), tmp_path)
    with Image.open(written.with_suffix(".png")) as picture:
        assert (np.asarray(picture) == values).all()


def test_somebodys_corrections_stay(make_result, tmp_path, caplog):
    result = make_result()
    path = write(result, tmp_path)
    assert write(result, tmp_path) == path  # nobody has changed it
    assert not caplog.messages
    opened_and_saved(path)
    corrected = path.read_text()
    with caplog.at_level(logging.WARNING):
        assert write(result, tmp_path) == path
    assert path.read_text() == corrected
    assert "field.json was changed in a labelling tool and stays as it is" in caplog.text


def test_a_picture_that_is_segmented_where_it_lies_is_not_written_over(make_result, tmp_path):
    path = write(make_result(crs=None), tmp_path)
    picture = path.with_suffix(".png")
    before = picture.stat().st_mtime_ns
    with open_scene(picture, "auto", NoStretch()) as scene:
        write(dataclasses.replace(make_result(crs=None), scene=scene), tmp_path)
    assert picture.stat().st_mtime_ns == before


def test_pictures_that_tools_do_not_open_are_said(make_result, tmp_path, caplog, monkeypatch):
    monkeypatch.setattr("isagrsc2.export.labelme.LARGEST", 69)
    write(make_result(), tmp_path)
    assert "10 x 7 px are more than many labelling tools open; cut the image into parts" in caplog.text


def test_options_that_do_not_fit():
    with pytest.raises(InputError, match=r"export\.labelme\.labels=both is not one of names, numbers"):
        LabelMe("both")

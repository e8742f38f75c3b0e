import json
import logging
import math
import warnings
from pathlib import Path

import numpy as np
import pytest
import shapely
from PIL import Image
from rasterio.errors import NotGeoreferencedWarning
from rasterio.windows import Window

from isagrsc2.errors import InputError
from isagrsc2.reference.labelme import is_labelme
from isagrsc2.reference.reading import read_reference
from isagrsc2.scene.raster import Scene, open_scene
from isagrsc2.scene.stretch import NoStretch

WIDTH, HEIGHT = 40, 30
SQUARE = [[5, 5], [15, 5], [15, 15], [5, 15]]
FAR = [[20, 10], [35, 10], [35, 20], [20, 20]]
WHOLE = shapely.box(0, 0, WIDTH, HEIGHT)


@pytest.fixture
def scene(tmp_path: Path) -> Scene:
    """A scene without a CRS, called field."""
    Image.fromarray(np.zeros((HEIGHT, WIDTH, 3), np.uint8)).save(tmp_path / "field.png")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", NotGeoreferencedWarning)
        return open_scene(tmp_path / "field.png", "auto", NoStretch())


def shape(points, label="cultivated", kind="polygon", **more) -> dict:
    return {"label": label, "points": points, "shape_type": kind, "flags": {}, "group_id": None, **more}


def write(folder: Path, *shapes, name="field.json", **changes) -> Path:
    """A file as LabelMe has it; a change to None drops a key."""
    document = {
        "version": "5.5.0",
        "flags": {},
        "shapes": list(shapes),
        "imagePath": "field.png",
        "imageData": None,
        "imageHeight": HEIGHT,
        "imageWidth": WIDTH,
        **changes,
    }
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(document))
    return path


def bounds(frame) -> list:
    return [one.bounds for one in frame.geometry]


def test_labels_say_what_land_is(tmp_path, scene):
    labels = ["cultivated", "Field", " 1 ", "not_cultivated", "NONFIELD", "0"]
    squares = [[[x, 0], [x + 4, 0], [x + 4, 4], [x, 4]] for x in range(0, 24, 4)]
    path = write(tmp_path, *(shape(square, label) for square, label in zip(squares, labels, strict=True)))
    reference = read_reference(path, scene)
    assert reference.parcels["ref_id"].tolist() == [1, 2, 3]
    assert bounds(reference.parcels) == [(0, 0, 4, 4), (4, 0, 8, 4), (8, 0, 12, 4)]
    assert reference.not_cultivated["ref_id"].tolist() == [4, 5, 6]
    assert bounds(reference.not_cultivated) == [(12, 0, 16, 4), (16, 0, 20, 4), (20, 0, 24, 4)]
    assert reference.unlabelled == ()
    assert reference.source == str(path)
    assert reference.counts() == {"areas_only": False, "parcels": 3, "repaired": 0, "overlapping": 0, "outside": 0}
    assert (reference.burner().burn(Window(0, 0, WIDTH, HEIGHT))[:4, :14] > 0).sum() == 48


def test_shapes_of_other_types(tmp_path, scene, caplog):
    path = write(
        tmp_path,
        shape([[9, 8], [1, 2]], kind="rectangle"),  # LabelMe: two corners, in any order
        shape([[11, 2], [19, 2], [19, 8], [11, 8]], kind="rectangle"),  # X-AnyLabeling: four
        shape([[25, 5], [28, 9]], kind="circle"),
        shape([[20, 12], [25, 17], [20, 22], [15, 17]], kind="rotation"),
        shape([[35, 12], [38, 17], [35, 22], [32, 17]], kind=None),
        shape([[1, 1]], kind="point"),
        shape([[1, 1], [2, 2]], kind="line"),
        shape([[1, 1], [2, 2], [3, 3]], kind="linestrip"),
        shape([[1, 1], [2, 1], [3, 3]], kind="linestrip"),
        shape([[1, 1], [2, 2]]),  # not finished
    )
    reference = read_reference(path, scene)
    assert reference.parcels["ref_id"].tolist() == [1, 2, 3, 4, 5]
    box, four, circle, turned, _ = reference.parcels.geometry
    assert (box.bounds, four.bounds) == ((1, 2, 9, 8), (11, 2, 19, 8))
    assert circle.area == pytest.approx(math.pi * 25, rel=0.01)
    assert circle.centroid.distance(shapely.Point(25, 5)) < 1e-9
    assert turned.area == 50
    assert caplog.messages == [
        f"{path}: of its shapes 5 have no area (linestrip 2, point 1, line 1, polygon 1) and are left out."
    ]


def test_shapes_of_a_group_and_a_label_are_one(tmp_path, scene):
    path = write(
        tmp_path,
        shape(SQUARE, group_id=7, parcel_id=30),
        shape([[16, 1], [18, 1], [18, 3], [16, 3]], "0", group_id=7),
        shape(FAR, group_id=7, parcel_id=30),
    )
    reference = read_reference(path, scene)
    (field,) = reference.parcels.geometry
    assert field.equals(shapely.MultiPolygon([shapely.Polygon(SQUARE), shapely.Polygon(FAR)]))
    assert reference.parcels["ref_id"].tolist() == [30]
    assert reference.not_cultivated["ref_id"].tolist() == [1]


def test_every_outline_has_a_number_of_its_own(tmp_path, scene):
    squares = [[[x, 0], [x + 4, 0], [x + 4, 4], [x, 4]] for x in range(0, 32, 4)]
    ids = [2, None, 2, 9, -1, True, "3", 2**40]  # the third is a copy of the first
    shapes = [shape(square) | ({} if one is None else {"parcel_id": one}) for square, one in zip(squares, ids, strict=True)]
    reference = read_reference(write(tmp_path, *shapes), scene)
    assert reference.parcels["ref_id"].tolist() == [2, 1, 3, 9, 4, 5, 6, 7]


def test_a_slit_is_a_hole(tmp_path, scene):
    slit = [[35, 10], [35, 20], [20, 20], [20, 10], [22, 12], [22, 18], [33, 18], [33, 12], [22, 12], [20, 10]]
    reference = read_reference(write(tmp_path, shape(slit)), scene)
    assert reference.parcels.geometry[0].equals(shapely.box(20, 10, 35, 20).difference(shapely.box(22, 12, 33, 18)))
    assert reference.repaired == 0


def test_what_is_peculiar_is_counted_and_said(tmp_path, scene, caplog):
    path = write(
        tmp_path,
        shape(SQUARE),
        shape([[-3, 20], [4, 20], [4, 34], [-3, 34]]),  # reaches beyond two sides
        shape([[50, 5], [60, 5], [60, 15], [50, 15]]),
        shape([[20, 0], [30, 8], [30, 0], [20, 8]]),  # crosses itself
        shape(FAR, "road"),
        shape([[36, 0], [39, 0], [39, 3], [36, 3]], "tree"),
        shape([[36, 4], [39, 4], [39, 6], [36, 6]], "tree"),
        shape([[3, 3]], kind="point"),
    )
    with caplog.at_level(logging.WARNING):
        reference = read_reference(path, scene)
    assert caplog.messages == [
        f"{path}: of its shapes 3 say neither cultivated nor not (tree 2, road 1): their land is not compared; 1 have no area "
        "(point 1) and are left out; 1 lie outside of the image and are left out; 1 reach beyond the image and are clipped; "
        "1 cross themselves and are repaired."
    ]
    assert reference.parcels["ref_id"].tolist() == [1, 2, 4]
    assert reference.parcels.geometry[1].equals(shapely.box(0, 20, 4, 30))
    assert reference.parcels.geometry[2].area == 40
    assert (reference.repaired, reference.outside) == (1, 1)
    assert sorted(one.area for one in reference.unlabelled) == [6, 9, 150]


def test_land_that_is_drawn_twice_is_what_is_known(tmp_path, scene):
    around = [[0, 0], [40, 0], [40, 30], [0, 30]]
    reference = read_reference(write(tmp_path, shape(around, "look at this"), shape(SQUARE), shape(FAR, "0")), scene)
    assert sum(one.area for one in reference.unlabelled) == 40 * 30 - 100 - 150
    assert reference.overlapping == 0
    again = read_reference(write(tmp_path, shape(SQUARE), shape(SQUARE), shape(SQUARE, "0")), scene)
    assert again.overlapping == 1


def test_elsewhere(tmp_path, scene):
    everywhere = read_reference(write(tmp_path, shape(SQUARE), elsewhere="not_cultivated"), scene)
    assert everywhere.unlabelled == ()
    some = read_reference(write(tmp_path, shape(SQUARE), shape(FAR, "0"), elsewhere="unlabelled"), scene)
    assert shapely.equals(
        shapely.union_all(some.unlabelled),
        WHOLE.difference(shapely.MultiPolygon([shapely.box(5, 5, 15, 15), shapely.Polygon(FAR)])),
    )
    assert len(read_reference(write(tmp_path, elsewhere="unlabelled"), scene).unlabelled) == 1


def test_classes_of_the_file_count_before_the_usual_ones(tmp_path, scene):
    classes = {"names": ["Rice", "forest", "1", "unclassified"], "cultivated": ["Rice"]}
    labels = ["rice", "forest", "1", "unclassified", "field"]
    squares = [[[x, 0], [x + 4, 0], [x + 4, 4], [x, 4]] for x in range(0, 20, 4)]
    shapes = [shape(square, label) for square, label in zip(squares, labels, strict=True)]
    reference = read_reference(write(tmp_path, *shapes, land_classes=classes), scene)
    assert reference.parcels["ref_id"].tolist() == [1, 5]
    assert reference.not_cultivated["ref_id"].tolist() == [2, 3]
    assert [one.bounds for one in reference.unlabelled] == [(12, 0, 16, 4)]


def test_a_file_without_shapes_is_a_scene_without_parcels(tmp_path, scene):
    reference = read_reference(write(tmp_path), scene)
    assert len(reference.parcels) == len(reference.not_cultivated) == 0


def test_a_file_may_say_little_of_its_image(tmp_path, scene):
    path = write(tmp_path, shape(SQUARE), imagePath=None, imageHeight=None, imageWidth=None)
    assert len(read_reference(path, scene).parcels) == 1
    path = write(tmp_path, shape(SQUARE), imagePath="..\\images\\field.tif")
    assert len(read_reference(path, scene).parcels) == 1


def test_files_of_a_folder(tmp_path, scene):
    write(tmp_path / "labels", shape(SQUARE))
    write(tmp_path / "run", shape(SQUARE), shape(FAR), name="field/labelme/field.json")
    assert len(read_reference(tmp_path / "labels", scene).parcels) == 1
    assert len(read_reference(tmp_path / "run", scene).parcels) == 2


def test_other_json_is_not_of_labelme():
    for other in ([], {}, {"type": "FeatureCollection"}, {"images": []}, {"shapes": {}}, None):
        assert not is_labelme(other)


def refused(path: Path, scene: Scene) -> str:
    with pytest.raises(InputError) as caught:
        read_reference(path, scene)
    message = str(caught.value)
    assert "\n" not in message
    assert message.startswith(str(path))
    return message.removeprefix(str(path))


def test_a_file_of_another_image(tmp_path, scene):
    message = refused(write(tmp_path, shape(SQUARE), imagePath="../images/meadow.jpg"), scene)
    assert "belongs to the image ../images/meadow.jpg, not to the scene" in message
    assert message.endswith("correct imagePath in the file.")
    message = refused(write(tmp_path, shape(SQUARE), imageWidth=80), scene)
    assert "was drawn on an image of 80 x 30 px, the scene" in message
    assert "has 40 x 30 px; give the file that was drawn on this scene" in message


def test_labels_that_say_nothing(tmp_path, scene):
    shapes = [shape(SQUARE, "road"), shape(FAR, "tree"), shape(FAR, "tree")]
    message = refused(write(tmp_path, *shapes), scene)
    assert "no label says whether land is cultivated (tree 2, road 1); label it cultivated, field, 1 or " in message
    assert '"land_classes": {"names": [...], "cultivated": [...]}' in message


def test_no_areas(tmp_path, scene):
    message = refused(write(tmp_path, shape([[1, 1]], kind="point")), scene)
    assert message == " holds no polygons (point 1); draw the parcels' areas, not their lines or centres."


def test_nothing_inside_of_the_image(tmp_path, scene):
    assert "does not overlap the scene" in refused(write(tmp_path, shape([[50, 5], [60, 5], [60, 15]])), scene)


@pytest.mark.parametrize(
    ("damaged", "reason"),
    [
        ({"points": SQUARE}, "KeyError: 'label'"),
        ({"label": "1"}, "KeyError: 'points'"),
        (shape([[0, 0], [1], [2, 2]]), "ValueError"),
        (shape([[0, 0], [1, "wide"], [2, 2]]), "ValueError"),
        (shape([[0, 0], [1, None], [2, 2]]), "its points are no pairs of numbers"),
        (shape([[0, 0, 0], [1, 1, 1], [2, 2, 2]]), "its points are no pairs of numbers"),
        (shape([[0, 0], [1, 1], [2, 2]], kind="circle"), "too many values"),
        ([SQUARE], "list indices"),
        (None, "NoneType"),
    ],
)
def test_damaged_shapes_are_named(tmp_path, scene, damaged, reason):
    message = refused(write(tmp_path, shape(SQUARE), damaged), scene)
    assert message.startswith(": shape 2 cannot be read (")
    assert reason in message
    assert message.endswith("correct or delete it in the labelling tool.")


@pytest.mark.parametrize("classes", [[], {"names": ["rice"]}, {"names": "rice", "cultivated": ["rice"]}, "rice"])
def test_damaged_classes(tmp_path, scene, classes):
    message = refused(write(tmp_path, shape(SQUARE), land_classes=classes), scene)
    assert "land_classes must have names and cultivated, two lists of labels" in message


def test_damaged_elsewhere(tmp_path, scene):
    message = refused(write(tmp_path, shape(SQUARE), elsewhere="water"), scene)
    assert "elsewhere is water; it must be not_cultivated or unlabelled" in message

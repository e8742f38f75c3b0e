import numpy as np
import pytest
import shapely
from affine import Affine
from PIL import Image
from rasterio.windows import Window
from tiny_scenes import BRIGHT, DARK, labelled_pngs, parcels, picture, via, write_image, write_vector, write_via

from isagrsc2.errors import InputError
from isagrsc2.prompt_training.batches import NO_PARCEL, UNKNOWN
from isagrsc2.prompt_training.crops import CropMap, RandomCrop
from isagrsc2.prompt_training.data.labelled_source import LabelledScenes, LabelledWindow, read_labelled_scenes
from isagrsc2.scene.raster import Scene
from isagrsc2.scene.stretch import NoStretch

FLAT = RandomCrop(64, rotation=0, aspect=1, flip=0)

# `parcels()`: x 0 to 19 and 20 to 39, y 0 to 20; scenes are 80 x 60 px.
EXPECTED = np.zeros((60, 80), np.int32)
EXPECTED[:20, :19] = 1
EXPECTED[:20, 20:39] = 2


def read(path, reference):
    return read_labelled_scenes(str(path), str(reference), "auto", NoStretch())


def as_via(root):
    return write_image(root / "a.png", picture(parcels())), write_via(root / "regions.json", {"a.png": parcels()})


def as_geojson(root):
    return write_image(root / "a.tif", picture(parcels())), write_vector(root / "parcels.geojson", parcels())


def as_label_raster(root):
    # Numbers of its own, too large for a table.
    numbers = np.where(EXPECTED > 0, EXPECTED + 2_000_000_000, 0).astype(np.int32)
    return write_image(root / "a.tif", picture(parcels())), write_image(root / "labels.tif", numbers[..., None])


@pytest.mark.parametrize("make", [as_via, as_geojson, as_label_raster])
def test_every_kind_of_reference(tmp_path, make):
    (labelled,) = read(*make(tmp_path))
    image, labels = labelled.read(Window(0, 0, 80, 60))
    assert (labels == EXPECTED).all()
    assert (image[labels > 0] == BRIGHT).all()
    assert (image[labels == NO_PARCEL] == DARK).all()
    assert labelled.count == 2
    assert labelled.cultivated == pytest.approx(2 * 19 * 20 / (80 * 60))


def test_land_without_data_is_unknown(tmp_path):
    image = picture(parcels())
    image[10:, :10] = 0
    path = write_image(tmp_path / "a.tif", image, nodata=0)
    (labelled,) = read(path, write_vector(tmp_path / "parcels.geojson", parcels()))
    _, labels = labelled.read(Window(0, 0, 80, 60))
    assert (labels[10:, :10] == UNKNOWN).all()
    labels[10:, :10] = EXPECTED[10:, :10]
    assert (labels == EXPECTED).all()


def test_only_the_window_of_a_crop_is_read(tmp_path, monkeypatch):
    fields = [shapely.box(x, 500, x + 90, 900) for x in range(0, 1000, 100)]
    path = write_image(tmp_path / "large.png", picture(fields, 1000, 1000))
    source = LabelledScenes(read(path, write_via(tmp_path / "r.json", {"large.png": fields})), [0.9, 1.1])
    windows = []
    whole = Scene.read
    monkeypatch.setattr(Scene, "read", lambda self, window: (windows.append(window), whole(self, window))[1])
    for seed in range(5):
        image, labels = source.crop(seed, FLAT, np.random.default_rng(seed))
        bright = image[..., 0] > (BRIGHT + DARK) / 2
        assert (bright == (labels > 0)).mean() > 0.95  # borders are mixed
    assert all(max(window.width, window.height) <= 64 / 0.9 + 6 for window in windows)


def test_a_crop_may_be_larger_than_the_scene(tmp_path):
    (labelled,) = read(*as_via(tmp_path))
    place = CropMap(Affine.translation(-10, -20), 100, 1.0)
    window = place.window(80, 60)
    image, labels = labelled.read(window)
    assert (place.labels(labels, window)[20:80, 10:90] == EXPECTED).all()
    assert (place.image(image, window)[:20] == 0).all()
    # ... and drawn: everything that is not scene is unknown.
    _, labels = LabelledScenes([labelled], [0.5, 0.5]).crop(0, FLAT, np.random.default_rng(0))
    assert (labels == UNKNOWN).mean() == pytest.approx(1 - 40 * 30 / 64**2, abs=0.05)


@pytest.mark.parametrize(("side", "expected"), [(100, (0, 0, 80, 60)), (30, (14, 0, 30, 30)), (70, (0, 0, 70, 60))])
def test_the_part_that_is_measured_holds_the_most_central_parcel(tmp_path, side, expected):
    (labelled,) = read(*as_via(tmp_path))
    # The middle of the second parcel is 29.5, 10.
    window = LabelledWindow(labelled, side).window
    assert (window.col_off, window.row_off, window.width, window.height) == expected


def test_a_part_without_parcels_cannot_be_measured(tmp_path):
    path = write_image(tmp_path / "a.tif", np.zeros((60, 80, 3), np.uint8), nodata=0)
    (labelled,) = read(path, write_vector(tmp_path / "parcels.geojson", parcels()))
    with pytest.raises(InputError, match=r"a.tif: no parcel in the middle .* leave this scene out of data.path."):
        LabelledWindow(labelled, 48).read()


def test_nothing_given_is_no_scenes():
    assert read("none", "none") == []


def test_an_image_without_reference_and_the_reverse(tmp_path):
    with pytest.raises(InputError, match=r"data.reference is missing; give"):
        read(as_via(tmp_path)[0], "none")
    with pytest.raises(InputError, match=r"data.path is missing; give"):
        read("none", tmp_path / "regions.json")
    labelled_pngs(tmp_path / "other")
    with pytest.raises(InputError, match=r"via_regions.json .*a.png"):
        read(tmp_path / "a.png", tmp_path / "other" / "via_regions.json")


def test_no_parcels_in_any_scene(tmp_path):
    path = write_image(tmp_path / "a.png", picture([]))
    with pytest.raises(InputError, match=r"r.json has no parcels in any of 1 scenes of data.path="):
        read(path, write_via(tmp_path / "r.json", {"a.png": []}))
    assert via({"a.png": []})["a.png"]["regions"] == []


def test_areas_are_no_parcels(tmp_path):
    write_image(tmp_path / "1_sat.png", picture([]))
    mask = np.zeros((60, 80, 3), np.uint8)
    mask[..., 1:] = 255  # urban: DeepGlobe's 0, 255, 255
    mask[:20, :20] = (255, 255, 0)  # agriculture
    Image.fromarray(mask).save(tmp_path / "1_mask.png")
    with pytest.raises(InputError, match=r"1_mask.png says which land is cultivated, not where one parcel ends"):
        read(tmp_path / "1_sat.png", tmp_path / "1_mask.png")

import numpy as np
import pytest
from PIL import Image
from rasterio.windows import Window

from isagrsc2.errors import InputError
from isagrsc2.reference.deepglobe import COLOURS
from isagrsc2.reference.reading import read_reference
from isagrsc2.scene.raster import open_scene
from isagrsc2.scene.stretch import NoStretch

pytestmark = pytest.mark.filterwarnings("ignore::rasterio.errors.NotGeoreferencedWarning")

WHOLE = Window(0, 0, 20, 10)


@pytest.fixture
def scene(tmp_path):
    Image.new("RGB", (20, 10)).save(tmp_path / "1_sat.jpg")
    with open_scene(tmp_path / "1_sat.jpg", "auto", NoStretch()) as opened:
        yield opened


def write_mask(path, size=(20, 10)):
    """Two fields that touch at a corner and are one area, forest, and a cloud on the right."""
    width, height = size
    pixels = np.full((height, width, 3), COLOURS["forest"], np.uint8)
    pixels[0:3, 0:5] = pixels[3:6, 5:9] = COLOURS["agriculture"]
    pixels[:, 15:] = COLOURS["unknown"]
    Image.fromarray(pixels).save(path)
    return path


@pytest.mark.parametrize("given", ["1_mask.png", "."])
def test_agriculture_is_a_reference_with_areas_only(tmp_path, scene, given):
    write_mask(tmp_path / "1_mask.png")
    reference = read_reference(tmp_path / given, scene)
    assert reference.areas_only
    assert reference.counts() == {"areas_only": True, "parcels": None, "repaired": 0, "overlapping": 0, "outside": 0}
    expected = np.zeros((10, 20), np.int32)
    expected[0:3, 0:5] = expected[3:6, 5:9] = 1
    np.testing.assert_array_equal(reference.burner().burn(WHOLE), expected)
    cloud = np.zeros((10, 20), np.int32)
    cloud[:, 15:] = 1
    np.testing.assert_array_equal(reference.unlabelled_burner().burn(WHOLE), cloud)


def test_a_mask_without_agriculture(tmp_path, scene):
    Image.new("RGB", (20, 10), COLOURS["water"]).save(tmp_path / "1_mask.png")
    reference = read_reference(tmp_path / "1_mask.png", scene)
    assert len(reference.parcels) == 0
    assert reference.areas_only


def test_a_label_raster_may_be_called_like_a_mask(tmp_path, scene):
    labels = np.zeros((10, 20), np.uint8)
    labels[2:4, 3:5] = 7
    Image.fromarray(labels).save(tmp_path / "1_mask.png")
    reference = read_reference(tmp_path / "1_mask.png", scene)
    assert not reference.areas_only
    assert reference.parcels["ref_id"].tolist() == [7]


def refused(path, scene):
    with pytest.raises(InputError) as caught:
        read_reference(path, scene)
    assert "\n" not in str(caught.value)
    return str(caught.value)


def test_a_mask_of_another_size(tmp_path, scene):
    message = refused(write_mask(tmp_path / "1_mask.png", (20, 12)), scene)
    assert "1_mask.png is 20 x 12 px, the scene" in message
    assert "1_sat.jpg 20 x 10 px" in message


def test_a_mask_of_another_image(tmp_path, scene):
    message = refused(write_mask(tmp_path / "2_mask.png"), scene)
    assert "2_mask.png is the mask of another image than" in message
    assert "whose mask is 1_mask.png" in message


def test_an_image_without_its_mask(tmp_path, scene):
    write_mask(tmp_path / "2_mask.png")
    assert "holds no reference for 1_sat (1_mask.png, 1_sat.parquet, " in refused(tmp_path, scene)


def test_colours_of_no_class(tmp_path, scene):
    pixels = np.array(Image.open(write_mask(tmp_path / "1_mask.png")))
    pixels[9, :2] = (255, 0, 0)
    Image.fromarray(pixels).save(tmp_path / "1_mask.png")
    assert len(read_reference(tmp_path / "1_mask.png", scene).parcels) == 1  # 2 of 200 px: 1 %
    pixels[9, :3] = (255, 0, 0)
    Image.fromarray(pixels).save(tmp_path / "1_mask.png")
    assert "3 of 200 px" in refused(tmp_path / "1_mask.png", scene)


def test_a_damaged_mask(tmp_path, scene):
    path = tmp_path / "1_mask.png"
    pixels = np.random.default_rng(0).integers(0, 256, (10, 20, 3), dtype=np.uint8)
    Image.fromarray(pixels).save(path)
    path.write_bytes(path.read_bytes()[:200])
    assert "1_mask.png cannot be read as land cover mask" in refused(path, scene)

import logging

import numpy as np
import pytest
from PIL import Image
from tiny_folders import noisy, truncate

from isagrsc2.classification.data.image_files import ImageReader, drop_damaged, is_sound
from isagrsc2.classification.data.listing import Labelled
from isagrsc2.errors import InputError

ORIENTATION = 0x0112  # EXIF tag


@pytest.mark.parametrize("mode", ["L", "RGBA", "P"])
def test_every_kind_of_image_becomes_rgb(tmp_path, mode):
    Image.new("RGB", (8, 4), (204, 204, 204)).convert(mode).save(tmp_path / "image.png")
    chip = ImageReader(6)(tmp_path / "image.png")
    assert chip.shape == (6, 6, 3)
    assert chip.dtype == np.uint8
    assert np.abs(chip.astype(int) - 204).max() <= 3


def test_damaged_images_are_seen(tmp_path):
    noisy(tmp_path / "good.jpg")
    noisy(tmp_path / "cut.jpg")
    truncate(tmp_path / "cut.jpg")
    noisy(tmp_path / "cut.png")
    truncate(tmp_path / "cut.png")
    (tmp_path / "empty.jpg").write_bytes(b"")
    (tmp_path / "text.png").write_text("hello")
    sound = {path.name: is_sound(path) for path in tmp_path.iterdir()}
    assert sound == {"good.jpg": True, "cut.jpg": False, "cut.png": False, "empty.jpg": False, "text.png": False}


def test_of_16_bits_the_upper_eight_are_taken(tmp_path):
    values = np.array([[0, 255], [256, 40_000]], np.uint16)
    Image.fromarray(values).save(tmp_path / "grey.png")
    Image.fromarray(values).save(tmp_path / "grey.tif")
    for name in ("grey.png", "grey.tif"):
        assert is_sound(tmp_path / name)
        chip = ImageReader(2)(tmp_path / name)
        assert chip[..., 0].tolist() == [[0, 0], [1, 156]]
        assert (chip == chip[..., :1]).all()


@pytest.mark.parametrize("values", [np.zeros((4, 4), np.float32), np.zeros((4, 4), np.int32)])
def test_values_without_a_range_are_no_colours(tmp_path, values):
    Image.fromarray(values).save(tmp_path / "heights.tif")
    assert not is_sound(tmp_path / "heights.tif")


def test_what_is_transparent_is_black(tmp_path):
    pixels = np.full((4, 4, 4), 200, np.uint8)
    pixels[..., 3] = 255
    pixels[:, :2, 3] = 0
    Image.fromarray(pixels).save(tmp_path / "image.png")
    assert ImageReader(4)(tmp_path / "image.png")[0, :, 0].tolist() == [0, 0, 200, 200]
    Image.fromarray(pixels).convert("LA").save(tmp_path / "grey.png")
    assert ImageReader(4)(tmp_path / "grey.png")[0, :, 0].tolist() == [0, 0, 200, 200]
    palette = Image.fromarray(np.tile(np.array([[0, 0, 1, 1]], np.uint8), (4, 1)))
    palette = palette.convert("P")
    palette.putpalette([200, 200, 200, 100, 100, 100])
    palette.save(tmp_path / "palette.png", transparency=0)
    assert ImageReader(4)(tmp_path / "palette.png")[0, :, 0].tolist() == [0, 0, 100, 100]


def test_images_are_turned_as_exif_says(tmp_path):
    pixels = np.zeros((8, 8, 3), np.uint8)
    pixels[:4] = 250  # the upper half as stored
    exif = Image.Exif()
    exif[ORIENTATION] = 6  # the camera was held so that the stored left side is the top
    Image.fromarray(pixels).save(tmp_path / "image.png", exif=exif)
    chip = ImageReader(8)(tmp_path / "image.png")
    assert chip[0, :, 0].tolist() == [0, 0, 0, 0, 250, 250, 250, 250]


def test_share_of_damaged_images(tmp_path, caplog):
    items = []
    for number in range(10):
        noisy(tmp_path / f"{number}.jpg", size=8)
        items.append(Labelled(tmp_path / f"{number}.jpg", "field"))
    items[3].path.write_bytes(b"")
    with caplog.at_level(logging.WARNING):
        assert drop_damaged(items, 0.1, workers=2) == items[:3] + items[4:]
    assert "1 of 10 images are damaged" in caplog.text
    assert str(items[3].path) in caplog.text
    with pytest.raises(InputError, match=r"put up with more by data\.max_damaged_share \(now 0\.05\)"):
        drop_damaged(items, 0.05, workers=2)


def test_many_damaged_images_are_counted(tmp_path):
    items = [Labelled(tmp_path / f"{number}.jpg", "field") for number in range(7)]  # absent: as damaged as can be
    with pytest.raises(InputError, match=r"7 of 7 images are damaged .*4\.jpg and 2 more; replace them"):
        drop_damaged(items, 0.5, workers=0)

import logging

import numpy as np
import pytest
from PIL import Image

from isagrsc2.errors import InputError
from isagrsc2.reference.deepglobe import AGRICULTURE, CLASS_NAMES, COLOURS, UNKNOWN, mask_of, read_land_cover


def write(path, pixels):
    Image.fromarray(np.asarray(pixels, np.uint8)).save(path)
    return path


def test_official_colours():
    assert COLOURS["agriculture"] == (255, 255, 0)
    assert len(CLASS_NAMES) == len(set(COLOURS.values())) == 7
    assert (CLASS_NAMES[AGRICULTURE], CLASS_NAMES[UNKNOWN]) == ("agriculture", "unknown")


def test_every_colour_is_its_class(tmp_path):
    path = write(tmp_path / "1_mask.png", [list(COLOURS.values())])
    cover = read_land_cover(path, 0.0)
    assert cover.dtype == np.uint8
    assert cover.tolist() == [[0, 1, 2, 3, 4, 5, 6]]


def test_mask_of_an_image(tmp_path):
    assert mask_of(tmp_path / "images" / "12_sat.jpg", tmp_path / "masks") == tmp_path / "masks" / "12_mask.png"


def nearest(pixel):
    """The class by the colours themselves: every channel within 64 of the class's, else None."""
    for index, colour in enumerate(COLOURS.values()):
        if all(abs(int(value) - target) <= 64 for value, target in zip(pixel, colour, strict=True)):
            return index
    return None


def test_masks_that_are_not_pure(tmp_path, caplog):
    pixels = np.random.default_rng(0).choice([0, 20, 64, 65, 128, 190, 191, 240, 255], (40, 50, 3)).astype(np.uint8)
    expected = [[nearest(pixel) for pixel in row] for row in pixels]
    others = sum(found is None for row in expected for found in row)
    with caplog.at_level(logging.WARNING):
        cover = read_land_cover(write(tmp_path / "1_mask.png", pixels), 1.0)
    assert cover.tolist() == [[UNKNOWN if found is None else found for found in row] for row in expected]
    assert f"{others} of 2000 px" in caplog.text


def test_colours_of_no_class_are_counted_and_refused_above_the_share(tmp_path, caplog):
    pixels = np.full((10, 20, 3), COLOURS["forest"], np.uint8)
    pixels[0, 0] = (255, 0, 0)  # red: the one combination without a class
    pixels[0, 1] = (0, 128, 0)
    path = write(tmp_path / "1_mask.png", pixels)
    with caplog.at_level(logging.WARNING):
        cover = read_land_cover(path, 0.01)
    assert cover[0, :3].tolist() == [UNKNOWN, UNKNOWN, CLASS_NAMES.index("forest")]
    assert "1_mask.png: 2 of 200 px (1 %) have a colour that is none of DeepGlobe's" in caplog.text
    pixels[0, 2] = (255, 0, 0)
    with pytest.raises(InputError, match=r"3 of 200 px \(1\.5 %\).*more than 1 %; replace the mask by the official one"):
        read_land_cover(write(path, pixels), 0.01)


def test_palettes_and_alpha(tmp_path):
    pixels = np.full((4, 4, 3), COLOURS["agriculture"], np.uint8)
    Image.fromarray(pixels).convert("RGBA").save(tmp_path / "1_mask.png")
    Image.fromarray(pixels).quantize(2).save(tmp_path / "2_mask.png")
    assert (read_land_cover(tmp_path / "1_mask.png", 0.0) == AGRICULTURE).all()
    assert (read_land_cover(tmp_path / "2_mask.png", 0.0) == AGRICULTURE).all()


def test_masks_that_cannot_be_read(tmp_path):
    path = tmp_path / "1_mask.png"
    write(path, np.zeros((4, 4)))
    with pytest.raises(InputError, match="no colours"):
        read_land_cover(path, 0.0)
    path.write_text("hello")
    with pytest.raises(InputError, match=r"1_mask\.png cannot be read as land cover mask"):
        read_land_cover(path, 0.0)
    write(path, np.random.default_rng(0).integers(0, 255, (64, 64, 3)))
    path.write_bytes(path.read_bytes()[:2000])
    with pytest.raises(InputError, match=r"1_mask\.png cannot be read as land cover mask"):
        read_land_cover(path, 0.0)
    with pytest.raises(InputError, match=r"absent_mask\.png cannot be read as land cover mask"):
        read_land_cover(tmp_path / "absent_mask.png", 0.0)

"""Windows enlarged with what lies around them."""

from typing import Any

import numpy as np
import pytest
from rasterio.windows import Window

from isagrsc2.scene.burning import blocks
from isagrsc2.scene.superres.network import NetworkSuperResolution
from isagrsc2.scene.superres.none import NoSuperResolution
from isagrsc2.scene.superres.resampling import ResamplingSuperResolution
from isagrsc2.scene.superres.surroundings import enlarge_surrounded, read_surrounded, surroundings
from isagrsc2.scene.tiling import window_bounds


class Drawn:
    """A scene in memory."""

    def __init__(self, image: np.ndarray, valid: np.ndarray) -> None:
        self.image, self.valid = np.where(valid[..., None], image, 0), valid
        self.height, self.width = valid.shape

    def read(self, window: Window) -> tuple[np.ndarray, np.ndarray]:
        x0, y0, x1, y1 = window_bounds(window)
        assert 0 <= x0 < x1 <= self.width
        assert 0 <= y0 < y1 <= self.height
        return self.image[y0:y1, x0:x1], self.valid[y0:y1, x0:x1]


def enlarge(scene: Drawn, window: Window, superres: Any) -> tuple[np.ndarray, np.ndarray]:
    return enlarge_surrounded(*read_surrounded(scene, window, superres.margin, (scene.width, scene.height)), superres)


def mosaic(scene: Drawn, superres: Any, side: int) -> tuple[np.ndarray, np.ndarray]:
    """The whole scene, enlarged window by window."""
    scale = superres.scale
    image = np.zeros((scene.height * scale, scene.width * scale, 3), np.uint8)
    valid = np.zeros(image.shape[:2], bool)
    for window in blocks((scene.height, scene.width), side):
        x0, y0, x1, y1 = (scale * edge for edge in window_bounds(window))
        image[y0:y1, x0:x1], valid[y0:y1, x0:x1] = enlarge(scene, window, superres)
    return image, valid


@pytest.fixture
def scene(image) -> Drawn:
    rows, columns = np.mgrid[:70, :90]
    return Drawn(image(70, 90), ((rows - 30) ** 2 + (columns - 60) ** 2 > 150) & (columns + rows > 20))


def test_surroundings_end_where_the_raster_does():
    assert surroundings(Window(1, 0, 3, 4), 2, (6, 5)) == Window(0, 0, 6, 5)
    assert surroundings(Window(20, 30, 8, 9), 3, (100, 40)) == Window(17, 27, 14, 13)
    assert surroundings(Window(20, 30, 8, 9), 0, (100, 40)) == Window(20, 30, 8, 9)


def test_surroundings_are_those_of_the_scene_and_missing_beyond_it(image):
    scene = Drawn(image(5, 6), np.ones((5, 6), bool))
    pixels, valid = read_surrounded(scene, Window(1, 0, 3, 4), 2, (6, 5))
    assert valid.shape == (8, 7)
    expected = np.zeros((8, 7), bool)
    expected[2:7, 1:7] = True  # one column beyond the left edge, two rows above
    assert np.array_equal(valid, expected)
    assert np.array_equal(pixels[2:7, 1:7], scene.image[:5, :6])
    assert not pixels[~expected].any()
    assert read_surrounded(scene, Window(2, 2, 2, 1), 2, (6, 5))[1].all()


@pytest.mark.parametrize("kernel", ["bicubic", "lanczos"])
def test_kernels_do_not_depend_on_the_window(kernel, scene):
    superres = ResamplingSuperResolution(kernel, 4)
    whole, valid = mosaic(scene, superres, 1000)
    for side in (16, 33):
        pieces, valid_pieces = mosaic(scene, superres, side)
        assert np.array_equal(valid_pieces, valid)
        assert np.abs(pieces.astype(int) - whole).max() <= 1


def test_networks_do_not_depend_on_the_window(rrdb_file, scene):
    superres = NetworkSuperResolution("real_esrgan_x4plus", str(rrdb_file), "nowhere", "cpu", False, 4, 64, 18)
    scene = Drawn(scene.image, np.ones_like(scene.valid))
    whole, _ = mosaic(scene, superres, 1000)
    pieces, _ = mosaic(scene, superres, 40)
    assert np.abs(pieces.astype(int) - whole).max() <= 1


def test_the_mask_is_that_of_the_nearest_pixel_and_missing_pixels_are_black(scene):
    enlarged, valid = mosaic(scene, ResamplingSuperResolution("bicubic", 4), 1000)
    assert np.array_equal(valid, np.kron(scene.valid, np.ones((4, 4), bool)))
    assert not enlarged[~valid].any()


def test_missing_pixels_leave_no_line_along_them():
    valid = np.ones((30, 30), bool)
    valid[10:20, 12:18] = False
    scene = Drawn(np.full((30, 30, 3), 120, np.uint8), valid)
    for window in (Window(0, 0, 30, 30), Window(5, 5, 20, 7)):
        enlarged, there = enlarge(scene, window, ResamplingSuperResolution("lanczos", 4))
        assert (enlarged[there] == 120).all()


def test_nothing_is_computed_where_nothing_is_valid(scene):
    class Unasked:
        scale, margin = 4, 3

        def enlarge(self, image: np.ndarray) -> np.ndarray:
            raise AssertionError

    enlarged, valid = enlarge(scene, Window(57, 27, 5, 6), Unasked())  # inside the disc
    assert (enlarged.shape, enlarged.any(), valid.shape, valid.any()) == ((24, 20, 3), False, (24, 20), False)


def test_none_changes_nothing(scene):
    image, valid = enlarge(scene, Window(3, 4, 60, 50), NoSuperResolution())
    assert np.array_equal(image, scene.image[4:54, 3:63])
    assert np.array_equal(valid, scene.valid[4:54, 3:63])

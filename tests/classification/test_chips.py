import numpy as np
import pytest
import rasterio
from hypothesis import given
from hypothesis import strategies as st
from rasterio.windows import Window
from shapely.geometry import MultiPolygon, Polygon, box

from isagrsc2.classification.chips import Square, bounding_square, cut_chip, render_chip
from isagrsc2.scene.raster import open_scene
from isagrsc2.scene.stretch import NoStretch


class ArrayRaster:
    """A raster in memory that remembers what was asked of it; shrinks by taking means of whole blocks."""

    def __init__(self, image):
        self.image = image
        self.height, self.width = image.shape[:2]
        self.requests = []

    def read(self, window=None, out_shape=None):
        self.requests.append((window, out_shape))
        rows, columns = window.toslices()
        part = self.image[rows, columns].astype(float)
        height, width = out_shape
        blocks = part.reshape(height, part.shape[0] // height, width, part.shape[1] // width, 3)
        return blocks.mean(axis=(1, 3)).round().astype(np.uint8), np.ones(out_shape, bool)


def numbered(height, width):
    """Pixel (row, column) holds 10 row + column + 1 in all three channels."""
    value = 10 * np.arange(height)[:, None] + np.arange(width) + 1
    return np.repeat(value[..., None], 3, axis=2).astype(np.uint8)


def test_bounding_square_of_a_wide_box_adds_rows_on_both_sides():
    # 6 x 2 px: two rows above, two below.
    assert bounding_square((10, 20, 16, 22)) == Square(10, 18, 6)


def test_bounding_square_of_a_tall_box_puts_the_odd_column_to_the_right():
    # 2 x 5 px: three columns to add, one left of it, two right.
    assert bounding_square((10, 20, 12, 25)) == Square(9, 20, 5)


def test_bounding_square_grows_to_whole_pixels():
    assert bounding_square((0.5, 0.2, 1.5, 0.8)) == Square(0, 0, 2)


@given(st.integers(-50, 50), st.integers(-50, 50), st.integers(1, 60), st.integers(1, 60))
def test_bounding_square_holds_the_box_and_is_centred(x, y, width, height):
    square = bounding_square((x, y, x + width, y + height))
    assert square.side == max(width, height)
    assert square.x <= x
    assert square.y <= y
    # Twice the distance of the centres: 0, or 1 where the sides differ by an odd number.
    assert 2 * square.x + square.side - (2 * x + width) in (0, 1)
    assert 2 * square.y + square.side - (2 * y + height) in (0, 1)


def test_chip_at_native_size_by_hand():
    # An L of three pixels in rows 1-2, columns 1-2; pixel (2, 2) is outside.
    segment = Polygon([(1, 1), (3, 1), (3, 2), (2, 2), (2, 3), (1, 3)])
    chip = cut_chip(ArrayRaster(numbered(4, 6)), segment, 2)
    assert chip.dtype == np.uint8
    assert chip.shape == (2, 2, 3)
    assert chip[..., 0].tolist() == [[12, 13], [22, 0]]


def test_chip_beyond_the_raster_is_zero_there():
    # Row 0, columns 0-2: the square is 3 px, rows -1 to 1. Row -1 does not exist, row 1 is outside the segment.
    chip = cut_chip(ArrayRaster(numbered(4, 6)), box(0, 0, 3, 1), 3)
    assert chip[..., 0].tolist() == [[0, 0, 0], [1, 2, 3], [0, 0, 0]]


def test_chip_of_a_hole_and_of_several_parts():
    ring = box(0, 0, 3, 3).difference(box(1, 1, 2, 2))
    assert cut_chip(ArrayRaster(numbered(4, 6)), ring, 3)[..., 0].tolist() == [[1, 2, 3], [11, 0, 13], [21, 22, 23]]
    corners = MultiPolygon([box(0, 0, 1, 1), box(2, 2, 3, 3)])
    assert cut_chip(ArrayRaster(numbered(4, 6)), corners, 3)[..., 0].tolist() == [[1, 0, 0], [0, 0, 0], [0, 0, 23]]


def test_chip_of_a_large_segment_is_averaged():
    # 4 x 4 px to 1 px: read at 2 x 2 (means of 4 px), averaged to the mean of all 16 = 17.5 px, rounded at most twice.
    chip = cut_chip(ArrayRaster(numbered(4, 6)), box(0, 0, 4, 4), 1)
    assert abs(int(chip[0, 0, 0]) - 17.5) <= 1


def test_chip_of_a_small_segment_is_interpolated():
    # Columns of 0 and 100 doubled: centres of chip px lie at 1/4, 3/4, 5/4, 7/4 of source px, so 0, 25, 75, 100.
    image = np.zeros((2, 2, 3), np.uint8)
    image[:, 1] = 100
    chip = cut_chip(ArrayRaster(image), box(0, 0, 2, 2), 4)
    assert chip[0, :, 0].tolist() == [0, 25, 75, 100]


def test_memory_follows_the_chip_not_the_parcel():
    raster = ArrayRaster(np.full((1024, 1024, 3), 50, np.uint8))
    chip = cut_chip(raster, box(0, 0, 1024, 1024), 8)
    assert raster.requests == [(Window(0, 0, 1024, 1024), (16, 16))]
    assert (chip == 50).all()


def test_size_zero_reads_nothing():
    raster = ArrayRaster(numbered(4, 6))
    assert cut_chip(raster, box(0, 0, 3, 3), 0).shape == (0, 0, 3)
    assert raster.requests == []


def test_segment_outside_the_raster_is_black():
    raster = ArrayRaster(numbered(4, 6))
    assert not cut_chip(raster, box(20, 20, 24, 24), 4).any()
    assert raster.requests == []


def test_render_chip_blackens_outside():
    image = np.full((2, 2, 3), 9, np.uint8)
    mask = np.array([[True, False], [False, True]])
    assert render_chip(image, mask, 2)[..., 1].tolist() == [[9, 0], [0, 9]]


def write_raster(path, image, **profile):
    with rasterio.open(path, "w", width=image.shape[1], height=image.shape[0], count=3, dtype="uint8", **profile) as out:
        out.write(np.moveaxis(image, 2, 0))


@pytest.mark.filterwarnings("ignore::rasterio.errors.NotGeoreferencedWarning")
@pytest.mark.parametrize("name", ["scene.png", "scene.tif"])
def test_chip_of_a_file(tmp_path, name):
    write_raster(tmp_path / name, numbered(4, 6), driver="PNG" if name.endswith("png") else "GTiff")
    with open_scene(tmp_path / name, "auto", NoStretch()) as scene:
        chip = cut_chip(scene, box(0, 0, 3, 1), 3)
    assert chip[..., 2].tolist() == [[0, 0, 0], [1, 2, 3], [0, 0, 0]]


def test_large_chip_of_a_file_agrees_with_the_chip_of_the_whole_image(tmp_path):
    # Independent oracle: mask at full resolution, average blocks of 10 x 10 px. The square reaches beyond the left edge.
    rng = np.random.default_rng(0)
    image = np.kron(rng.integers(0, 256, (20, 20, 3)), np.ones((10, 10, 1))).astype(np.uint8)  # (200, 200, 3)
    write_raster(
        tmp_path / "scene.tif", image, driver="GTiff", crs="EPSG:32633", transform=rasterio.Affine(1, 0, 500, 0, -1, 800)
    )
    segment = box(0, 0, 100, 160).difference(box(30, 20, 70, 80))  # square x from -30 to 130
    with open_scene(tmp_path / "scene.tif", "auto", NoStretch()) as scene:
        chip = cut_chip(scene, segment, 16)
    inside = np.zeros((160, 160, 1))
    inside[:, 30:130] = 1
    inside[20:80, 60:100] = 0
    square = np.zeros((160, 160, 3))
    square[:, 30:130] = image[:160, :100]
    expected = (square * inside).reshape(16, 10, 16, 10, 3).mean(axis=(1, 3))
    assert np.abs(chip - expected).max() <= 1

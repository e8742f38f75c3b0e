import os
import pickle
import re
import shutil
import warnings
from pathlib import Path

import numpy as np
import pytest
import rasterio
import shapely
from affine import Affine
from PIL import Image
from rasterio.enums import ColorInterp
from rasterio.windows import Window

from isagrsc2.errors import InputError
from isagrsc2.scene.raster import Scene, choose_bands, open_scene
from isagrsc2.scene.stretch import NoStretch, PercentileStretch
from isagrsc2.scene.tiling import Tiling

# Photographs have no georeference: that is their nature, and the writers of these tests need not be told.
pytestmark = pytest.mark.filterwarnings("ignore::rasterio.errors.NotGeoreferencedWarning")

NO_STRETCH = NoStretch()
PERCENTILE = PercentileStretch(low=0.0, high=100.0, joint=True, enough=256, max_gain=2.0)
ROTATED = Affine.translation(500_000, 5_540_000) @ Affine.rotation(30) @ Affine.scale(2, -2)


def ramp(bands: int, height: int = 24, width: int = 32, dtype=np.uint8) -> np.ndarray:
    """(H, W, B): every pixel and every band has its own value, up to 240."""
    values = np.arange(height * width * bands) % 241
    return values.reshape(height, width, bands).astype(dtype)


def read(path: Path, bands="auto", stretch=NO_STRETCH, **options) -> tuple[np.ndarray, np.ndarray]:
    with open_scene(path, bands, stretch) as scene:
        return scene.read(**options)


# ---------------------------------------------------------------------------------------------- kinds of files


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16, np.int16, np.float32, np.float64, np.int32])
@pytest.mark.parametrize("bands", [1, 3, 4])
def test_geotiff_of_every_dtype(write_raster, dtype, bands):
    values = ramp(bands, dtype=dtype)
    path = write_raster("a.tif", values, crs="EPSG:32632", transform=ROTATED, photometric="minisblack")
    with open_scene(path, "auto", NO_STRETCH) as scene:
        image, valid = scene.read()
        assert (scene.width, scene.height, scene.name, scene.path) == (32, 24, "a", path)
        assert scene.transform == ROTATED
        assert scene.crs.to_epsg() == 32632
        assert scene.bands == ((1, 1, 1) if bands == 1 else (1, 2, 3))
    assert image.dtype == np.uint8
    assert valid.all()
    np.testing.assert_array_equal(image, values[..., [0, 0, 0] if bands == 1 else [0, 1, 2]])


def test_any_three_bands_in_any_order(write_raster):
    values = ramp(4)
    path = write_raster("a.tif", values, photometric="minisblack")
    np.testing.assert_array_equal(read(path, [4, 2, 1])[0], values[..., [3, 1, 0]])
    np.testing.assert_array_equal(read(path, [2])[0], values[..., [1, 1, 1]])
    np.testing.assert_array_equal(read(path, [1, 1, 2])[0], values[..., [0, 0, 1]])


def test_cloud_optimised_geotiff(tmp_path):
    values = ramp(3, 700, 600)
    path = tmp_path / "a.tif"
    with rasterio.open(path, "w", driver="COG", blocksize=128, count=3, height=700, width=600, dtype="uint8") as dataset:
        dataset.write(np.moveaxis(values, -1, 0))
        assert dataset.overviews(1) == []
    with rasterio.open(path) as dataset:
        assert dataset.overviews(1)  # averages are read from them
    np.testing.assert_array_equal(read(path)[0], values)
    np.testing.assert_array_equal(read(path, window=Window(500, 30, 90, 40))[0], values[30:70, 500:590])


def test_photographs(tmp_path):
    smooth = np.repeat(np.linspace(20, 220, 32).astype(np.uint8)[None, :, None], 3, axis=2).repeat(24, axis=0)
    for name in ("a.png", "b.jpg", "c.bmp", "d.webp", "e.tif"):
        Image.fromarray(smooth).save(tmp_path / name, quality=100)
        with open_scene(tmp_path / name, "auto", NO_STRETCH) as scene:
            image, valid = scene.read()
            assert scene.crs is None
            assert scene.transform == Affine.identity()
        assert valid.all()
        assert np.abs(image.astype(int) - smooth).max() <= 3, name


def test_grey_and_16_bit_png(tmp_path):
    values = (np.arange(768).reshape(24, 32) * 85).astype(np.uint16)  # 0 to 65195
    Image.fromarray(values).save(tmp_path / "deep.png")
    expected = np.rint(values / 65195 * 255)
    np.testing.assert_array_equal(read(tmp_path / "deep.png", stretch=PERCENTILE)[0][..., 1], expected)
    Image.fromarray(ramp(1)[..., 0]).save(tmp_path / "grey.png")
    np.testing.assert_array_equal(read(tmp_path / "grey.png")[0], ramp(1)[..., [0, 0, 0]])


@pytest.mark.parametrize(("name", "mode"), [("a.gif", "P"), ("a.png", "P"), ("a.tif", "P"), ("a.bmp", "P")])
def test_colours_of_a_palette_are_expanded(tmp_path, name, mode):
    indices = (np.arange(24 * 32) % 3).reshape(24, 32)
    image = Image.new(mode, (32, 24))
    colours = np.array([[250, 10, 20], [5, 240, 15], [1, 2, 230]], np.uint8)
    image.putpalette(colours.ravel().tolist())
    image.putdata(indices.ravel().tolist())
    image.save(tmp_path / name)
    np.testing.assert_array_equal(read(tmp_path / name)[0], colours[indices])
    # Resampled indices would be other colours.
    small, _ = read(tmp_path / name, out_shape=(8, 9))
    assert {tuple(colour) for colour in small.reshape(-1, 3).tolist()} <= {tuple(colour) for colour in colours.tolist()}


def test_a_transparent_colour_of_a_palette_is_not_valid(tmp_path):
    image = Image.new("P", (32, 24))
    image.putpalette([250, 10, 20, 5, 240, 15])
    image.putdata([(k % 32 >= 20) * 1 for k in range(24 * 32)])
    image.save(tmp_path / "a.png", transparency=1)
    image, valid = read(tmp_path / "a.png")
    np.testing.assert_array_equal(valid, np.tile(np.arange(32) < 20, (24, 1)))
    assert image[0, 0].tolist() == [250, 10, 20]


def test_black_and_white_have_one_bit(tmp_path, write_raster):
    values = (np.indices((24, 32)).sum(axis=0) % 2).astype(np.uint8)
    scanned = write_raster("a.tif", values, nbits=1)
    drawn = tmp_path / "b.png"
    Image.fromarray(values * 255).convert("1").save(drawn)
    for path in (scanned, drawn):
        image, valid = read(path, stretch=PERCENTILE)
        assert valid.all()
        np.testing.assert_array_equal(image[..., 0], values * 255)


def test_negative_values_and_scale_tags(write_raster):
    values = np.linspace(-500, 2050, 24 * 32).reshape(24, 32).astype(np.int16)
    path = write_raster("a.tif", values)
    with rasterio.open(path, "r+") as dataset:
        dataset.scales, dataset.offsets = (0.0001,), (-0.1,)  # reflectance: linear, so the stretch undoes it
    image, valid = read(path, stretch=PERCENTILE)
    assert valid.all()
    np.testing.assert_array_equal(image[..., 0], np.rint((values + 500) / 10.0))


def test_complex_values_are_read_as_magnitudes(write_raster):
    path = write_raster("a.tif", np.full((24, 32), 3 + 4j, np.complex64))
    image, valid = read(path)
    assert valid.all()
    assert (image == 5).all()
    assert (read(path, out_shape=(6, 8))[0] == 5).all()


def test_a_crs_without_a_place_is_no_georeference(write_raster):
    path = write_raster("a.tif", ramp(3), crs="EPSG:32632", transform=Affine.identity())
    with open_scene(path, "auto", NO_STRETCH) as scene:
        assert scene.crs is None


# ---------------------------------------------------------------------------------------------- validity


def test_alpha_is_a_mask_and_no_colour(tmp_path):
    colours = ramp(3)
    alpha = np.zeros((24, 32), np.uint8)
    alpha[:, :20] = 255
    alpha[:, 8] = 1  # hardly opaque, and still there
    Image.fromarray(np.dstack([colours, alpha])).save(tmp_path / "rgba.png")
    Image.fromarray(np.dstack([colours[..., 0], alpha])).save(tmp_path / "grey_alpha.png")
    for name, order in (("rgba.png", [0, 1, 2]), ("grey_alpha.png", [0, 0, 0])):
        image, valid = read(tmp_path / name)
        np.testing.assert_array_equal(valid, alpha > 0)
        np.testing.assert_array_equal(image, np.where(valid[..., None], colours[..., order], 0))


def test_near_infrared_called_alpha_can_be_asked_for(write_raster):
    values = ramp(4)
    path = write_raster("a.tif", values)  # GDAL names the fourth band of four bytes alpha
    with rasterio.open(path) as dataset:
        assert dataset.colorinterp[3] == ColorInterp.alpha
    np.testing.assert_array_equal(read(path, "auto")[1], values[..., 3] > 0)
    image, valid = read(path, [4, 2, 1])
    np.testing.assert_array_equal(image, values[..., [3, 1, 0]])
    assert valid.all()


@pytest.mark.parametrize(
    ("dtype", "nodata"), [(np.uint8, 0), (np.uint8, 255), (np.uint16, 65535), (np.int16, -9999), (np.float32, -9999)]
)
def test_nodata_is_not_valid(write_raster, dtype, nodata):
    values = np.full((24, 32, 3), 100, dtype)
    values[4:10, 5:9] = nodata
    values[20, 20] = (nodata, 100, 100)  # in one band, by chance
    image, valid = read(write_raster("a.tif", values, nodata=nodata, photometric="minisblack"))
    expected = np.ones((24, 32), bool)
    expected[4:10, 5:9] = False
    np.testing.assert_array_equal(valid, expected)
    assert (image[~valid] == 0).all()
    assert (image[..., 1:][valid] == 100).all()


def test_nodata_in_one_band_does_not_move_the_stretch(write_raster):
    values = np.full((24, 32, 3), 100, np.float32)
    values[:, 16:] = 300
    values[:6, :, 0] = -9999  # one band ends earlier than the others
    image, valid = read(write_raster("a.tif", values, nodata=-9999), stretch=PERCENTILE)
    assert valid.all()
    assert image[10, 0].tolist() == [0, 0, 0]
    assert image[10, 20].tolist() == [255, 255, 255]
    assert image[0, 20].tolist() == [0, 255, 255]


@pytest.mark.parametrize("declared", [None, np.nan])
def test_what_is_not_finite_is_not_valid(write_raster, declared):
    values = np.full((24, 32, 3), 100, np.float32)
    values[3, 4] = np.nan
    values[5, 6, 1] = np.inf
    values[7, 8, 2] = -np.inf
    image, valid = read(write_raster("a.tif", values, nodata=declared), stretch=PERCENTILE)
    assert np.argwhere(~valid).tolist() == [[3, 4], [5, 6], [7, 8]]
    assert (image[~valid] == 0).all()
    assert len(np.unique(image[valid])) == 1


@pytest.mark.parametrize("internal", [True, False])
def test_masks_inside_the_file_and_beside_it(tmp_path, write_raster, internal):
    path = write_raster("a.tif", ramp(3))
    mask = np.zeros((24, 32), bool)
    mask[:, 7:] = True
    with rasterio.Env(GDAL_TIFF_INTERNAL_MASK=internal), rasterio.open(path, "r+") as dataset:
        dataset.write_mask(mask)
    assert (tmp_path / "a.tif.msk").exists() != internal
    image, valid = read(path)
    np.testing.assert_array_equal(valid, mask)
    np.testing.assert_array_equal(image, np.where(mask[..., None], ramp(3), 0))


# ---------------------------------------------------------------------------------------------- windows and sizes


def test_a_window_is_that_part_of_the_whole(write_raster):
    path = write_raster("a.tif", ramp(3, dtype=np.uint16) * 7, nodata=0)
    with open_scene(path, "auto", PERCENTILE) as scene:
        image, valid = scene.read()
        part, part_valid = scene.read(Window(5, 9, 11, 7))
    np.testing.assert_array_equal(part, image[9:16, 5:16])
    np.testing.assert_array_equal(part_valid, valid[9:16, 5:16])


def test_tiles_are_stretched_like_the_whole(write_raster):
    # Brightness rises to the right: a stretch per tile would show as a seam.
    values = np.tile(np.linspace(1000, 9000, 96).astype(np.uint16), (64, 1))
    path = write_raster("a.tif", values)
    with open_scene(path, "auto", PERCENTILE) as scene:
        whole, _ = scene.read()
        for tile in Tiling(32, 8).tiles(scene.width, scene.height):
            x0, y0, x1, y1 = tile.bounds
            np.testing.assert_array_equal(scene.read(tile.window)[0], whole[y0:y1, x0:x1])


def test_smaller_is_the_area_average(write_raster):
    # 2 x 2 blocks of 10, 20, 30, 40: their mean is 25.
    values = np.tile(np.array([[10, 20], [30, 40]], np.uint8), (12, 16))
    path = write_raster("a.tif", values)
    image, valid = read(path, out_shape=(12, 16))
    assert image.shape == (12, 16, 3)
    assert valid.all()
    assert (image == 25).all()
    assert (read(path, window=Window(4, 6, 8, 8), out_shape=(4, 4))[0] == 25).all()


SHAPES = [(8, 8), (7, 5), (1, 1), (64, 64), (50, 60), (90, 100)]


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize(
    ("dtype", "nodata", "hole"),
    [
        (np.uint8, 0, 0),
        (np.uint8, 255, 255),
        (np.int16, -9999, -9999),
        (np.float32, -9999, -9999),
        (np.float32, np.nan, np.nan),
        (np.float32, None, np.nan),
        (np.float32, None, np.inf),
    ],
)
def test_nodata_never_bleeds_into_averages(write_raster, dtype, nodata, hole, shape):
    values = np.full((64, 64, 3), 100, dtype)
    values[:, :29] = hole
    values[40:43, 40:43] = hole
    values[5, 61] = hole
    image, valid = read(write_raster("a.tif", values, nodata=nodata), out_shape=shape)
    assert valid.shape == shape
    assert valid.any()
    assert (image[valid] == 100).all()
    assert (image[~valid] == 0).all()
    # Valid is what is valid under the sampled pixel's centre.
    rows, columns = (((np.arange(size) + 0.5) * 64 / size).astype(int) for size in shape)
    hole_there = ~np.isfinite(values[..., 0]) | (values[..., 0] == hole)
    np.testing.assert_array_equal(valid, ~hole_there[np.ix_(rows, columns)])


@pytest.mark.parametrize("shape", SHAPES)
def test_what_lies_under_a_mask_never_bleeds_into_averages(tmp_path, write_raster, shape):
    values = np.full((64, 64, 3), 100, np.uint8)
    values[:, :29] = 250
    alpha = np.where(values[..., 0] == 100, 255, 0).astype(np.uint8)
    Image.fromarray(np.dstack([values, alpha])).save(tmp_path / "alpha.png")
    masked = write_raster("masked.tif", values)
    with rasterio.Env(GDAL_TIFF_INTERNAL_MASK=True), rasterio.open(masked, "r+") as dataset:
        dataset.write_mask(alpha)
    for path in (tmp_path / "alpha.png", masked):
        image, valid = read(path, out_shape=shape)
        assert valid.any()
        assert (image[valid] == 100).all()
        assert (image[~valid] == 0).all()


def test_averages_from_overviews_keep_out_nodata(tmp_path):
    values = np.full((3, 700, 600), 100, np.int16)
    values[:, :, :111] = -9999
    path = tmp_path / "a.tif"
    options = {"driver": "COG", "blocksize": 128, "overview_resampling": "average", "nodata": -9999}
    with rasterio.open(path, "w", count=3, height=700, width=600, dtype="int16", **options) as dataset:
        dataset.write(values)
    for shape in ((70, 60), (33, 41)):
        image, valid = read(path, out_shape=shape)
        assert (image[valid] == 100).all()
        assert abs(valid.mean() - 489 / 600) < 0.03


# ---------------------------------------------------------------------------------------------- a scene as an object


def test_a_scene_can_be_pickled(write_raster):
    path = write_raster("a.tif", ramp(4, dtype=np.uint16) * 50, crs="EPSG:32632", photometric="minisblack")
    with open_scene(path, [4, 2, 1], PERCENTILE) as scene:
        again = pickle.loads(pickle.dumps(scene))
        assert isinstance(again, Scene)
        with again:
            np.testing.assert_array_equal(again.read()[0], scene.read()[0])
            assert (again.bands, again.crs, again.transform) == (scene.bands, scene.crs, scene.transform)


def test_the_file_is_left_alone(tmp_path, write_raster):
    path = write_raster("a.tif", ramp(3, dtype=np.uint16), nodata=3)
    os.utime(path, ns=(1_500_000_000_000_000_000, 1_500_000_000_000_000_000))
    before = path.read_bytes()
    path.chmod(0o444)
    with open_scene(path, "auto", PERCENTILE) as scene:
        scene.read()
        scene.read(out_shape=(5, 5))
    assert path.read_bytes() == before
    assert path.stat().st_mtime_ns == 1_500_000_000_000_000_000
    assert [file.name for file in tmp_path.iterdir()] == ["a.tif"]  # no statistics beside it


def test_nothing_is_said_about_photographs(tmp_path):
    Image.fromarray(ramp(3)).save(tmp_path / "a.png")
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        read(tmp_path / "a.png")


# ---------------------------------------------------------------------------------------------- bad input


def refusal(path: Path, bands="auto") -> str:
    """The line with which a file is refused, when it is opened or when it is read."""
    with pytest.raises(InputError) as caught:
        read(path, bands)
    message = str(caught.value)
    assert "\n" not in message
    assert str(path) in message
    return message


def test_files_that_are_no_rasters(tmp_path):
    assert "does not exist" in refusal(tmp_path / "missing.tif")
    (tmp_path / "empty.tif").touch()
    assert "is empty" in refusal(tmp_path / "empty.tif")
    (tmp_path / "text.png").write_text("no image\n" * 100)
    assert "is not a raster" in refusal(tmp_path / "text.png")
    (tmp_path / "parcels.geojson").write_text(shapely.to_geojson(shapely.box(0, 0, 1, 1)))
    assert "vector files go to reference=" in refusal(tmp_path / "parcels.geojson")


@pytest.mark.parametrize("share", [0.01, 0.3, 0.6, 0.95])
@pytest.mark.parametrize(
    ("name", "options"),
    [
        ("a.png", {}),
        ("a.jpg", {"quality": 95}),
        ("progressive.jpg", {"quality": 95, "progressive": True}),
        ("a.tif", {}),
        ("deflate.tif", {"compression": "tiff_deflate"}),
        ("jpeg.tif", {"compression": "jpeg", "quality": 95}),
        ("a.webp", {"lossless": True}),
        ("a.gif", {}),
        ("a.bmp", {}),
    ],
)
def test_a_file_that_breaks_off_is_never_read_as_if_it_were_whole(tmp_path, name, options, share):
    whole = tmp_path / f"whole_{name}"
    noise = np.random.default_rng(0).integers(0, 255, (120, 100, 3), dtype=np.uint8)
    Image.fromarray(noise).save(whole, **options)
    assert read(whole)[1].all()
    content = whole.read_bytes()
    (tmp_path / name).write_bytes(content[: int(len(content) * share)])
    assert re.search("damaged|breaks off", refusal(tmp_path / name))


def test_damage_that_the_overviews_do_not_show_is_found_when_it_is_read(tmp_path):
    values = np.random.default_rng(0).integers(0, 255, (1, 2400, 2200), dtype=np.uint8)
    path = tmp_path / "a.tif"
    with rasterio.open(path, "w", driver="COG", blocksize=512, count=1, height=2400, width=2200, dtype="uint8") as dataset:
        dataset.write(values)
    os.truncate(path, path.stat().st_size - 100)
    with open_scene(path, "auto", NO_STRETCH) as scene:
        assert scene.read(Window(0, 0, 256, 256))[1].all()
        with pytest.raises(InputError, match=re.escape(f"{path} is damaged or breaks off")):
            scene.read()


def test_images_too_small(tmp_path):
    for size in ((1, 1), (1, 50), (50, 1)):
        Image.new("RGB", size).save(tmp_path / "a.png")
        assert f"{size[0]} x {size[1]} px" in refusal(tmp_path / "a.png")


def test_bands_that_do_not_fit(write_raster):
    two, three = write_raster("two.tif", ramp(2)), write_raster("three.tif", ramp(3))
    assert "two bands" in refusal(two)
    assert read(two, [2])[0].shape == (24, 32, 3)
    assert "has no band 4 (it has 1, 2, 3)" in refusal(three, [4, 2, 1])
    assert "has no band 0" in refusal(three, [0])
    for bands, message in (
        ([1, 2], "names 2 bands"),
        ([1, 2, 3, 1], "names 4 bands"),
        ([], "is not understood"),
        ("rgb", "scene.bands=rgb is not understood"),
        (["red"], "is not understood"),
        ([1.5], "is not understood"),
    ):
        with pytest.raises(InputError, match=re.escape(message)):
            choose_bands(three, [1, 2, 3], bands)


def test_a_file_without_bands_of_its_own(tmp_path):
    for table in ("one", "two"):
        options = {"driver": "GPKG", "count": 3, "height": 24, "width": 32, "dtype": "uint8", "crs": "EPSG:3857"}
        extra = {"RASTER_TABLE": table, "APPEND_SUBDATASET": "YES" if table == "two" else "NO"}
        with rasterio.open(tmp_path / "a.gpkg", "w", **options, **extra, transform=Affine.scale(1, -1)) as dataset:
            dataset.write(np.moveaxis(ramp(3), -1, 0))
    assert "(2 subdatasets)" in refusal(tmp_path / "a.gpkg")


def test_a_file_that_vanishes_while_it_travels(tmp_path, write_raster):
    path = write_raster("a.tif", ramp(3))
    with open_scene(path, "auto", NO_STRETCH) as scene:
        packed = pickle.dumps(scene)
    shutil.move(path, tmp_path / "elsewhere.tif")
    with pytest.raises(InputError, match="does not exist"):
        pickle.loads(packed)

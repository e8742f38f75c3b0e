"""Adjoining files as one scene: `scene.mosaic=true`."""

import pickle
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import rasterio
from affine import Affine
from rasterio.windows import Window

from isagrsc2.errors import InputError
from isagrsc2.scene.raster import Scene
from isagrsc2.scene.sources import Files
from isagrsc2.scene.stretch import NoStretch

GRID = Affine(0.3, 0, 500_000, 0, -0.3, 5_540_000)  # 0.3 is no binary fraction: origins are never exact
TURNED = Affine.translation(500_000, 5_540_000) @ Affine.rotation(30) @ Affine.scale(2, -2)
WHOLE = np.random.default_rng(0).integers(1, 255, (40, 60, 3), np.uint8)  # (H, W, 3)

WriteTile = Callable[..., Path]


def mosaic(given, **options):
    usual = {"bands": "auto", "crs": "none", "gcp_tolerance": 0.5, "aoi": "none", "mosaic_snap": 0.01, "assets": "auto"}
    habits = usual | {"mosaic": True} | options
    (source,) = Files(path=given, **habits, stretch=NoStretch(), otherwise=None).sources()
    return source


def opened(given, folder: Path, **options) -> Scene:
    folder.mkdir(exist_ok=True)
    return mosaic(given, **options).open(folder)[0]


@pytest.fixture
def write_tile(tmp_path: Path) -> WriteTile:
    """Write a window of WHOLE into the folder `sheets`: `write_tile("a.tif", Window(0, 0, 30, 40))`."""
    (tmp_path / "sheets").mkdir()

    def write(name: str, window: Window, grid: Affine = GRID, values: np.ndarray = WHOLE, **profile) -> Path:
        cut = values[window.row_off : window.row_off + window.height, window.col_off : window.col_off + window.width]
        profile = {"crs": "EPSG:32632", "transform": grid @ Affine.translation(window.col_off, window.row_off)} | profile
        path = tmp_path / "sheets" / name
        size = {"width": cut.shape[1], "height": cut.shape[0], "count": cut.shape[2], "dtype": str(cut.dtype)}
        with rasterio.open(path, "w", driver="GTiff", **size, **profile) as dataset:
            dataset.write(np.moveaxis(cut, -1, 0))
        return path

    return write


@pytest.fixture
def sheets(write_tile: WriteTile, tmp_path: Path) -> Path:
    """Four tiles of different sizes that make up WHOLE."""
    for number, (x, y, width, height) in enumerate([(0, 0, 25, 15), (25, 0, 35, 15), (0, 15, 25, 25), (25, 15, 35, 25)]):
        write_tile(f"{number}.tif", Window(x, y, width, height))
    return tmp_path / "sheets"


@pytest.mark.parametrize("grid", [GRID, TURNED])
@pytest.mark.parametrize("crs", ["EPSG:32632", "EPSG:4326"])
def test_tiles_become_what_they_were_cut_from(write_tile, tmp_path, grid, crs):
    for number, x in enumerate((20, 0, 40)):  # in no order
        write_tile(f"{number}.tif", Window(x, 0, 20, 40), grid, crs=crs)
    with opened(str(tmp_path / "sheets"), tmp_path / "run") as scene:
        assert (scene.name, scene.width, scene.height) == ("sheets", 60, 40)
        assert scene.path == tmp_path / "run" / "sheets.vrt"
        assert scene.crs == rasterio.crs.CRS.from_string(crs)
        assert scene.transform.almost_equals(grid, 1e-6)
        image, valid = scene.read()
        np.testing.assert_array_equal(image, WHOLE)
        assert valid.all()
        # Across the seams, and in another process.
        with pickle.loads(pickle.dumps(scene)) as other:
            np.testing.assert_array_equal(other.read(Window(15, 5, 30, 20))[0], WHOLE[5:25, 15:45])


def test_a_folder_a_glob_and_a_list_name_one_scene(sheets, tmp_path):
    for given in (str(sheets), f"{sheets}/*.tif", [f"{sheets}/{number}.tif" for number in range(4)]):
        with opened(given, tmp_path / "run") as scene:
            assert scene.name == "sheets"
            np.testing.assert_array_equal(scene.read()[0], WHOLE)
    assert mosaic(str(sheets)).origin == str(sheets)


def test_a_gap_is_missing(sheets, tmp_path):
    (sheets / "1.tif").unlink()
    with opened(str(sheets), tmp_path / "run") as scene:
        image, valid = scene.read()
    expected = np.ones((40, 60), bool)
    expected[:15, 25:] = False
    np.testing.assert_array_equal(valid, expected)
    np.testing.assert_array_equal(image, np.where(expected[..., None], WHOLE, 0))


def test_nodata_is_kept(write_tile, tmp_path):
    values = WHOLE.copy()
    values[10:20, 25:35] = 0
    for number, x in enumerate((0, 40)):  # a gap of 10 px between them
        write_tile(f"{number}.tif", Window(x, 0, 30, 40), values=values, nodata=0)
    with opened(str(tmp_path / "sheets"), tmp_path / "run") as scene:
        valid = scene.read()[1]
    expected = np.ones((40, 60), bool)
    expected[10:20, 25:35] = False
    expected[:, 30:40] = False
    np.testing.assert_array_equal(valid, expected)


@pytest.mark.parametrize("nodata", [None, 0])
def test_where_tiles_overlap_the_last_is_seen_but_not_what_it_lacks(write_tile, tmp_path, nodata):
    write_tile("a.tif", Window(0, 0, 40, 40), nodata=nodata)
    other = 255 - WHOLE
    other[:20, 30:35] = 0
    write_tile("b.tif", Window(30, 0, 30, 40), values=other, nodata=nodata)
    with opened(str(tmp_path / "sheets"), tmp_path / "run") as scene:
        image, valid = scene.read()
    expected = np.where(np.arange(60)[:, None] < 30, WHOLE, other)
    if nodata == 0:
        expected[:20, 30:35] = WHOLE[:20, 30:35]
        np.testing.assert_array_equal(valid, expected.any(axis=-1))
    np.testing.assert_array_equal(image, expected)


def test_alpha_and_masks_are_kept(write_tile, tmp_path):
    values = np.dstack([WHOLE, np.full((40, 60), 255, np.uint8)])
    values[5:10, 5:50, 3] = 0
    for number, x in enumerate((0, 30)):
        write_tile(f"{number}.tif", Window(x, 0, 30, 40), values=values, photometric="rgb", alpha="yes")
    with opened(str(tmp_path / "sheets"), tmp_path / "alpha") as scene:
        assert scene.bands == (1, 2, 3)
        np.testing.assert_array_equal(scene.read()[1], values[..., 3] > 0)
    for number, x in enumerate((0, 30)):
        path = write_tile(f"{number}.tif", Window(x, 0, 30, 40))
        with rasterio.Env(GDAL_TIFF_INTERNAL_MASK=True), rasterio.open(path, "r+") as dataset:
            dataset.write_mask(values[:, x : x + 30, 3])
    with opened(str(tmp_path / "sheets"), tmp_path / "mask") as scene:
        np.testing.assert_array_equal(scene.read()[1], values[..., 3] > 0)


def test_a_palette_is_kept(write_tile, tmp_path):
    indices = np.arange(40 * 60, dtype=np.uint8).reshape(40, 60, 1) % 3
    colours = {0: (10, 20, 30, 255), 1: (200, 0, 0, 255), 2: (0, 150, 7, 255)}
    for number, x in enumerate((0, 30)):
        path = write_tile(f"{number}.tif", Window(x, 0, 30, 40), values=indices, photometric="palette")
        with rasterio.open(path, "r+") as dataset:
            dataset.write_colormap(1, colours)
    with opened(str(tmp_path / "sheets"), tmp_path / "run") as scene:
        table = np.array([colours[index][:3] for index in range(3)])
        np.testing.assert_array_equal(scene.read()[0], table[indices[..., 0]])


def test_few_bits_are_stretched_as_in_one_file(write_tile, tmp_path):
    values = (WHOLE[..., :1] > 128).astype(np.uint8)
    for number, x in enumerate((0, 30)):
        write_tile(f"{number}.tif", Window(x, 0, 30, 40), values=values, nbits=1)
    with opened(str(tmp_path / "sheets"), tmp_path / "run") as scene, rasterio.open(scene.path) as dataset:
        assert dataset.tags(1, ns="IMAGE_STRUCTURE")["NBITS"] == "1"


def test_tiles_may_be_a_little_off(write_tile, tmp_path):
    write_tile("a.tif", Window(0, 0, 30, 40))
    write_tile("b.tif", Window(30, 0, 30, 40), grid=GRID @ Affine.translation(0.008, -0.004))
    with opened(str(tmp_path / "sheets"), tmp_path / "run") as scene:
        np.testing.assert_array_equal(scene.read()[0], WHOLE)
    with pytest.raises(
        InputError, match=r"a.tif and .*b.tif .* lies \+0.008, -0.004 px off .* \(at most 0.001, scene.mosaic_snap\)"
    ):
        opened(str(tmp_path / "sheets"), tmp_path / "run", mosaic_snap=0.001)


@pytest.mark.parametrize(
    ("other", "message"),
    [
        ({"crs": "EPSG:32633"}, "CRS EPSG:32632 and EPSG:32633;"),
        ({"crs": None}, "CRS EPSG:32632 and none;"),
        ({"values": WHOLE[..., :1]}, "number of bands 3 and 1;"),
        ({"values": WHOLE.astype(np.uint16)}, "dtype uint8 and uint16;"),
        ({"nodata": 0}, "nodata none and 0.0;"),
        ({"photometric": "minisblack"}, "kinds of bands red, green, blue and gray, undefined, undefined;"),
        ({"grid": GRID @ Affine.scale(2)}, r"their pixels have other sizes, \(0.3, -0.3\) and \(0.6, -0.6\) map units"),
        ({"grid": GRID @ Affine.rotation(1)}, "or another direction"),
        ({"grid": GRID @ Affine.translation(0.4, 0)}, r"lies \+0.4, \+0 px off the whole pixels of the first"),
        ({"transform": Affine.identity()}, "b.tif has no place on the map, so it cannot be part of scene.mosaic=true"),
    ],
)
@pytest.mark.filterwarnings("ignore::rasterio.errors.NotGeoreferencedWarning")
def test_tiles_that_do_not_fit(write_tile, tmp_path, other, message):
    write_tile("a.tif", Window(0, 0, 30, 40), photometric="rgb")
    write_tile("b.tif", Window(30, 0, 30, 40), **({"photometric": "rgb"} if "values" not in other else {}) | other)
    with pytest.raises(InputError, match=message) as caught:
        opened(str(tmp_path / "sheets"), tmp_path / "run")
    assert "\n" not in str(caught.value)
    assert "b.tif" in str(caught.value)
    assert not list((tmp_path / "run").glob("*.vrt"))


def test_a_tile_that_is_none(sheets, tmp_path):
    (sheets / "2.tif").write_bytes(b"II*\0nothing")
    with pytest.raises(InputError, match=r"2.tif is not a raster"):
        opened(str(sheets), tmp_path / "run")


def test_a_tile_that_breaks_off_is_named(sheets, tmp_path):
    path = sheets / "3.tif"
    path.write_bytes(path.read_bytes()[:600])
    with pytest.raises(InputError, match=r"sheets.vrt is damaged or breaks off \(.*3.tif"):
        opened(str(sheets), tmp_path / "run")


def test_an_identity_changes_with_every_tile(sheets):
    before = mosaic(str(sheets)).identity()
    assert mosaic(f"{sheets}/*").identity() == before
    path = sheets / "2.tif"
    path.write_bytes(path.read_bytes() + b"\0")
    after = mosaic(str(sheets)).identity()
    assert after != before
    (sheets / "3.tif").unlink()
    assert mosaic(str(sheets)).identity() != after


def test_the_crs_of_tiles_with_world_files(write_tile, tmp_path):
    for number, x in enumerate((0, 30)):
        write_tile(f"{number}.tif", Window(x, 0, 30, 40), crs=None)
    with opened(str(tmp_path / "sheets"), tmp_path / "run", crs="EPSG:32632") as scene:
        assert scene.crs.to_epsg() == 32632
        np.testing.assert_array_equal(scene.read()[0], WHOLE)


def test_options_that_fit_nothing(tmp_path):
    with pytest.raises(InputError, match=r"scene\.mosaic=maybe does not fit; give true or false"):
        mosaic(str(tmp_path), mosaic="maybe")
    with pytest.raises(InputError, match=r"scene\.mosaic=True applies only to scene\.path=PATH"):
        mosaic([])
    with pytest.raises(InputError, match=r"scene\.mosaic_snap=0\.7"):
        mosaic(str(tmp_path), mosaic_snap=0.7)

"""World files, ground control points, and the option `scene.crs`."""

import logging
import pickle
import re
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from affine import Affine
from PIL import Image
from rasterio.control import GroundControlPoint
from rasterio.crs import CRS

from isagrsc2.errors import InputError
from isagrsc2.scene.placing import FindPlace, fit_affine
from isagrsc2.scene.raster import Scene
from isagrsc2.scene.sources import SceneFile
from isagrsc2.scene.stretch import NoStretch

pytestmark = pytest.mark.filterwarnings("ignore::rasterio.errors.NotGeoreferencedWarning")

UTM = CRS.from_epsg(32631)
TURNED = Affine.translation(500_000, 5_540_000) @ Affine.rotation(20) @ Affine.scale(2, -2)


def opened(path: Path, folder: Path, crs: str = "none", gcp_tolerance: float = 0.5) -> Scene:
    scene, reference = SceneFile(path.stem, path, "auto", NoStretch(), FindPlace(crs, gcp_tolerance)).open(folder)
    assert reference == "none"
    return scene


def picture(height: int = 60, width: int = 80) -> np.ndarray:
    """(H, W, 3) uint8: a bright field in rows 20 to 40 and columns 30 to 50."""
    image = np.full((height, width, 3), 50, np.uint8)
    image[20:40, 30:50] = 200
    return image


def points_of(
    place: Callable[[float, float], tuple[float, float]], height: int = 60, width: int = 80
) -> list[GroundControlPoint]:
    """Control points on a grid of 3 x 4: what `place(column, row)` says."""
    corners = [(column, row) for row in np.linspace(0, height, 3) for column in np.linspace(0, width, 4)]
    return [
        GroundControlPoint(row=row, col=column, x=place(column, row)[0], y=place(column, row)[1]) for column, row in corners
    ]


def straight() -> list[GroundControlPoint]:
    """Points of the affine map ``TURNED``."""
    return points_of(lambda column, row: TURNED @ (column, row))


def bent(column: float, row: float) -> tuple[float, float]:
    """A map that is no affine one: the image is sheared more and more to its lower right."""
    return 500_000 + 2 * column + 0.01 * column * row, 5_540_000 - 2 * row + 0.002 * column**2


# ---------------------------------------------------------------------------------------------- world files


@pytest.mark.parametrize(("image", "world"), [("a.png", "a.pgw"), ("a.jpg", "a.jgw"), ("a.tif", "a.tfw"), ("a.png", "a.wld")])
def test_a_world_file_gives_the_place_and_the_option_the_crs(tmp_path, image, world):
    Image.fromarray(picture()).save(tmp_path / image)
    # Six lines: pixel width, two rotations, pixel height, centre of the upper left pixel.
    (tmp_path / world).write_text("2.5\n0\n0\n-2.5\n500001.25\n5539998.75\n")
    with opened(tmp_path / image, tmp_path) as scene:
        assert scene.crs is None  # half of a georeference: the place is known and not of what
    with opened(tmp_path / image, tmp_path, crs="EPSG:32631") as scene:
        assert scene.crs == UTM
        assert scene.transform.almost_equals(Affine(2.5, 0, 500_000, 0, -2.5, 5_540_000))
        assert scene.path == tmp_path / image  # read where it lies
        assert not scene.georeference.is_stored
        with pickle.loads(pickle.dumps(scene)) as other:  # as it travels to workers
            assert (other.crs, other.transform) == (scene.crs, scene.transform)
    assert not list(tmp_path.glob("*.vrt"))


def test_the_option_changes_no_crs(tmp_path, write_raster):
    path = write_raster("a.tif", picture(), crs="EPSG:32632")
    with opened(path, tmp_path, crs="EPSG:32632") as scene:
        assert scene.georeference.is_stored
    with pytest.raises(
        InputError, match=r"a.tif says that its CRS is EPSG:32632, not scene.crs=EPSG:32631; leave scene.crs out"
    ):
        opened(path, tmp_path, crs="EPSG:32631")


def test_a_picture_without_a_place_gets_none(tmp_path):
    Image.fromarray(picture()).save(tmp_path / "a.png")
    with opened(tmp_path / "a.png", tmp_path) as scene:
        assert scene.crs is None
    with pytest.raises(InputError, match=r"a.png has no place on the map .* put a world file beside it"):
        opened(tmp_path / "a.png", tmp_path, crs="EPSG:32631")


@pytest.mark.parametrize("crs", ["EPSG:letters", "flat", "", "EPSG:999999"])
def test_what_is_no_crs(crs):
    with pytest.raises(InputError, match=f"scene.crs={crs} is no coordinate reference system"):
        FindPlace(crs, 0.5)


# ---------------------------------------------------------------------------------------------- control points


def test_points_that_fit_an_affine_map_are_exact(tmp_path, write_raster, caplog):
    path = write_raster("a.tif", picture(), gcps=straight(), crs="EPSG:32631", transform=None)
    caplog.set_level(logging.INFO)
    with opened(path, tmp_path) as scene:
        assert scene.crs == UTM
        np.testing.assert_allclose(scene.transform[:6], TURNED[:6], rtol=0, atol=1e-6)
        assert (scene.width, scene.height, scene.path) == (80, 60, path)
    assert "12 ground control points lie up to 0.00 px off an affine map, which is used." in caplog.text
    assert not list(tmp_path.glob("*.vrt"))


def test_the_crs_of_the_points_is_theirs(tmp_path, write_raster):
    path = write_raster("a.tif", picture(), gcps=straight(), crs="EPSG:32631", transform=None)
    with opened(path, tmp_path) as scene:
        assert scene.crs == UTM
    with pytest.raises(InputError, match="says that its CRS is EPSG:32631"):
        opened(path, tmp_path, crs="EPSG:32632")


@pytest.mark.parametrize("off", [0.3, 0.7])
def test_the_residual_is_in_pixels(tmp_path, off):
    # Four corners of a square, one diagonal lifted by `off` px and the other lowered: least squares leaves all four off.
    lifted = [(0, 0, off), (40, 40, off), (40, 0, -off), (0, 40, -off)]
    points = [GroundControlPoint(row, column, *(TURNED @ (column, row + up))) for column, row, up in lifted]
    transform, residual = fit_affine(Path("a.tif"), points)
    assert residual == pytest.approx(off, abs=1e-6)
    np.testing.assert_allclose(transform[:6], TURNED[:6], rtol=0, atol=1e-5)


@pytest.mark.parametrize("nodata", [None, 0])
def test_points_that_fit_none_warp_the_image(tmp_path, write_raster, caplog, nodata):
    path = write_raster("a.tif", picture(), gcps=points_of(bent), crs="EPSG:32631", transform=None, nodata=nodata)
    caplog.set_level(logging.INFO)
    (tmp_path / "run").mkdir()
    with opened(path, tmp_path / "run") as scene:
        assert scene.crs == UTM
        assert scene.transform.b == scene.transform.d == 0  # north up
        assert scene.path == tmp_path / "run" / "a.vrt"
        assert scene.georeference.is_stored
        image, valid = scene.read()
        assert scene.bands == (1, 2, 3)
    off, left = map(float, re.findall(r"up to ([\d.]+) px off", caplog.text))
    assert "is too much: the image is warped to EPSG:32631, where" in caplog.text
    assert off > 2
    assert left < 0.5
    assert 0.5 < valid.mean() < 0.99  # what was bent does not fill its box
    # The bright field lies where its corners are mapped to.
    column, row = ~scene.transform @ bent(40, 30)
    assert image[int(row), int(column)].tolist() == [200, 200, 200]
    for x, y in ((25, 15), (55, 15), (25, 45), (55, 45)):
        column, row = ~scene.transform @ bent(x, y)
        assert image[int(row), int(column)].tolist() == [50, 50, 50]


def test_the_tolerance_decides(tmp_path, write_raster):
    path = write_raster("a.tif", picture(), gcps=points_of(bent), crs="EPSG:32631", transform=None)
    with opened(path, tmp_path, gcp_tolerance=100) as scene:
        assert scene.path == path
    # One has the pixels of the file and the other has not: parts of one run are of no use to the other.
    assert FindPlace("none", 100).identity() != FindPlace("none", 0.5).identity() != FindPlace("EPSG:32631", 0.5).identity()


def test_points_that_say_nothing(tmp_path, write_raster):
    for name, points in (
        ("line.tif", [GroundControlPoint(row, row, 500_000 + row, 5_540_000 + row) for row in (0, 10, 20, 30)]),
        ("two.tif", [GroundControlPoint(0, 0, 500_000, 5_540_000), GroundControlPoint(10, 10, 500_010, 5_539_990)]),
        ("heap.tif", [GroundControlPoint(row, column, 500_000, 5_540_000) for row in (0, 9) for column in (0, 9)]),
    ):
        path = write_raster(name, picture(), gcps=points, crs="EPSG:32631", transform=None)
        with pytest.raises(InputError, match=f"{name}: its . ground control points do not say where it lies"):
            opened(path, tmp_path)


def test_points_without_any_crs(tmp_path, write_raster):
    inside = write_raster("inside.tif", picture())
    listed = "".join(f'<GCP Pixel="{one.col}" Line="{one.row}" X="{one.x}" Y="{one.y}"/>' for one in straight())
    bands = "".join(
        f'<VRTRasterBand dataType="Byte" band="{band}"><SimpleSource><SourceFilename>{inside}</SourceFilename>'
        f"<SourceBand>{band}</SourceBand></SimpleSource></VRTRasterBand>"
        for band in (1, 2, 3)
    )
    path = tmp_path / "a.vrt"
    path.write_text(f'<VRTDataset rasterXSize="80" rasterYSize="60"><GCPList>{listed}</GCPList>{bands}</VRTDataset>')
    with opened(path, tmp_path) as scene:
        assert scene.crs is None  # a picture: nobody says of what the coordinates are
    with opened(path, tmp_path, crs="EPSG:32631") as scene:
        assert scene.crs == UTM
        np.testing.assert_allclose(scene.transform[:6], TURNED[:6], rtol=0, atol=1e-6)

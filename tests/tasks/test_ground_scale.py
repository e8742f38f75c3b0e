from pathlib import Path

import numpy as np
import pytest
import rasterio
from affine import Affine

from isagrsc2.errors import InputError
from isagrsc2.metrics.scale import PIXELS, Scale
from isagrsc2.scene.raster import open_scene
from isagrsc2.scene.stretch import NoStretch
from isagrsc2.tasks.ground_scale import ground_scale


def scale(folder: Path, crs: str | None, transform: Affine) -> Scale:
    path = folder / "scene.tif"
    with rasterio.open(path, "w", width=8, height=6, count=1, dtype="uint8", crs=crs, transform=transform) as out:
        out.write(np.ones((1, 6, 8), np.uint8))
    with open_scene(path, "auto", NoStretch()) as scene:
        return ground_scale(scene)


def test_on_the_central_meridian_of_utm_lengths_are_scaled_by_0_9996(tmp_path):
    found = scale(tmp_path, "EPSG:32632", Affine(10, 0, 500000, 0, -20, 5000000))
    assert (found.unit, found.area_unit) == ("m", "m2")
    assert (found.height, found.width) == pytest.approx((20 / 0.9996, 10 / 0.9996), rel=1e-5)
    assert found.area == pytest.approx(200 / 0.9996**2, rel=1e-5)


def test_degrees_of_longitude_shrink_with_latitude(tmp_path):
    found = scale(tmp_path, "EPSG:4326", Affine(0.001, 0, 10, 0, -0.001, 60.003))
    assert found.height == pytest.approx(111.41, rel=1e-3)
    assert found.width == pytest.approx(55.80, rel=1e-3)
    assert found.area == pytest.approx(found.height * found.width, rel=1e-5)


@pytest.mark.filterwarnings("ignore::rasterio.errors.NotGeoreferencedWarning")
def test_without_crs_a_pixel_is_a_pixel(tmp_path):
    assert scale(tmp_path, None, Affine.identity()) == PIXELS


def test_a_georeference_that_is_no_place(tmp_path):
    with pytest.raises(InputError, match=r"scene\.tif: the raster's georeference is wrong"):
        scale(tmp_path, "EPSG:4326", Affine(0.001, 0, 10, 0, -0.001, 200))

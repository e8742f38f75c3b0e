"""A whole raster enlarged, window by window: memory does not depend on its size."""

import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import rasterio
from affine import Affine
from rasterio.errors import NotGeoreferencedWarning, RasterioError

from isagrsc2.errors import InputError
from isagrsc2.files import replacing
from isagrsc2.scene.burning import blocks
from isagrsc2.scene.raster import Scene
from isagrsc2.scene.superres.protocol import SuperResolution
from isagrsc2.scene.superres.surroundings import enlarge_surrounded, read_surrounded

# Side of a window, scene px: enlarged four times it takes 50 MB, and with its surroundings it is a whole number of the tiles in
# which conf/superres/real_esrgan_x4.yaml computes.
WINDOW = 1024
# Side of the file's inner tiles, px; WINDOW is a multiple, so that each is written once.
_BLOCK = 512
SUFFIXES = (".tif", ".tiff")


def write_enlarged(
    scene: Scene, superres: SuperResolution, path: Path, announce: Callable[[int, int], None], window: int = WINDOW
) -> None:
    """Enlarge a scene into a GeoTIFF: three bands, 8 bit, with a mask of the valid pixels; there whole or not at all.

    The CRS stays, and the transform has smaller pixels. The 8-bit values are those of ``Scene.read``.

    Args:
        scene: the raster, open; it is never written to.
        superres: how.
        path: of the GeoTIFF; replaced if it is there.
        announce: is told after every window how many are done, and how many there are.
        window: side of what is enlarged at once, scene px.

    Raises:
        InputError: the scene is damaged, or the file cannot be written there.
    """
    _check_path(path, scene)
    windows = list(blocks((scene.height, scene.width), window))
    try:
        with replacing(path) as temporary, warnings.catch_warnings():
            warnings.simplefilter(
                "ignore", NotGeoreferencedWarning
            )  # a photograph has no place, and neither has its enlargement
            # The mask inside the file: a second file beside it would be lost on the way. No nodata value: black is a colour.
            with (
                rasterio.Env(GDAL_TIFF_INTERNAL_MASK=True),
                rasterio.open(temporary, "w", **_profile(scene, superres.scale)) as raster,
            ):
                for number, one in enumerate(windows, start=1):
                    surrounded = read_surrounded(scene, one, superres.margin, (scene.width, scene.height))
                    image, valid = enlarge_surrounded(*surrounded, superres)  # (s H, s W, 3), (s H, s W)
                    there = rasterio.windows.Window(*(side * superres.scale for side in one.flatten()))
                    raster.write(np.moveaxis(image, -1, 0), window=there)
                    raster.write_mask(np.where(valid, 255, 0).astype(np.uint8), window=there)
                    announce(number, len(windows))
    except (RasterioError, OSError) as error:
        reason = str(error.__cause__ or error).splitlines()[0]
        raise InputError(f"{path} cannot be written ({reason}); choose another place.") from None


def _check_path(path: Path, scene: Scene) -> None:
    if path.suffix.lower() not in SUFFIXES or not path.parent.is_dir():
        raise InputError(f"{path} cannot be written; give the name of a file that ends in .tif, in a folder that exists.")
    if path.exists() and path.samefile(scene.path):
        raise InputError(f"{path} is the image itself, which is never written to; give another name.")


def _profile(scene: Scene, scale: int) -> dict[str, Any]:
    profile: dict[str, Any] = {
        "driver": "GTiff",
        "width": scene.width * scale,
        "height": scene.height * scale,
        "count": 3,
        "dtype": "uint8",
        "photometric": "rgb",
        "tiled": True,
        "blockxsize": _BLOCK,
        "blockysize": _BLOCK,
        "compress": "deflate",
        "predictor": 2,
        "bigtiff": "if_safer",
    }
    if not scene.transform.is_identity:
        profile |= {"transform": scene.transform @ Affine.scale(1 / scale)}
    return profile if scene.crs is None else profile | {"crs": scene.crs}

"""A scene as the picture that is segmented, for programs that read no satellite images."""

import warnings
from pathlib import Path
from typing import Any

import numpy as np
import rasterio
import rasterio.shutil
from rasterio.errors import NotGeoreferencedWarning
from rasterio.windows import Window

from isagrsc2.files import replacing, scratch
from isagrsc2.scene.raster import Scene

# Of a strip that is read at once, px; blocks of 512 px fit.
ROWS = 512


def write_png(scene: Scene, path: Path) -> None:
    """Write the chosen bands, stretched, as 8-bit RGB of full size without a CRS; what is not valid is black.

    Args:
        scene: the raster, open; a strip of it is in memory at a time.
        path: the file.
    """
    profile: dict[str, Any] = {"width": scene.width, "height": scene.height, "count": 3, "dtype": "uint8"}
    with warnings.catch_warnings(), scratch(path.with_suffix(".tif")) as plain:
        warnings.simplefilter("ignore", NotGeoreferencedWarning)  # labels are drawn in px
        # GDAL writes a PNG in one go from a finished raster, so a plain file comes first.
        with rasterio.open(plain, "w", driver="GTiff", photometric="RGB", bigtiff="IF_SAFER", **profile) as raster:
            for row in range(0, scene.height, ROWS):
                window = Window(0, row, scene.width, min(ROWS, scene.height - row))
                image, _ = scene.read(window)  # (h, W, 3)
                raster.write(np.moveaxis(image, -1, 0), window=window)
        with replacing(path) as temporary:
            rasterio.shutil.copy(plain, temporary, driver="PNG")

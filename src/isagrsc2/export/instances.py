"""The parcels as a raster of ids."""

import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import geopandas
import numpy as np
import numpy.typing as npt
import rasterio
import rasterio.shutil
import shapely
from rasterio.errors import NotGeoreferencedWarning
from rasterio.windows import Window

from isagrsc2.errors import InputError
from isagrsc2.export.result import SceneResult
from isagrsc2.files import replacing, scratch
from isagrsc2.options import check_choice, check_whole
from isagrsc2.parcels.row_groups import Batches
from isagrsc2.scene.polygons import rasterise

# What loses nothing and every GDAL reads.
COMPRESSIONS = ("NONE", "DEFLATE", "LZW", "ZSTD")
# Of a window that is written at once, px; blocks of 512 px fit.
WIDTH = 8192


@dataclass(frozen=True)
class Instances:
    """``instances.tif``: cloud-optimised GeoTIFF, uint32: its parcel's id in every pixel, 0 (nodata) where none.

    Made from the pixel-exact segments, window by window.

    Attributes:
        block: side of the file's inner tiles, px; a multiple of 16.
        compression: of the file: DEFLATE, LZW, ZSTD.
    """

    block: int
    compression: str

    def __post_init__(self) -> None:
        """Check the options before the work, not after it."""
        check_whole("export.instances.block", self.block, 16)
        if self.block % 16:
            raise InputError(f"export.instances.block={self.block} does not fit; give a multiple of 16.")
        check_choice("export.instances.compression", self.compression, COMPRESSIONS)

    def write(self, result: SceneResult, folder: Path) -> Path:
        """See ``Exporter``."""
        path = folder / "instances.tif"
        scene = result.scene
        profile: dict[str, Any] = {
            "width": scene.width,
            "height": scene.height,
            "count": 1,
            "dtype": "uint32",
            "nodata": 0,
        }
        if scene.crs is not None:
            profile |= {"crs": scene.crs, "transform": scene.transform}
        tiles = {"tiled": True, "blockxsize": self.block, "blockysize": self.block}
        options = {"compress": self.compression, "bigtiff": "IF_SAFER"}
        # GDAL writes a COG in one go from a finished raster, so a plain tiled file comes first.
        with _georeference_may_be_absent(), scratch(path.with_stem("plain")) as plain:
            with rasterio.open(plain, "w", driver="GTiff", **profile, **tiles, **options) as raster:
                for window, labels in _burn(result.segments, (scene.height, scene.width), self.block):
                    raster.write(labels.astype("uint32"), 1, window=window)
            with replacing(path) as temporary:
                # Overviews of ids: any average would be the id of another parcel.
                rasterio.shutil.copy(
                    plain, temporary, driver="COG", blocksize=self.block, overview_resampling="nearest", **options
                )
        return path


def _burn(segments: Batches, shape: tuple[int, int], block: int) -> Iterator[tuple[Window, npt.NDArray[np.int32]]]:
    """Label rasters of windows that partition the scene, each as high as a block of the file: batches are bands too."""
    bounds = [batch.total_bounds for batch in segments]
    for row in range(0, shape[0], block):
        for column in range(0, shape[1], WIDTH):
            window = Window(column, row, min(WIDTH, shape[1] - column), min(block, shape[0] - row))
            labels = np.zeros((window.height, window.width), np.int32)
            inside = shapely.box(column, row, column + window.width, row + window.height)
            for number, box in enumerate(bounds):
                if inside.intersects(shapely.box(*box)):
                    _burn_batch(segments[number], window, labels)
            yield window, labels


def _burn_batch(segments: geopandas.GeoDataFrame, window: Window, labels: npt.NDArray[np.int32]) -> None:
    """Write the ids of a batch into the labels (h, w) of a window."""
    polygons = segments.geometry.to_numpy()
    x0, y0, x1, y1 = shapely.bounds(polygons).T
    right, bottom = window.col_off + window.width, window.row_off + window.height
    rows = np.flatnonzero((x0 < right) & (x1 > window.col_off) & (y0 < bottom) & (y1 > window.row_off))
    ids = segments["parcel_id"].to_numpy()[rows]
    burnt = rasterise(ids, polygons[rows], labels.shape, (window.col_off, window.row_off))
    np.maximum(labels, burnt, out=labels)


@contextmanager
def _georeference_may_be_absent() -> Iterator[None]:
    with warnings.catch_warnings():
        # A photograph has no CRS, and its raster of ids has none either.
        warnings.simplefilter("ignore", NotGeoreferencedWarning)
        yield

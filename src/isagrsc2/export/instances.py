"""The parcels as a raster of ids."""

import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import rasterio
import rasterio.shutil
from rasterio.errors import NotGeoreferencedWarning

from isagrsc2.errors import InputError
from isagrsc2.export.result import SceneResult
from isagrsc2.files import replacing, scratch
from isagrsc2.options import check_choice, check_whole
from isagrsc2.scene.burning import Burner, blocks

# What loses nothing and every GDAL reads.
COMPRESSIONS = ("NONE", "DEFLATE", "LZW", "ZSTD")


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
        burner = Burner(result.segments.geometry.to_numpy(), result.segments["parcel_id"])
        # GDAL writes a COG in one go from a finished raster, so a plain tiled file comes first.
        with _georeference_may_be_absent(), scratch(path.with_stem("plain")) as plain:
            with rasterio.open(plain, "w", driver="GTiff", **profile, **tiles, **options) as raster:
                for window in blocks((scene.height, scene.width)):
                    raster.write(burner.burn(window).astype("uint32"), 1, window=window)
            with replacing(path) as temporary:
                # Overviews of ids: any average would be the id of another parcel.
                rasterio.shutil.copy(
                    plain, temporary, driver="COG", blocksize=self.block, overview_resampling="nearest", **options
                )
        return path


@contextmanager
def _georeference_may_be_absent() -> Iterator[None]:
    with warnings.catch_warnings():
        # A photograph has no CRS, and its raster of ids has none either.
        warnings.simplefilter("ignore", NotGeoreferencedWarning)
        yield

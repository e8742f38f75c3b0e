"""Label rasters as reference: one id per parcel."""

import warnings
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import rasterio
import shapely
from affine import Affine
from rasterio.errors import NotGeoreferencedWarning, RasterioError
from rasterio.features import shapes

from isagrsc2.errors import InputError
from isagrsc2.scene.raster import Scene

# How far a label raster may be off the scene's grid, px.
TOLERANCE = 0.01


def read_label_raster(path: Path, scene: Scene) -> tuple[list[shapely.Geometry], list[int]]:
    """Read the outlines, scene px, and the ids of a label raster's parcels; the pixels of one id are one parcel.

    Raises:
        InputError: not a raster, several bands, values that are no ids, or not on the scene's grid.
    """
    try:
        with warnings.catch_warnings():
            # A label raster without georeference is a normal case here, and its size is checked.
            warnings.simplefilter("ignore", NotGeoreferencedWarning)
            dataset = rasterio.open(path)
        with rasterio.Env(), dataset:  # outside of one GDAL writes its warnings to standard error itself
            if dataset.count != 1:
                raise InputError(
                    f"{path} has {dataset.count} bands, so it is no label raster; give one band with an id per parcel, "
                    "or polygons."
                )
            column, row = _offset(dataset, path, scene)
            labels = _ids(dataset.read(1), dataset.nodata, path)  # (H, W)
    except RasterioError as error:
        reason = str(error.__cause__ or error).splitlines()[0].rstrip(".")
        raise InputError(
            f"{path} can be read neither as vector file nor as label raster ({reason}); replace the file given to reference=."
        ) from None
    parts: dict[int, list[shapely.Geometry]] = {}
    for outline, value in shapes(labels, mask=labels > 0, transform=Affine.translation(column, row)):
        parts.setdefault(int(value), []).append(shapely.geometry.shape(outline))
    ids = sorted(parts)
    return [parts[number][0] if len(parts[number]) == 1 else shapely.multipolygons(parts[number]) for number in ids], ids


def _offset(dataset: rasterio.DatasetReader, path: Path, scene: Scene) -> tuple[int, int]:
    """Column and row of the label raster's upper left corner, scene px."""
    if dataset.crs is None or scene.crs is None:
        if (dataset.width, dataset.height) != (scene.width, scene.height):
            raise InputError(
                f"{path} is {dataset.width} x {dataset.height} px, the scene {scene.path} "
                f"{scene.width} x {scene.height} px; a label raster without CRS must have the scene's size."
            )
        return 0, 0
    placed = ~scene.transform @ dataset.transform  # label px to scene px
    column, row = round(placed.c), round(placed.f)
    aligned = np.allclose(placed[:6], (1, 0, column, 0, 1, row), rtol=0, atol=TOLERANCE)
    if dataset.crs != scene.crs or not aligned:
        raise InputError(
            f"{path} does not lie on the grid of the scene {scene.path} (CRS, pixel size and alignment must be the "
            "same); warp it to the scene's grid with nearest neighbour."
        )
    return column, row


def _ids(labels: npt.NDArray[Any], nodata: float | None, path: Path) -> npt.NDArray[np.int32]:
    """Labels as int32, 0 = no parcel."""
    missing = np.zeros(labels.shape, bool) if nodata is None else labels == nodata
    if np.issubdtype(labels.dtype, np.floating):
        missing |= ~np.isfinite(labels)
    labels = np.where(missing, np.zeros((), labels.dtype), labels)
    largest = np.iinfo(np.int32).max
    if np.iscomplexobj(labels) or (labels < 0).any() or (labels > largest).any() or (labels != np.rint(labels)).any():
        raise InputError(
            f"{path} holds values that are no ids; a label raster has whole numbers from 0 (no parcel) to {largest}."
        )
    return labels.astype(np.int32)

"""A scene: an opened raster of which windows are read when they are needed, as 8-bit RGB with a mask of valid pixels."""

import os
import warnings
from collections.abc import Callable, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, Protocol, Self

import numpy as np
import numpy.typing as npt
import rasterio
from affine import Affine
from rasterio.crs import CRS
from rasterio.enums import ColorInterp, Resampling
from rasterio.errors import NotGeoreferencedWarning, RasterioError
from rasterio.windows import Window

from isagrsc2.errors import InputError
from isagrsc2.scene.georeference import STORED, Georeference
from isagrsc2.scene.region import EVERYWHERE, Region
from isagrsc2.scene.stretch import Stretch

# Long side, in px, of the overview on which the stretch is measured.
OVERVIEW = 1024

# Without these GDAL fills the missing end of a truncated JPEG with grey, that of a truncated PNG with whatever lies in memory,
# and says nothing that reaches Python. Options for the whole process: dataset handles outlive any `rasterio.Env` block.
os.environ.setdefault("GDAL_ERROR_ON_LIBJPEG_WARNING", "TRUE")
os.environ.setdefault("GDAL_PNG_WHOLE_IMAGE_OPTIM", "NO")
# GDAL keeps blocks it has read in a twentieth of the machine's memory; a row of tiles needs far less.
os.environ.setdefault("GDAL_CACHEMAX", "64")  # MB


class StretchMeasure(Protocol):
    """Anything that measures a stretch on an overview."""

    def measure(self, raw: npt.NDArray[Any], valid: npt.NDArray[np.bool_]) -> Stretch:
        """See ``PercentileStretch.measure``."""
        ...


class Scene:
    """An opened raster. Use ``open_scene``; close it, or use it in a ``with`` statement.

    A scene can be pickled (it is opened again in the other process with the same stretch). It never writes.

    Attributes:
        path: the file.
        name: the file's stem; names the result folder.
        width: columns, scene px.
        height: rows, scene px.
        transform: affine map from scene px (column, row; upper left corner of a pixel) to map units; the identity where
            the raster has none.
        crs: coordinate reference system, or None; None also where the raster has one but no place in it (no transform).
        bands: the three bands read as red, green, blue, from 1.
        georeference: where transform and CRS are from.
        region: the part that counts.
    """

    def __init__(
        self,
        dataset: rasterio.DatasetReader,
        bands: tuple[int, int, int],
        stretch: Stretch,
        georeference: Georeference = STORED,
        region: Region = EVERYWHERE,
    ) -> None:
        self._dataset = dataset
        self._stretch = stretch
        self._palette = _palette(dataset)
        self.path = Path(dataset.name)
        self.name = self.path.stem
        self.width = int(dataset.width)
        self.height = int(dataset.height)
        self.transform: Affine
        self.crs: CRS | None
        self.transform, self.crs = georeference.of(dataset)
        self.bands = bands
        self.georeference = georeference
        self.region = region

    def limited_to(self, region: Region) -> "Scene":
        """The same scene of which only a part counts; this one is not used any more."""
        return Scene(self._dataset, self.bands, self._stretch, self.georeference, region)

    def read(
        self, window: Window | None = None, out_shape: tuple[int, int] | None = None
    ) -> tuple[npt.NDArray[np.uint8], npt.NDArray[np.bool_]]:
        """Read a window.

        Args:
            window: columns and rows, scene px; the whole raster by default. Must lie inside the raster.
            out_shape: (H, W) to resample to while reading (area average when smaller, so memory follows the result and
                not the window); the window's own size by default.

        Returns:
            image (H, W, 3) uint8 RGB, stretched, 0 where not valid; valid (H, W) bool, False outside of the region.

        Raises:
            InputError: the file breaks off or is damaged.
        """
        whole = Window(0, 0, self.width, self.height) if window is None else window
        if not self.region.touches(whole):
            shape = (int(whole.height), int(whole.width)) if out_shape is None else out_shape
            return np.zeros((*shape, 3), np.uint8), np.zeros(shape, bool)
        raw, present = _read_raw(self._dataset, self.bands, self._palette, window, out_shape, Resampling.average)
        # GDAL's rule for nodata: a pixel is missing when all its bands are. One band may hold the value by chance.
        valid: npt.NDArray[np.bool_] = np.any(present, axis=-1)
        self.region.mask(valid, whole)
        image = self._stretch.apply(raw)
        image[~valid] = 0
        return image, valid

    def close(self) -> None:
        """Close the file."""
        self._dataset.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.close()

    def __reduce__(self) -> tuple[Callable[..., "Scene"], tuple[Any, ...]]:
        return _reopen, (self.path, self.bands, self._stretch, self.georeference, self.region)


def open_scene(path: Path, bands: Sequence[int] | str, stretch: StretchMeasure, georeference: Georeference = STORED) -> Scene:
    """Open a raster and measure its stretch on an overview.

    Args:
        path: any raster GDAL reads.
        bands: three band numbers from 1 (one is repeated), or ``"auto"``: the first three, or the only one repeated, alpha
            left out. Alpha can be asked for by its number: four-band images often call near infrared so.
        stretch: how to bring the values to 8 bit.
        georeference: where it lies.

    Raises:
        InputError: not a raster, damaged, empty, too small, or the bands do not fit.
    """
    dataset = open_dataset(path)
    try:
        chosen = choose_bands(path, _data_bands(dataset) if bands == "auto" else dataset.indexes, bands)
        height, width = dataset.height, dataset.width
        if min(height, width) < 2:
            raise InputError(f"{path}: the image is {width} x {height} px; nothing can be segmented below 2 x 2 px.")
        step = max(1.0, max(height, width) / OVERVIEW)
        shape = (max(1, round(height / step)), max(1, round(width / step)))
        # Nearest, not average: percentiles of averages are not percentiles of values.
        raw, present = _read_raw(dataset, chosen, _palette(dataset), None, shape, Resampling.nearest)
        # The nodata value that stands in one band of a valid pixel is no brightness.
        complete = np.all(present, axis=-1)
        measured = stretch.measure(raw, complete if complete.any() else np.any(present, axis=-1))
        return Scene(dataset, chosen, measured, georeference)
    except BaseException:
        dataset.close()
        raise


def choose_bands(path: Path, available: Sequence[int], bands: Sequence[int] | str) -> tuple[int, int, int]:
    """Resolve the option ``scene.bands`` against the bands a raster has.

    Args:
        path: for the message.
        available: band numbers to choose from.
        bands: as in ``open_scene``.
    """
    if isinstance(bands, str):
        if bands != "auto":
            raise InputError(f"scene.bands={bands} is not understood; give `auto`, or numbers like scene.bands=[4,3,2].")
        if len(available) == 2:
            raise InputError(f"{path} has two bands; say which to use, for example scene.bands=[1] or scene.bands=[1,2,1].")
        first = [available[0]] * 3 if len(available) == 1 else list(available[:3])
        return first[0], first[1], first[2]
    if not bands or not all(isinstance(band, int) for band in bands):
        raise InputError(f"scene.bands={list(bands)} is not understood; give `auto`, or numbers like scene.bands=[4,3,2].")
    numbers = list(bands)
    missing = [band for band in numbers if band not in available]
    if missing:
        has = ", ".join(str(band) for band in available)
        raise InputError(f"{path} has no band {missing[0]} (it has {has}); change scene.bands={numbers}.")
    if len(numbers) == 1:
        numbers = numbers * 3
    if len(numbers) != 3:
        raise InputError(f"scene.bands={numbers} names {len(numbers)} bands; give three, or one to be repeated.")
    return numbers[0], numbers[1], numbers[2]


def open_dataset(path: Path | str) -> rasterio.DatasetReader:
    """Open a raster with GDAL.

    Args:
        path: the file; text for what GDAL reads elsewhere (``/vsicurl/https://...``).

    Raises:
        InputError: not a raster, damaged or empty.
    """
    if not str(path).startswith("/vsi"):
        _check_readable(Path(path))
    try:
        with warnings.catch_warnings():
            # A photograph has no georeference: that is meant, and said in the summary.
            warnings.simplefilter("ignore", NotGeoreferencedWarning)
            dataset = rasterio.open(path)
    except RasterioError:
        raise InputError(
            f"{path} is not a raster that can be read (GeoTIFF, PNG, JPEG, ...), or it is damaged; "
            "scene.path takes images, vector files go to reference=."
        ) from None
    if dataset.count == 0:
        subsets = len(dataset.subdatasets)
        dataset.close()
        raise InputError(f"{path} holds no bands of its own ({subsets} subdatasets); convert the one you need to GeoTIFF.")
    return dataset


def _check_readable(path: Path) -> None:
    if not path.exists():
        raise InputError(f"{path} does not exist; check scene.path.")
    if path.stat().st_size == 0 and path.is_file():
        raise InputError(f"{path} is empty (0 bytes); replace the file.")
    if not os.access(path, os.R_OK):
        raise InputError(f"{path} cannot be read: no permission; change its owner or mode.")


def _data_bands(dataset: rasterio.DatasetReader) -> list[int]:
    pairs = zip(dataset.indexes, dataset.colorinterp, strict=True)
    data = [int(index) for index, kind in pairs if kind != ColorInterp.alpha]
    return data or [int(index) for index in dataset.indexes]  # alpha alone is a picture too


def _palette(dataset: rasterio.DatasetReader) -> npt.NDArray[np.uint8] | None:
    """(N, 3) colours of a paletted image, whose values are indices and no brightness; else None."""
    if dataset.count > 2 or dataset.colorinterp[0] != ColorInterp.palette:
        return None
    colours = dataset.colormap(1)
    table = np.zeros((max(colours) + 1, 3), np.uint8)
    for index, colour in colours.items():
        table[index] = colour[:3]
    return table


def _read_raw(
    dataset: rasterio.DatasetReader,
    bands: tuple[int, int, int],
    palette: npt.NDArray[np.uint8] | None,
    window: Window | None,
    out_shape: tuple[int, int] | None,
    resampling: Resampling,
) -> tuple[npt.NDArray[Any], npt.NDArray[np.bool_]]:
    """Raw values (H, W, 3), and whether they are there (H, W, 3); a pixel with a value that is not finite is nowhere."""
    distinct = list(dict.fromkeys(bands))  # one band repeated is read once
    if palette is not None:
        resampling = Resampling.nearest  # an average of two palette indices is a third colour
    options: dict[str, Any] = {"indexes": distinct, "window": window}
    if out_shape is not None:
        options["out_shape"] = (len(distinct), *out_shape)
    try:
        with rasterio.Env():  # outside of one GDAL writes its warnings to standard error itself
            raw = dataset.read(**options, resampling=resampling)  # (D, H, W)
            masks = dataset.read_masks(**options, resampling=Resampling.nearest)  # (D, H, W)
            if np.issubdtype(raw.dtype, np.inexact) and not np.isfinite(raw).all():
                # An average with one value that is not finite is not: there the pixel is sampled, as its mask is.
                raw = np.where(np.isfinite(raw), raw, dataset.read(**options, resampling=Resampling.nearest))
    except RasterioError as error:
        reason = str(error.__cause__ or error).splitlines()[0]
        raise InputError(f"{dataset.name} is damaged or breaks off ({reason}); replace the file.") from None
    order = [distinct.index(band) for band in bands]
    present = np.moveaxis(masks[order] > 0, 0, -1)  # (H, W, 3)
    if np.iscomplexobj(raw):
        raw = np.abs(raw)
    if np.issubdtype(raw.dtype, np.floating):
        present &= np.isfinite(raw).all(axis=0)[..., None]
    if palette is not None:
        return palette[np.minimum(raw[0], len(palette) - 1)], present
    if raw.dtype == np.uint8 and int(dataset.tags(bands[0], ns="IMAGE_STRUCTURE").get("NBITS", 8)) < 8:
        raw = raw.astype(np.uint16)  # black and white are 0 and 1, not 0 and 255: no values made for the eye
    return np.moveaxis(raw[order], 0, -1), present


def _reopen(path: Path, bands: tuple[int, int, int], stretch: Stretch, georeference: Georeference, region: Region) -> Scene:
    return Scene(open_dataset(path), bands, stretch, georeference, region)

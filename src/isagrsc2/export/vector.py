"""The parcels table as files for a GIS."""

import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import chain
from pathlib import Path

import geopandas
import numpy as np
import pyarrow
import pyogrio
import pyproj
import shapely
from pyproj.exceptions import CRSError

from isagrsc2.errors import InputError
from isagrsc2.export.result import SceneResult
from isagrsc2.export.style import TABLE as STYLES
from isagrsc2.export.style import layer_styles
from isagrsc2.files import replacing
from isagrsc2.options import check_choice
from isagrsc2.parcels.row_groups import Batches, write_row_groups

LAYER = "parcels"
# Value of `export.crs`: that of the image.
OF_SCENE = "scene"
# What Parquet knows and readers do not have to be asked for.
COMPRESSIONS = ("zstd", "snappy", "gzip", "brotli", "lz4", "none")
# GeoPackage stores when a layer was changed; a constant makes equal results equal files.
LAST_CHANGE = "1970-01-01T00:00:00Z"


@dataclass(frozen=True)
class GeoParquet:
    """``parcels.parquet``: for pandas, DuckDB, QGIS; the fastest to read.

    Attributes:
        compression: one that Parquet knows: zstd, snappy, gzip, ...
        crs: of the file; ``scene`` or anything that PROJ knows.
    """

    compression: str
    crs: str

    def __post_init__(self) -> None:
        """Check the options before the work, not after it."""
        check_choice("export.geoparquet.compression", self.compression, COMPRESSIONS)
        check_crs(self.crs)

    def write(self, result: SceneResult, folder: Path) -> Path:
        """See ``Exporter``."""
        path = folder / "parcels.parquet"
        with replacing(path) as temporary:
            write_row_groups(in_crs(result.parcels, self.crs), temporary, self.compression, boxes=True)
        return path


@dataclass(frozen=True)
class _InCrs:
    """A format of which only the CRS is to be chosen.

    Attributes:
        crs: see ``GeoParquet``.
    """

    crs: str

    def __post_init__(self) -> None:
        """Check the option before the work, not after it."""
        check_crs(self.crs)


@dataclass(frozen=True)
class GeoPackage(_InCrs):
    """``parcels.gpkg``: one layer of MultiPolygons with its style; opens in every GIS."""

    def write(self, result: SceneResult, folder: Path) -> Path:
        """See ``Exporter``."""
        path = folder / "parcels.gpkg"
        with replacing(path) as temporary, _reproducible(), _crs_may_be_absent():
            _write(in_crs(result.parcels, self.crs), temporary, "GPKG")
            style = layer_styles(LAYER, "geom", result.classes, LAST_CHANGE, georeferenced=result.scene.crs is not None)
            pyogrio.write_dataframe(style, temporary, layer=STYLES, driver="GPKG", FID="id")
        return path


@dataclass(frozen=True)
class FlatGeobuf(_InCrs):
    """``parcels.fgb``: MultiPolygons with a spatial index; streams over the web."""

    def write(self, result: SceneResult, folder: Path) -> Path:
        """See ``Exporter``."""
        path = folder / "parcels.fgb"
        with replacing(path) as temporary, _crs_may_be_absent():
            _write(in_crs(result.parcels, self.crs), temporary, "FlatGeobuf")
        return path


def check_crs(crs: str) -> None:
    """Check ``export.crs``.

    Raises:
        InputError: PROJ does not know it.
    """
    if crs == OF_SCENE:
        return
    try:
        pyproj.CRS.from_user_input(crs)
    except CRSError:
        raise InputError(
            f"export.crs={crs} is no coordinate reference system; give one such as EPSG:4326, or {OF_SCENE}."
        ) from None


def in_crs(parcels: Batches, crs: str) -> Iterator[geopandas.GeoDataFrame]:
    """Bring batches to another CRS, one at a time; sizes stay, for they were measured on the ellipsoid.

    Raises:
        InputError: the image has no CRS.
    """
    for batch in parcels:
        if crs == OF_SCENE:
            yield batch
        elif batch.crs is None:
            raise InputError(f"export.crs={crs} needs an image with a CRS, and this has none; leave the option out.")
        else:
            yield batch.to_crs(crs)


def _write(batches: Iterator[geopandas.GeoDataFrame], path: Path, driver: str) -> None:
    """Write batches as MultiPolygons, one in memory at a time."""
    first = next(batches)
    records = (record for batch in chain([first], batches) for record in _to_arrow(batch).to_batches())
    reader = pyarrow.RecordBatchReader.from_batches(_to_arrow(first).schema, records)
    crs = None if first.crs is None else first.crs.to_wkt()
    pyogrio.write_arrow(
        reader, path, layer=LAYER, driver=driver, geometry_name="geometry", geometry_type="MultiPolygon", crs=crs
    )


def _to_arrow(batch: geopandas.GeoDataFrame) -> pyarrow.Table:
    parts, owner = shapely.get_parts(batch.geometry.to_numpy(), return_index=True)
    multi = shapely.multipolygons(parts, indices=owner) if len(parts) else np.zeros(0, object)
    return pyarrow.table(batch.set_geometry(multi, crs=batch.crs).to_arrow(index=False, geometry_encoding="WKB"))


@contextmanager
def _reproducible() -> Iterator[None]:
    before = pyogrio.get_gdal_config_option("OGR_CURRENT_DATE")
    pyogrio.set_gdal_config_options({"OGR_CURRENT_DATE": LAST_CHANGE})
    try:
        yield
    finally:
        pyogrio.set_gdal_config_options({"OGR_CURRENT_DATE": before})


@contextmanager
def _crs_may_be_absent() -> Iterator[None]:
    with warnings.catch_warnings():
        # An image without a CRS gives parcels without one: that is meant, and said in the summary.
        warnings.filterwarnings("ignore", "'crs' was not provided", UserWarning)
        yield

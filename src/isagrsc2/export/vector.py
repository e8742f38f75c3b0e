"""The parcels table as files for a GIS."""

import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pyogrio

from isagrsc2.export.result import SceneResult
from isagrsc2.files import replacing
from isagrsc2.options import check_choice
from isagrsc2.parcels.row_groups import write_row_groups

LAYER = "parcels"
# What Parquet knows and readers do not have to be asked for.
COMPRESSIONS = ("zstd", "snappy", "gzip", "brotli", "lz4", "none")
# GeoPackage stores when a layer was changed; a constant makes equal results equal files.
LAST_CHANGE = "1970-01-01T00:00:00Z"


@dataclass(frozen=True)
class GeoParquet:
    """``parcels.parquet``: for pandas, DuckDB, QGIS; the fastest to read.

    Attributes:
        compression: one that Parquet knows: zstd, snappy, gzip, ...
    """

    compression: str

    def __post_init__(self) -> None:
        """Check the option before the work, not after it."""
        check_choice("export.geoparquet.compression", self.compression, COMPRESSIONS)

    def write(self, result: SceneResult, folder: Path) -> Path:
        """See ``Exporter``."""
        path = folder / "parcels.parquet"
        with replacing(path) as temporary:
            write_row_groups(result.parcels, temporary, self.compression, boxes=True)
        return path


@dataclass(frozen=True)
class GeoPackage:
    """``parcels.gpkg``: one layer of MultiPolygons; opens in every GIS."""

    def write(self, result: SceneResult, folder: Path) -> Path:
        """See ``Exporter``."""
        path = folder / "parcels.gpkg"
        with replacing(path) as temporary, _reproducible(), _crs_may_be_absent():
            for number, batch in enumerate(result.parcels):
                pyogrio.write_dataframe(
                    batch,
                    temporary,
                    layer=LAYER,
                    driver="GPKG",
                    geometry_type="MultiPolygon",
                    promote_to_multi=True,
                    append=number > 0,
                )
        return path


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

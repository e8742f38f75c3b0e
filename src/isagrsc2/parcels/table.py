"""The parcels table: its columns, and how segments become parcels."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import geopandas
import numpy as np
import numpy.typing as npt
import pandas
import pyproj
import shapely
from affine import Affine

from isagrsc2.parcels.frames import move
from isagrsc2.parcels.measures import area_and_perimeter
from isagrsc2.parcels.row_groups import Batches
from isagrsc2.parcels.simplification import simplify_batches

# What is known of a segment; a parcel has the same and its size.
SEGMENT_COLUMNS = {
    "parcel_id": "int64",  # from 1
    "class_name": "str",  # one of LandClasses.names
    "p_cultivated": "float64",  # 0 to 1; NaN where unclassified
    "score": "float64",  # the segmenter's own estimate of the segment's quality, 0 to 1
    "round": "int64",  # round that found the segment, from 1
}


def parcel_columns(georeferenced: bool) -> list[str]:
    """Columns of the parcels table in order; names as in fiboa where it has one, sizes in m² and m, or in px."""
    sizes = ["area_m2", "perimeter_m"] if georeferenced else ["area_px", "perimeter_px"]
    first, *others = SEGMENT_COLUMNS
    return [first, "geometry", *others, *sizes]


def empty_segments() -> geopandas.GeoDataFrame:
    """Return the segments table without a row: columns, dtypes and the (absent) CRS are those of any other."""
    columns = {name: pandas.Series([], dtype=dtype) for name, dtype in SEGMENT_COLUMNS.items()}
    return geopandas.GeoDataFrame(columns, geometry=geopandas.GeoSeries([]))


def to_parcels(segments: Batches, transform: Affine, crs: Any, tolerance_px: float) -> Iterator[geopandas.GeoDataFrame]:
    """Simplify segments together and bring them to map units.

    Args:
        segments: columns ``SEGMENT_COLUMNS`` and pixel-exact polygons in scene px, without overlaps.
        transform: scene px to map units; used only with a CRS.
        crs: anything pyproj reads, rasterio's CRS too; None: the parcels stay in scene px.
        tolerance_px: how far a border may move, px; 0 keeps every border.

    Yields:
        The parcels table, one batch and one row per batch and row of the segments, in the same order: ``parcel_columns``,
        shells anticlockwise as GeoParquet and GeoJSON have them, and the CRS.
    """
    georeference = None if crs is None else pyproj.CRS.from_user_input(crs)
    simplified = simplify_batches(_Geometries(segments), tolerance_px)
    for batch, geometries in zip(segments, simplified, strict=True):
        columns = {name: batch[name].astype(dtype).to_numpy() for name, dtype in SEGMENT_COLUMNS.items()}
        if georeference is None:
            sizes = {"area_px": shapely.area(geometries), "perimeter_px": shapely.length(geometries)}
            placed = geometries
        else:
            placed = move(geometries, transform)
            area, perimeter = area_and_perimeter(placed, georeference)
            sizes = {"area_m2": area, "perimeter_m": perimeter}
        table = geopandas.GeoDataFrame(columns | sizes, geometry=shapely.orient_polygons(placed), crs=georeference)
        table = table.astype(SEGMENT_COLUMNS | dict.fromkeys(sizes, "float64"))
        yield table[parcel_columns(crs is not None)]


@dataclass(frozen=True)
class _Geometries(Sequence[npt.NDArray[np.object_]]):
    """The polygons of batches, read with them."""

    batches: Batches

    def __len__(self) -> int:
        return len(self.batches)

    def __getitem__(self, index: Any) -> Any:
        return self.batches[index].geometry.to_numpy()

"""Pixel-exact segments, from which everything else can be made again."""

from collections.abc import Iterable
from pathlib import Path

import geopandas

from isagrsc2.files import replacing
from isagrsc2.parcels.row_groups import RowGroups, write_row_groups

FILE = "segments.parquet"


def write_segments(segments: Iterable[geopandas.GeoDataFrame], folder: Path) -> RowGroups:
    """Write ``segments.parquet``: polygons along pixel edges, scene px, without a CRS; ``evaluate.py`` reads it.

    Args:
        segments: batches, from top to bottom; each is taken when the one before is written.
        folder: takes the file.
    """
    path = folder / FILE
    with replacing(path) as temporary:
        write_row_groups(segments, temporary, "zstd", boxes=False)
    return RowGroups(path)

"""Pixel-exact segments, from which everything else can be made again."""

from pathlib import Path

import geopandas

from isagrsc2.files import replacing

FILE = "segments.parquet"


def write_segments(segments: geopandas.GeoDataFrame, folder: Path) -> Path:
    """Write ``segments.parquet``: polygons along pixel edges, scene px, without a CRS; ``evaluate.py`` reads it."""
    path = folder / FILE
    with replacing(path) as temporary:
        segments.to_parquet(temporary, index=False, compression="zstd", geometry_encoding="WKB")
    return path

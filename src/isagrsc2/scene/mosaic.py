"""Adjoining rasters as one: tiles of an orthophoto, sheets of a map series, scenes of the same grid."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from isagrsc2.errors import InputError
from isagrsc2.scene.raster import open_dataset
from isagrsc2.scene.virtual_raster import Part, Piece, look_at, write_virtual_raster


def write_mosaic(tiles: Sequence[Path], path: Path, snap: float) -> None:
    """Write a virtual raster of tiles.

    Gaps between tiles are missing pixels. Where tiles overlap, the last is seen.

    Args:
        tiles: GeoTIFFs or other rasters with a transform.
        path: the virtual raster.
        snap: greatest distance of a tile from whole px of the first one's grid, px; tiles are moved so far.

    Raises:
        InputError: a tile cannot be read, or two do not fit together.
    """
    pieces = []
    for tile in tiles:
        with open_dataset(tile) as dataset:
            pieces.append(look_at(dataset))
    corners = np.array([_corner(pieces[0], piece, snap) for piece in pieces])  # (T, 2) columns and rows
    first = corners.min(axis=0)
    ends = corners + [(piece.width, piece.height) for piece in pieces]
    width, height = (ends.max(axis=0) - first).tolist()
    bands = [
        (band, [Part(piece, number, *corner) for piece, corner in zip(pieces, (corners - first).tolist(), strict=True)])
        for number, band in enumerate(pieces[0].bands, start=1)
    ]
    transform = pieces[0].transform @ pieces[0].transform.translation(*first.tolist())
    write_virtual_raster(path, (width, height), transform, pieces[0].crs, bands)


def _corner(first: Piece, piece: Piece, snap: float) -> tuple[int, int]:
    """Column and row of a tile's upper left corner in px of the first tile."""
    if piece.transform.is_identity:
        raise InputError(f"{piece.name} has no place on the map, so it cannot be part of scene.mosaic=true; georeference it.")
    pair = f"{first.name} and {piece.name} are no tiles of one mosaic"
    remedy = "make them alike, or segment them one by one (scene.mosaic=false)."
    if first.crs != piece.crs:
        names = " and ".join(one.crs.to_string() if one.crs else "none" for one in (first, piece))
        raise InputError(f"{pair}: CRS {names}; {remedy}")
    mine, others = _properties(first), _properties(piece)
    for what in mine:
        if mine[what] != others[what]:
            raise InputError(f"{pair}: {what} {mine[what]} and {others[what]}; {remedy}")
    if [band.palette for band in first.bands] != [band.palette for band in piece.bands]:
        raise InputError(f"{pair}: they have different palettes; {remedy}")
    to_first = ~first.transform @ piece.transform
    here = np.array([to_first @ corner for corner in ((0, 0), (piece.width, 0), (0, piece.height))])  # (3, 2)
    there = here[0] + [(0, 0), (piece.width, 0), (0, piece.height)]
    if np.abs(here - there).max() > snap:
        sizes = " and ".join(f"({one.transform.a:.9g}, {one.transform.e:.9g})" for one in (first, piece))
        raise InputError(f"{pair}: their pixels have other sizes, {sizes} map units, or another direction; {remedy}")
    corner = here[0].round()
    off = here[0] - corner
    if np.abs(off).max() > snap:
        raise InputError(
            f"{pair}: the second one lies {off[0]:+.3g}, {off[1]:+.3g} px off the whole pixels of the first (at most "
            f"{snap:g}, scene.mosaic_snap); {remedy}"
        )
    return int(corner[0]), int(corner[1])


def _properties(piece: Piece) -> dict[str, str]:
    """What tiles must share besides, in the order in which it is told."""
    return {
        "number of bands": str(len(piece.bands)),
        "dtype": _listed([band.dtype for band in piece.bands]),
        "nodata": _listed([band.nodata or "none" for band in piece.bands]),
        "kinds of bands": ", ".join(band.interpretation.name for band in piece.bands),
        "bits of a value": _listed([band.bits or "all" for band in piece.bands]),
    }


def _listed(values: Sequence[str]) -> str:
    """One where all are the same, else all."""
    return values[0] if len(set(values)) == 1 else ", ".join(values)

"""Vector files: what is in them, and their geometries in the px of a scene."""

import json
import warnings
from collections.abc import Iterable
from pathlib import Path

import geopandas as gpd
import numpy as np
import numpy.typing as npt
import pyogrio
import shapely

from isagrsc2.errors import InputError
from isagrsc2.scene.raster import Scene

PARQUET = (".parquet", ".geoparquet")
# Files with these suffixes are vector files even when they are damaged, so that the message speaks of a vector file.
SUFFIXES = (*PARQUET, ".geojson", ".json", ".shp", ".gpkg", ".fgb", ".kml", ".gml")


class NoOverlapError(InputError):
    """A vector file lies elsewhere than this scene; it may fit others."""


def is_vector_file(path: Path) -> bool:
    """Whether a file is meant as vector file."""
    if path.suffix.lower() in SUFFIXES:
        return True
    try:
        return len(pyogrio.list_layers(path)) > 0
    except pyogrio.errors.DataSourceError:
        return False


def read_geometries(path: Path, option: str) -> gpd.GeoDataFrame:
    """Read the geometries of a file, those that are not empty; of several layers the first that has any.

    Args:
        path: any vector format GDAL reads, or GeoParquet.
        option: under which the file was given, for messages.

    Raises:
        InputError: unreadable, or without geometries.
    """
    _refuse_broken_shapefile(path, option)
    try:
        if path.suffix.lower() in PARQUET:
            frame = gpd.read_parquet(path)
        else:
            layers = [name for name, kind in pyogrio.list_layers(path) if kind is not None]
            if not layers:
                raise InputError(f"{path} holds no layer with geometries; give {option} a file with polygons.")
            with warnings.catch_warnings():
                # GDAL grumbles about ring order and unclosed rings; both are repaired with the other invalid polygons.
                warnings.simplefilter("ignore", RuntimeWarning)
                frame = gpd.read_file(path, layer=layers[0], columns=[], on_invalid="fix")
    except InputError:
        raise
    except Exception as error:  # pyogrio, pyarrow and geopandas each raise kinds of their own for damaged files
        reason = str(error).splitlines()[0].rstrip(".")
        raise InputError(f"{path} cannot be read as vector file ({reason}); replace it or add what is missing.") from None
    return frame[~(frame.geometry.isna() | frame.geometry.is_empty)]


def is_supposed_crs(path: Path) -> bool:
    """Whether the CRS of a file is only what RFC 7946 supposes: GeoJSON without a ``crs`` member."""
    if path.suffix.lower() not in (".json", ".geojson"):
        return False
    return "crs" not in json.loads(path.read_text(encoding="utf-8"))


def to_scene_pixels(frame: gpd.GeoDataFrame, scene: Scene, path: Path) -> npt.NDArray[np.object_]:
    """Move geometries (N,) to scene px; those without CRS are taken to be in the scene's.

    Args:
        frame: geometries in map units.
        scene: has a CRS.
        path: of the file, for messages.

    Raises:
        NoOverlapError: there are some, and none lies in the scene.
    """
    if scene.crs is None:
        raise ValueError("a scene without CRS has no map units")
    if frame.crs is not None:
        frame = frame.to_crs(scene.crs.to_wkt())
    inverse = ~scene.transform
    columns = [inverse.a, inverse.b, inverse.d, inverse.e, inverse.c, inverse.f]
    moved = np.asarray(frame.geometry.affine_transform(columns).to_numpy())
    whole = shapely.box(0, 0, scene.width, scene.height)
    if len(moved) and not shapely.intersects(shapely.box(*shapely.bounds(moved).T), whole).any():
        corners = [scene.transform @ corner for corner in shapely.get_coordinates(whole)]
        covered = (*np.min(corners, axis=0), *np.max(corners, axis=0))
        raise NoOverlapError(
            f"{path} does not overlap the scene {scene.path}: in {scene.crs.to_string()} it spans "
            f"{extent(frame.total_bounds)} (left, bottom, right, top), the scene {extent(covered)}; "
            "check that they belong together and that the CRS is right."
        )
    return moved


def extent(bounds: Iterable[float]) -> str:
    """Bounds as people read them."""
    return ", ".join(f"{bound:.8g}" for bound in bounds)


def _refuse_broken_shapefile(path: Path, option: str) -> None:
    """GDAL reads a shapefile that breaks off as parcels without geometry, and says nothing."""
    if path.suffix.lower() != ".shp":
        return
    with path.open("rb") as file:
        header = file.read(28)
    # ESRI Shapefile Technical Description (1998), table 1: byte 24 holds the length of the file in 16-bit words.
    if len(header) == 28 and 2 * int.from_bytes(header[24:28], "big") > path.stat().st_size:
        raise InputError(f"{path} breaks off before its end; replace the file given to {option}=.")

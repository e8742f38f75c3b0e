"""Vector files, from their CRS to scene px."""

import json
import warnings
from pathlib import Path

import geopandas as gpd
import numpy as np
import numpy.typing as npt
import pyogrio
import shapely

from isagrsc2.errors import InputError
from isagrsc2.reference.parcels import extent
from isagrsc2.scene.raster import Scene

PARQUET = (".parquet", ".geoparquet")
# Files with these suffixes are vector files even when they are damaged, so that the message speaks of a vector file.
SUFFIXES = (*PARQUET, ".geojson", ".json", ".shp", ".gpkg", ".fgb", ".kml", ".gml")


def is_vector_file(path: Path) -> bool:
    """Whether a file is meant as vector file."""
    if path.suffix.lower() in SUFFIXES:
        return True
    try:
        return len(pyogrio.list_layers(path)) > 0
    except pyogrio.errors.DataSourceError:
        return False


def read_vector_file(path: Path, scene: Scene) -> npt.NDArray[np.object_]:
    """Read geometries (N,) in scene px; frames as in ``read_reference``.

    Raises:
        InputError: unreadable, without geometries, a CRS where the scene has none, or no overlap with the scene.
    """
    _refuse_broken_shapefile(path)
    frame = _read(path)
    if scene.crs is None:
        if frame.crs is not None and not _is_supposed(path):
            raise InputError(
                f"{path} has a CRS ({frame.crs.to_string()}) and the scene {scene.path} has none, so where the parcels "
                "lie in the image is not known; georeference the scene, or give the reference in px and without CRS."
            )
        return np.asarray(frame.geometry.to_numpy())
    if frame.crs is not None:
        frame = frame.to_crs(scene.crs.to_wkt())
    inverse = ~scene.transform
    columns = [inverse.a, inverse.b, inverse.d, inverse.e, inverse.c, inverse.f]
    polygons = np.asarray(frame.geometry.affine_transform(columns).to_numpy())
    whole = shapely.box(0, 0, scene.width, scene.height)
    if len(polygons) and not shapely.intersects(shapely.box(*shapely.bounds(polygons).T), whole).any():
        corners = [scene.transform @ corner for corner in shapely.get_coordinates(whole)]
        covered = (*np.min(corners, axis=0), *np.max(corners, axis=0))
        raise InputError(
            f"{path} does not overlap the scene {scene.path}: in {scene.crs.to_string()} it spans "
            f"{extent(frame.total_bounds)} (left, bottom, right, top), the scene {extent(covered)}; "
            "check that they belong together and that the CRS is right."
        )
    return polygons


def _read(path: Path) -> gpd.GeoDataFrame:
    try:
        if path.suffix.lower() in PARQUET:
            frame = gpd.read_parquet(path)
        else:
            layers = [name for name, kind in pyogrio.list_layers(path) if kind is not None]
            if not layers:
                raise InputError(f"{path} holds no layer with geometries; give the file with the parcels' polygons.")
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


def _refuse_broken_shapefile(path: Path) -> None:
    """GDAL reads a shapefile that breaks off as parcels without geometry, and says nothing."""
    if path.suffix.lower() != ".shp":
        return
    with path.open("rb") as file:
        header = file.read(28)
    # ESRI Shapefile Technical Description (1998), table 1: byte 24 holds the length of the file in 16-bit words.
    if len(header) == 28 and 2 * int.from_bytes(header[24:28], "big") > path.stat().st_size:
        raise InputError(f"{path} breaks off before its end; replace the file given to reference=.")


def _is_supposed(path: Path) -> bool:
    """Whether the CRS is only what RFC 7946 supposes: GeoJSON without a ``crs`` member."""
    if path.suffix.lower() not in (".json", ".geojson"):
        return False
    return "crs" not in json.loads(path.read_text(encoding="utf-8"))

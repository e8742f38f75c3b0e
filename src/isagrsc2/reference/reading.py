"""One door for every format of reference parcels."""

import json
from pathlib import Path
from typing import Any

from isagrsc2.errors import InputError
from isagrsc2.reference.deepglobe import is_image, mask_of
from isagrsc2.reference.label_raster import read_label_raster
from isagrsc2.reference.labelme import is_labelme, read_labelme
from isagrsc2.reference.land_cover import is_land_cover_mask, read_land_cover_mask
from isagrsc2.reference.parcels import NoReferenceError, Reference, reference_from_polygons
from isagrsc2.reference.vector_file import read_vector_file
from isagrsc2.reference.via import is_via, via_polygons
from isagrsc2.scene.raster import Scene
from isagrsc2.scene.vector_file import is_vector_file

# Endings of the files that a folder of references is searched for, in this order.
_SEARCHED = (".parquet", ".geoparquet", ".gpkg", ".geojson", ".json", ".shp", ".fgb", ".tif", ".png")
# Folder in that of a scene where export=labelme writes.
EXPORTED = "labelme"


def read_reference(path: Path, scene: Scene) -> Reference:
    """Read the reference parcels of a scene.

    The format is found from the file: GeoParquet (``.parquet``, ``.geoparquet``), VIA JSON, JSON of LabelMe and of
    X-AnyLabeling, GeoJSON, any vector format GDAL reads (GeoPackage, shapefile, ...; of several layers the first with
    geometries), DeepGlobe's land cover mask (``*_mask.png`` with colours: the land that is agriculture, ``areas_only``), else
    a label raster.

    Frames: VIA and LabelMe are in px of the image. A vector file with a CRS is reprojected to the scene's. One without is in
    map units of the scene, or, where the scene has no CRS either, in scene px (x to the right, y down). GeoJSON without a
    ``crs`` member is longitude and latitude (RFC 7946), except for a scene without CRS, where it is scene px. A label
    raster has the scene's size, or the scene's grid and any extent; its ids are >= 1, 0 and its nodata value are no
    parcel.

    Args:
        path: the file, or a folder with one file per scene, named like the image (``12_mask.png`` for ``12_sat.jpg``); or the
            output folder of a run of ``segment.py`` with ``export=labelme``.
        scene: the scene it belongs to.

    Raises:
        NoReferenceError: the folder has no file for this scene, or VIA no record for the image.
        InputError: missing, unreadable or unsuitable; the reference does not overlap the scene; it has a CRS and the
            scene has none; a label raster or a mask does not fit.
    """
    if path.is_dir() and path.suffix.lower() != ".gdb":
        path = _find(path, scene)
    if not path.exists():
        raise InputError(f"{path} does not exist; check reference=.")
    if path.is_file() and path.stat().st_size == 0:
        raise InputError(f"{path} is empty (0 bytes); replace the file given to reference=.")
    shape = (scene.height, scene.width)
    document = _json(path) if path.suffix.lower() == ".json" else None
    if document is not None and is_via(document):
        drawn = via_polygons(document, path, scene.path.name)
        return reference_from_polygons(drawn, range(1, len(drawn) + 1), shape, str(path))
    if document is not None and is_labelme(document):
        return read_labelme(document, path, scene)
    if is_vector_file(path):
        polygons = read_vector_file(path, scene)
        return reference_from_polygons(polygons, range(1, len(polygons) + 1), shape, str(path))
    if is_land_cover_mask(path):
        return read_land_cover_mask(path, scene)
    outlines, ids = read_label_raster(path, scene)
    return reference_from_polygons(outlines, ids, shape, str(path))


def _find(folder: Path, scene: Scene) -> Path:
    """The reference of a scene in a folder with one file per scene."""
    candidates = [mask_of(scene.path, folder)] if is_image(scene.path) else []
    candidates += [folder / f"{scene.name}{suffix}" for suffix in _SEARCHED]
    candidates.append(folder / scene.name / EXPORTED / f"{scene.name}.json")
    for path in candidates:
        if path.exists() and path.resolve() != scene.path.resolve():
            return path
    names = ", ".join(path.name for path in candidates[:3])
    raise NoReferenceError(f"{folder} holds no reference for {scene.name} ({names}, ...).")


def _json(path: Path) -> Any:
    try:
        document = json.loads(path.read_text(encoding="utf-8"))
    except ValueError:
        raise InputError(f"{path} is not JSON that can be read; replace the file given to reference=.") from None
    if not is_via(document) and not is_labelme(document) and not (isinstance(document, dict) and "type" in document):
        raise InputError(f"{path} is neither VIA annotations nor GeoJSON nor of LabelMe; convert it to one of them.")
    return document

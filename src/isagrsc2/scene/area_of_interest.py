"""An area of interest: only what lies inside is read and segmented, all else counts as missing."""

import hashlib
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import geopandas as gpd
import numpy as np
import shapely

from isagrsc2.errors import InputError
from isagrsc2.scene.raster import Scene
from isagrsc2.scene.region import EVERYWHERE, Inside, Region, write_region
from isagrsc2.scene.vector_file import NoOverlapError, is_supposed_crs, read_geometries, to_scene_pixels

# Value of `scene.aoi` that stands for "not given".
NONE = "none"

_POLYGONS = (shapely.GeometryType.POLYGON, shapely.GeometryType.MULTIPOLYGON)


class OutsideAreaError(InputError):
    """The area of interest does not touch this scene, and may touch others."""


class Area(Protocol):
    """Limits scenes."""

    def identity(self) -> dict[str, Any]:
        """What it depends on, plain types; nothing where nothing is limited."""
        ...

    def region(self, scene: Scene, folder: Path) -> Region:
        """The part of a scene that counts; the folder takes what is needed to find it again.

        Raises:
            OutsideAreaError: it touches none of the scene.
            InputError: where it lies in the scene is not known.
        """
        ...


@dataclass(frozen=True)
class NoArea:
    """Scenes are whole. Null object."""

    def identity(self) -> dict[str, Any]:
        """See ``Area``."""
        return {}

    def region(self, scene: Scene, folder: Path) -> Region:  # noqa: ARG002
        """See ``Area``."""
        return EVERYWHERE


@dataclass(frozen=True, eq=False)
class AreaOfInterest:
    """Polygons of a vector file.

    Attributes:
        path: the file.
        frame: its polygons, in its CRS.
        supposed_crs: see ``is_supposed_crs``.
    """

    path: Path
    frame: gpd.GeoDataFrame
    supposed_crs: bool

    def identity(self) -> dict[str, Any]:
        """A hash of polygons and CRS: a shapefile is several files, and times of change say little."""
        digest = hashlib.sha256(str(self.frame.crs).encode())
        digest.update(b"".join(shapely.to_wkb(self.frame.geometry.to_numpy())))
        return {"aoi": digest.hexdigest()}

    def region(self, scene: Scene, folder: Path) -> Region:
        """See ``Area``. For a scene without CRS the polygons are in its px, and the file must have no CRS either.

        Edges are straight in the CRS of the scene.
        """
        outside = OutsideAreaError(f"scene.aoi={self.path} does not touch {scene.path}; check where both lie.")
        try:
            polygons = self._in_pixels(scene)
        except NoOverlapError as error:
            raise OutsideAreaError(str(error)) from None
        whole = shapely.box(0, 0, scene.width, scene.height)
        joined = shapely.union_all(shapely.intersection(shapely.make_valid(polygons), whole))
        pieces = shapely.get_parts(joined)
        pieces = pieces[shapely.area(pieces) > 0]  # where they only touch the scene, they leave lines and points
        if not len(pieces):
            raise outside
        region = Inside(shapely.multipolygons(pieces))
        write_region(region, folder)
        return region

    def _in_pixels(self, scene: Scene) -> Any:
        if scene.crs is not None:
            if self.frame.crs is None:
                raise InputError(
                    f"scene.aoi={self.path} has no CRS and {scene.path} has one, so where it lies is not known; give it a CRS "
                    "(a .prj file beside a shapefile, or convert it to GeoPackage)."
                )
            return to_scene_pixels(self.frame, scene, self.path)
        if self.frame.crs is not None and not self.supposed_crs:
            raise InputError(
                f"scene.aoi={self.path} has a CRS ({self.frame.crs.to_string()}) and {scene.path} has none, so where it lies "
                "is not known; give scene.crs if the image has a world file, or the area in px and without CRS."
            )
        return np.asarray(self.frame.geometry.to_numpy())


def read_area(aoi: str) -> Area:
    """Read the option ``scene.aoi``.

    Args:
        aoi: a vector file with polygons, or ``none``.

    Raises:
        InputError: missing, unreadable, empty, or something else than polygons.
    """
    if aoi == NONE:
        return NoArea()
    path = Path(aoi).expanduser()
    if not aoi.strip() or not path.exists():
        raise InputError(f"scene.aoi={aoi} does not exist; give a vector file with polygons (GeoJSON, GeoPackage), or none.")
    frame = read_geometries(path, "scene.aoi")
    if not len(frame):
        raise InputError(f"scene.aoi={path} holds no polygons; give a file that does.")
    kinds = shapely.get_type_id(frame.geometry.to_numpy())
    if not np.isin(kinds, _POLYGONS).all():
        odd = shapely.GeometryType(int(kinds[~np.isin(kinds, _POLYGONS)][0])).name.lower()
        raise InputError(f"scene.aoi={path} holds a {odd} among its geometries; an area is made of polygons only.")
    return AreaOfInterest(path, frame, is_supposed_crs(path))

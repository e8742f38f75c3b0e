"""Rasters that do not say all of where they lie: a world file without a CRS, or ground control points."""

import logging
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import rasterio
import rasterio.shutil
from affine import Affine
from rasterio.control import GroundControlPoint
from rasterio.crs import CRS
from rasterio.enums import ColorInterp, Resampling
from rasterio.errors import CRSError
from rasterio.transform import GCPTransformer
from rasterio.vrt import WarpedVRT

from isagrsc2.errors import InputError
from isagrsc2.files import replacing
from isagrsc2.options import check_number
from isagrsc2.scene.georeference import STORED, Georeference, Placed
from isagrsc2.scene.raster import open_dataset

logger = logging.getLogger(__name__)

# Value of `scene.crs` that stands for "not given".
NONE = "none"


class Placing(Protocol):
    """Finds out where a raster lies."""

    def identity(self) -> dict[str, Any]:
        """What the pixels depend on, plain types; nothing where files are read as they are."""
        ...

    def place(self, path: Path, folder: Path, name: str) -> tuple[Path, Georeference]:
        """Find the raster to read, and its place.

        Args:
            path: the raster.
            folder: takes what has to be made first.
            name: of the scene.

        Raises:
            InputError: the raster cannot be read, or what it says does not fit.
        """
        ...


@dataclass(frozen=True)
class AsStored:
    """Rasters are read as they are. Null object."""

    def identity(self) -> dict[str, Any]:
        """See ``Placing``."""
        return {}

    def place(self, path: Path, folder: Path, name: str) -> tuple[Path, Georeference]:  # noqa: ARG002
        """See ``Placing``."""
        return path, STORED


@dataclass(frozen=True)
class FindPlace:
    """World files get a CRS; ground control points become an affine map, or the raster is warped.

    Attributes:
        crs: of rasters that have a place and no CRS (world file, control points without one), or ``none``. A raster of another
            CRS is refused: a wrong CRS that nobody notices is worse than an error.
        gcp_tolerance: greatest distance of a control point from an affine map by which the map is used, px.
    """

    crs: str
    gcp_tolerance: float

    def __post_init__(self) -> None:
        """Check the options before the first scene is opened."""
        check_number("scene.gcp_tolerance", self.gcp_tolerance, 0)
        try:
            self._given()
        except (CRSError, ValueError, TypeError):  # EPSG:letters
            raise InputError(f"scene.crs={self.crs} is no coordinate reference system; give one such as EPSG:32632.") from None

    def identity(self) -> dict[str, Any]:
        """See ``Placing``: both decide whether pixels are warped."""
        return {"crs": self.crs, "gcp_tolerance": self.gcp_tolerance}

    def place(self, path: Path, folder: Path, name: str) -> tuple[Path, Georeference]:
        """See ``Placing``."""
        given = self._given()
        with open_dataset(path) as dataset:
            if not dataset.transform.is_identity:
                crs = _agreed(path, dataset.crs, given)
                return path, STORED if crs is None or dataset.crs is not None else Placed(dataset.transform, crs)
            points, crs_of_points = dataset.gcps
            if points and (crs := _agreed(path, crs_of_points, given)) is not None:
                return self._by_points(dataset, points, crs, folder, name)
        if given is not None:
            raise InputError(
                f"{path} has no place on the map (no transform, no world file, no control points), so scene.crs={self.crs} "
                "does not help; put a world file beside it, or leave scene.crs out."
            )
        return path, STORED

    def _given(self) -> CRS | None:
        return None if self.crs == NONE else CRS.from_user_input(self.crs)

    def _by_points(
        self, dataset: rasterio.DatasetReader, points: Sequence[GroundControlPoint], crs: CRS, folder: Path, name: str
    ) -> tuple[Path, Georeference]:
        path = Path(dataset.name)
        transform, residual = fit_affine(path, points)
        about = f"{path}: {len(points)} ground control points lie up to {residual:.2f} px off an affine map, which is"
        if residual <= self.gcp_tolerance:
            logger.info("%s used.", about)
            return path, Placed(transform, crs)
        warped = folder / f"{name}.vrt"
        _write_warped(dataset, crs, warped)
        left = _residual_of_warp(points)
        logger.info("%s too much: the image is warped to %s, where they lie up to %.2f px off.", about, crs.to_string(), left)
        return warped, STORED


def fit_affine(path: Path, points: Sequence[GroundControlPoint]) -> tuple[Affine, float]:
    """Fit an affine map to ground control points by least squares.

    Args:
        path: of the raster, for messages.
        points: px (column, row; the upper left corner of a pixel) and map coordinates.

    Returns:
        Map from px to map units; greatest distance of a point from where the map has it, px.

    Raises:
        InputError: the points do not determine a map.
    """
    pixels = np.array([[point.col, point.row] for point in points], float)  # (N, 2)
    ground = np.array([[point.x, point.y] for point in points], float)  # (N, 2)
    # Around their means, or coordinates of millions of metres would cost digits.
    middle, centre = pixels.mean(axis=0), ground.mean(axis=0)
    linear, _, rank, _ = np.linalg.lstsq(pixels - middle, ground - centre, rcond=1e-9)  # (2, 2), its transpose
    matrix = linear.T
    if rank < 2 or abs(np.linalg.det(matrix)) <= 1e-9 * np.abs(matrix).max() ** 2:
        raise InputError(
            f"{path}: its {len(points)} ground control points do not say where it lies (at least three, not on one line, are "
            "needed); georeference it anew."
        )
    origin = centre - matrix @ middle
    transform = Affine(matrix[0, 0], matrix[0, 1], origin[0], matrix[1, 0], matrix[1, 1], origin[1])
    off = np.linalg.solve(matrix, (ground - centre - (pixels - middle) @ linear).T)  # (2, N)
    return transform, float(np.hypot(*off).max())


def _agreed(path: Path, own: CRS | None, given: CRS | None) -> CRS | None:
    """The CRS a raster has or is given."""
    if own and given and own != given:
        raise InputError(
            f"{path} says that its CRS is {own.to_string()}, not scene.crs={given.to_string()}; leave scene.crs out, or "
            f"correct the file (gdal_edit.py -a_srs {given.to_string()})."
        )
    return own or given or None  # control points may have one that is empty


def _write_warped(dataset: rasterio.DatasetReader, crs: CRS, path: Path) -> None:
    """Write a virtual raster that is north up; what lies beyond the image is missing in it."""
    marked = dataset.nodata is not None or ColorInterp.alpha in dataset.colorinterp
    # An average of two palette indices is a third colour.
    resampling = Resampling.nearest if ColorInterp.palette in dataset.colorinterp else Resampling.bilinear
    with (
        WarpedVRT(dataset, src_crs=crs, crs=crs, resampling=resampling, add_alpha=not marked) as warped,
        replacing(path) as temporary,
    ):
        rasterio.shutil.copy(warped, temporary, driver="VRT")


def _residual_of_warp(points: Sequence[GroundControlPoint]) -> float:
    """Greatest distance of a point from where GDAL's polynomial has it, px."""
    with GCPTransformer(points) as transformer:
        rows, columns = transformer.rowcol([point.x for point in points], [point.y for point in points], op=float)
    off = np.subtract(rows, [point.row for point in points]), np.subtract(columns, [point.col for point in points])
    return float(np.hypot(*off).max())

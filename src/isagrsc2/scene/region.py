"""The part of a scene that is worked on, scene px: all of it, or what lies inside of polygons."""

from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import geopandas
import numpy as np
import numpy.typing as npt
import shapely
from affine import Affine
from rasterio.features import rasterize
from rasterio.windows import Window

from isagrsc2.files import replacing
from isagrsc2.scene.tiling import window_bounds

# In the folder of a result: polygons in scene px, without CRS, as segments.parquet.
FILE = "area_of_interest.parquet"


class Region(Protocol):
    """Which pixels of a scene count."""

    @property
    def file(self) -> str | None:
        """Name of the file in the folder of a result that says it again; None where nothing has to be said."""
        ...

    def touches(self, window: Window) -> bool:
        """Whether any of a window, scene px, lies inside."""
        ...

    def mask(self, valid: npt.NDArray[np.bool_], window: Window) -> None:
        """Set ``valid`` (h, w) to False outside, in place.

        Args:
            valid: of the window, at any resolution.
            window: scene px.
        """
        ...


class Everywhere:
    """All of the scene. Null object."""

    file = None

    def touches(self, window: Window) -> bool:  # noqa: ARG002
        """Yes."""
        return True

    def mask(self, valid: npt.NDArray[np.bool_], window: Window) -> None:
        """Leave everything as it is."""


@dataclass(frozen=True)
class Inside:
    """What lies inside of polygons: the pixels whose centre does.

    Attributes:
        polygon: a valid (Multi)Polygon, scene px; not empty.
    """

    polygon: shapely.Geometry
    file = FILE

    def __post_init__(self) -> None:
        """Index the polygon: every tile asks."""
        shapely.prepare(self.polygon)

    def touches(self, window: Window) -> bool:
        """See ``Region``; a common edge is not enough."""
        box = shapely.box(*window_bounds(window))
        return bool(shapely.intersects(self.polygon, box) and not shapely.touches(self.polygon, box))

    def mask(self, valid: npt.NDArray[np.bool_], window: Window) -> None:
        """See ``Region``."""
        x0, y0, x1, y1 = window_bounds(window)
        box = shapely.box(x0, y0, x1, y1)
        if shapely.contains(self.polygon, box):
            return
        height, width = valid.shape
        pieces = shapely.get_parts(self.polygon)
        near = pieces[shapely.intersects(pieces, box)]
        inside = np.zeros((height, width), np.uint8)
        if len(near):
            step = Affine.translation(x0, y0) @ Affine.scale((x1 - x0) / width, (y1 - y0) / height)
            rasterize(near, out=inside, transform=step)
        valid &= inside == 1


EVERYWHERE = Everywhere()


def write_region(region: Inside, folder: Path) -> None:
    """Keep a region beside the results, so that they are compared with the truth in the same area."""
    with replacing(folder / FILE) as temporary:
        geopandas.GeoDataFrame(geometry=[region.polygon]).to_parquet(temporary)


def read_region(folder: Path) -> Inside:
    """Read what ``write_region`` has written; fails as ``geopandas.read_parquet`` does."""
    return Inside(geopandas.read_parquet(folder / FILE).geometry.iloc[0])

"""A scene of some parcels in a row, for trackers."""

from contextlib import AbstractContextManager

import geopandas
import numpy as np
import shapely

from isagrsc2.classification.land_classes import BINARY
from isagrsc2.export.result import SceneResult
from isagrsc2.reference.parcels import Reference


def small_result(parcels: int) -> SceneResult:
    """A scene of 8 x 4 px with so many parcels side by side, and a reference with a hole in its labels."""
    boxes = [shapely.box(column, 0, column + 1, 4) for column in range(parcels)]
    names = ["cultivated", "not_cultivated", "unclassified"] * parcels
    columns = {"parcel_id": range(1, parcels + 1), "class_name": names[:parcels], "round": range(100, 100 + 50 * parcels, 50)}
    segments = geopandas.GeoDataFrame(columns, geometry=boxes)
    own = geopandas.GeoDataFrame({"ref_id": [1]}, geometry=[shapely.box(0, 0, 2, 4)])
    reference = Reference("x", own, 0, 0, 0, False, (shapely.box(4, 0, 8, 4),), own.iloc[:0])
    metrics = {"parcels": parcels, "coverage": [0.5] * 200, "seconds": {"read": 0.25}, "memory_mb": {}, "classes": {}}
    return SceneResult(SmallScene(), [segments], [segments], BINARY, metrics, reference)  # type: ignore[arg-type]


def never_opened() -> AbstractContextManager[SceneResult]:
    raise AssertionError("opened without being shown")


class SmallScene:
    """As much of a scene as is drawn."""

    width, height = 8, 4

    def read(self, out_shape: tuple[int, int]) -> tuple[np.ndarray, np.ndarray]:
        return np.full((*out_shape, 3), 7, np.uint8), np.ones(out_shape, bool)

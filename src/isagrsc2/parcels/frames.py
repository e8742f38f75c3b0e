"""Between scene pixels and map units."""

from typing import Any

import numpy as np
import numpy.typing as npt
import shapely
from affine import Affine


def move(geometries: Any, transform: Affine) -> Any:
    """Apply an affine map to a geometry or an array of geometries.

    Every point goes through the same floating-point operations (a matrix product does not promise that), so points that
    were equal stay equal, and borders that were shared stay shared.
    """

    def apply(points: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
        x, y = points.T
        moved_x = transform.a * x + transform.b * y + transform.c
        moved_y = transform.d * x + transform.e * y + transform.f
        return np.stack([moved_x, moved_y], axis=1)

    return shapely.transform(geometries, apply)

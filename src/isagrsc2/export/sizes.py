"""Sizes on the ground, as pictures and pages tell them."""

import numpy as np
import shapely

from isagrsc2.parcels import length_m, move
from isagrsc2.scene.raster import Scene


def metres_across(scene: Scene) -> float | None:
    """Width of a scene along its middle row, m; None without a CRS, or where its CRS has no place on the Earth."""
    if scene.crs is None:
        return None
    middle = shapely.LineString([(x, scene.height / 2) for x in np.linspace(0, scene.width, 17)])
    metres = length_m(move(middle, scene.transform), scene.crs)
    return metres if np.isfinite(metres) and metres > 0 else None


def area_text(area: float, unit: str) -> str:
    """An area of ``unit`` (m² or px) in words, as hectares where it is not small."""
    if unit == "px":
        return f"{area:,.0f} px"
    hectares = area / 1e4
    return f"{area:,.0f} m²" if hectares < 0.1 else f"{hectares:.1f} ha" if hectares < 100 else f"{hectares:,.0f} ha"

"""The minimum mapping unit of a scene."""

from isagrsc2.errors import InputError
from isagrsc2.parcels.measures import min_area_px
from isagrsc2.scene.raster import Scene


def smallest_area(scene: Scene, in_m2: float, in_px: float) -> float:
    """Minimum mapping unit, px, at least 1.

    Args:
        scene: for its pixel size, in its centre.
        in_m2: m², for scenes with a CRS.
        in_px: px, for those without.

    Raises:
        InputError: the scene's georeference is wrong.
    """
    if scene.crs is None:
        return max(1.0, float(in_px))
    centre = scene.width / 2, scene.height / 2
    try:
        return max(1.0, min_area_px(in_m2, scene.transform, scene.crs, centre))
    except InputError as error:
        raise InputError(f"{scene.path}: {error}") from None

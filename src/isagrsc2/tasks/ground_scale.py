"""The size of a scene's pixels on the ground."""

import shapely

from isagrsc2.errors import InputError
from isagrsc2.metrics.scale import PIXELS, Scale
from isagrsc2.parcels.frames import move
from isagrsc2.parcels.measures import length_m, pixel_area_m2
from isagrsc2.scene.raster import Scene


def ground_scale(scene: Scene) -> Scale:
    """Measure the pixel in the scene's centre, where the scale of a large raster is typical; in px without CRS.

    Raises:
        InputError: the scene's georeference is wrong.
    """
    if scene.crs is None:
        return PIXELS
    x, y = scene.width / 2, scene.height / 2
    try:
        area = pixel_area_m2(scene.transform, scene.crs, (x, y))
    except InputError as error:
        raise InputError(f"{scene.path}: {error}") from None
    sides = [shapely.LineString([(x, y), (x + dx, y + dy)]) for dx, dy in ((0, 1), (1, 0))]
    height, width = (length_m(move(side, scene.transform), scene.crs) for side in sides)
    return Scale("m", height, width, area)

"""Windows of a scene enlarged so that the result does not depend on where the window ends.

A window is read with what lies around it, enlarged, and cropped again. Pixels that are missing (nodata, beyond the raster)
would be black, and every kernel and network would draw a dark or bright line along them: they take the value of the nearest
pixel that is there.
"""

from typing import Protocol

import numpy as np
import numpy.typing as npt
from rasterio.windows import Window
from scipy import ndimage

from isagrsc2.scene.superres.protocol import SuperResolution
from isagrsc2.scene.tiling import window_bounds

Image = npt.NDArray[np.uint8]
Mask = npt.NDArray[np.bool_]


class WindowReader(Protocol):
    """Gives windows of a scene, as ``isagrsc2.scene.raster.Scene`` does."""

    def read(self, window: Window) -> tuple[Image, Mask]:
        """See ``Scene.read``."""
        ...


def surroundings(window: Window, margin: int, size: tuple[int, int]) -> Window:
    """A window and what lies around it, as far as the raster goes, scene px.

    Args:
        window: scene px, inside the raster.
        margin: px on every side.
        size: width and height of the raster.
    """
    x0, y0, x1, y1 = window_bounds(window)
    left, top = max(x0 - margin, 0), max(y0 - margin, 0)
    return Window(left, top, min(x1 + margin, size[0]) - left, min(y1 + margin, size[1]) - top)


def read_surrounded(reader: WindowReader, window: Window, margin: int, size: tuple[int, int]) -> tuple[Image, Mask]:
    """Read the ``surroundings`` of a window, and fill up what lies beyond the raster.

    Args:
        reader: of the raster.
        window: scene px, inside the raster.
        margin: px on every side.
        size: width and height of the raster.

    Returns:
        image (H + 2 margin, W + 2 margin, 3) uint8 RGB, 0 where not valid; valid, (H + 2 margin, W + 2 margin) bool, False
        beyond the raster.

    Raises:
        InputError: the file is damaged.
    """
    around = surroundings(window, margin, size)
    image, valid = reader.read(around)
    (x0, y0, x1, y1), (left, top, right, bottom) = window_bounds(window), window_bounds(around)
    beyond = (top - y0 + margin, y1 + margin - bottom), (left - x0 + margin, x1 + margin - right)
    if not np.any(beyond):
        return image, valid
    return np.pad(image, (*beyond, (0, 0))), np.pad(valid, beyond)


def enlarge_surrounded(image: Image, valid: Mask, superres: SuperResolution) -> tuple[Image, Mask]:
    """Enlarge what ``read_surrounded`` has read, and take the surroundings away.

    Args:
        image: (H + 2 m, W + 2 m, 3) uint8 RGB, where m is ``superres.margin``.
        valid: (H + 2 m, W + 2 m) bool.
        superres: how.

    Returns:
        image (s H, s W, 3) uint8 RGB, 0 where not valid, where s is ``superres.scale``; valid (s H, s W) bool, the nearest
        pixel's.
    """
    margin, scale = superres.margin, superres.scale
    inside = slice(margin, valid.shape[0] - margin), slice(margin, valid.shape[1] - margin)
    enlarged_valid = valid[inside].repeat(scale, axis=0).repeat(scale, axis=1)  # (s H, s W)
    if not enlarged_valid.any():
        return np.zeros((*enlarged_valid.shape, 3), np.uint8), enlarged_valid  # nothing to look at: most of some scenes
    # Where a pixel depends on no other, missing ones spoil nothing.
    enlarged = superres.enlarge(_fill_missing(image, valid) if margin else image)  # (s (H + 2 m), s (W + 2 m), 3)
    cropped = enlarged[tuple(slice(side.start * scale, side.stop * scale) for side in inside)]  # (s H, s W, 3)
    return np.where(enlarged_valid[..., None], cropped, np.uint8(0)), enlarged_valid


def _fill_missing(image: Image, valid: Mask) -> Image:
    """Give missing pixels the value of the nearest one that is there; at least one is."""
    if valid.all():
        return image
    nearest = ndimage.distance_transform_edt(~valid, return_distances=False, return_indices=True)  # (2, H, W)
    return np.asarray(image[tuple(nearest)])

"""Crops of scenes: turned, mirrored, scaled and stretched at random by one affine map, image and labels alike."""

import math
from dataclasses import dataclass

import cv2
import numpy as np
import numpy.typing as npt
from affine import Affine
from rasterio.windows import Window

from isagrsc2.options import check_number, check_share, check_whole
from isagrsc2.prompt_training.batches import UNKNOWN
from isagrsc2.prompt_training.ranges import Range, log_uniform

# Standard deviations of a Gaussian on either side of its centre within which it counts.
_REACH = 3


@dataclass(frozen=True)
class CropMap:
    """Where a crop lies in its scene.

    Attributes:
        to_scene: crop px to scene px, x and y; (0, 0) is the upper left corner of the upper left pixel in both.
        size: side of the crop, px, S.
        scale: crop px per scene px.
    """

    to_scene: Affine
    size: int
    scale: float

    @property
    def blur(self) -> float:
        """Standard deviation of the Gaussian that goes before shrinking, scene px.

        The mean over f x f px has the variance f² / 12 along each axis, a single pixel has 1 / 12: the Gaussian adds what
        makes a pixel of the crop see the land that it covers.
        """
        return math.sqrt(max(self.scale**-2 - 1, 0) / 12)

    def window(self, width: int, height: int) -> Window:
        """What has to be read of a scene of this size, px: columns and rows inside it, at least one pixel."""
        corners = [self.to_scene @ (x * self.size, y * self.size) for x in (0, 1) for y in (0, 1)]
        margin = 1 + math.ceil(_REACH * self.blur)
        column, right = _span([x for x, _ in corners], margin, width)
        row, bottom = _span([y for _, y in corners], margin, height)
        return Window(column, row, right - column, bottom - row)

    def image(self, pixels: npt.NDArray[np.uint8], window: Window) -> npt.NDArray[np.uint8]:
        """Crop an image bilinearly.

        Args:
            pixels: (h, w, 3) uint8, what was read of the window.
            window: see ``window``.

        Returns:
            (S, S, 3) uint8, 0 outside the scene.
        """
        if self.blur > 0:
            pixels = np.asarray(cv2.GaussianBlur(pixels, (0, 0), self.blur), np.uint8)
        return self._warp(pixels, window, cv2.INTER_LINEAR, 0)

    def labels(self, labels: npt.NDArray[np.int32], window: Window) -> npt.NDArray[np.int32]:
        """Crop labels; a pixel takes the label its centre lies in.

        Args:
            labels: (h, w) int32, of the window.
            window: see ``window``.

        Returns:
            (S, S) int32, ``UNKNOWN`` outside the scene.
        """
        return self._warp(labels, window, cv2.INTER_NEAREST, UNKNOWN)

    def _warp(self, values: npt.NDArray, window: Window, interpolation: int, outside: int) -> npt.NDArray:
        # OpenCV counts from the centre of the upper left pixel.
        to_centre, to_corner = Affine.translation(-0.5, -0.5), Affine.translation(0.5, 0.5)
        to_window = to_centre @ Affine.translation(-window.col_off, -window.row_off) @ self.to_scene @ to_corner
        matrix = np.array(to_window[:6]).reshape(2, 3)
        warped = cv2.warpAffine(
            values,
            matrix,
            (self.size, self.size),
            flags=interpolation | cv2.WARP_INVERSE_MAP,
            borderMode=cv2.BORDER_CONSTANT,
            borderValue=(outside,) * 3,
        )
        return np.asarray(warped)


@dataclass(frozen=True)
class RandomCrop:
    """Draws where crops lie.

    Attributes:
        size: side of a crop, px, S.
        rotation: largest angle beyond a right angle, degrees; the four right angles are equally likely.
        aspect: largest ratio of the scales along the two axes, from 1; log-uniform to either side.
        flip: probability that the crop is mirrored.
    """

    size: int
    rotation: float
    aspect: float
    flip: float

    def __post_init__(self) -> None:
        """Check the numbers."""
        check_whole("data.crop.size", self.size, 8)
        check_number("data.crop.rotation", self.rotation, 0, 45)
        check_number("data.crop.aspect", self.aspect, 1)
        check_share("data.crop.flip", self.flip)

    def draw(self, width: int, height: int, scales: Range, generator: np.random.Generator) -> CropMap:
        """Draw a crop of a scene.

        The crop's centre is uniform among those that keep it, unturned, inside the scene; along a side of the scene that is
        shorter than the crop it lies in the middle.

        Args:
            width: columns of the scene, px.
            height: rows of the scene, px.
            scales: crop px per scene px; log-uniform.
            generator: draws.
        """
        scale = log_uniform(scales, generator)
        angle = 90 * generator.integers(4) + generator.uniform(-self.rotation, self.rotation)
        stretch = math.sqrt(log_uniform((1 / self.aspect, self.aspect), generator))
        mirrored = -1 if generator.random() < self.flip else 1
        half = self.size / scale / 2
        centre = [generator.uniform(min(half, side / 2), max(side - half, side / 2)) for side in (width, height)]
        to_scene = (
            Affine.translation(*centre)
            @ Affine.rotation(angle)
            @ Affine.scale(mirrored * stretch / scale, 1 / stretch / scale)
            @ Affine.translation(-self.size / 2, -self.size / 2)
        )
        return CropMap(to_scene, self.size, scale)


def _span(ends: list[float], margin: int, side: int) -> tuple[int, int]:
    """Whole px from the first to the last of several positions, with a margin, inside a side."""
    return max(0, math.floor(min(ends)) - margin), min(side, math.ceil(max(ends)) + margin)


def renumber(labels: npt.NDArray[np.int32]) -> npt.NDArray[np.int32]:
    """Number the parcels of an image from 1 without gaps, in the same order; ``NO_PARCEL`` and ``UNKNOWN`` stay.

    Args:
        labels: (H, W) int32; takes memory for as many numbers as the largest.
    """
    shifted = labels - UNKNOWN  # UNKNOWN becomes 0, NO_PARCEL 1
    used = np.bincount(shifted.ravel(), minlength=2) > 0
    used[:2] = False
    numbers = np.cumsum(used, dtype=np.int32)
    numbers[0] = UNKNOWN
    return numbers[shifted]

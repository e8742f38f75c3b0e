"""From radiance to an image file's values: air, optics, sensor, and what providers do to images."""

import cv2
import numpy as np
import numpy.typing as npt

from isagrsc2.scene.farmland.noise import Field, white
from isagrsc2.scene.farmland.site import between
from isagrsc2.scene.farmland.style import FarmlandStyle

_LUMA = np.array([0.299, 0.587, 0.114], np.float32)  # ITU-R BT.601
_AIR = np.array([168.0, 180.0, 190.0])  # colour of scattered light


def expose(rng: np.random.Generator, radiance: Field, style: FarmlandStyle) -> npt.NDArray[np.uint8]:
    """Take the picture.

    Args:
        rng: source of randomness.
        radiance: (H, W, 3), 8-bit levels; changed.
        style: ranges.

    Returns:
        (H, W, 3) uint8 RGB.
    """
    image = _develop(rng, radiance, style)
    blur = between(rng, style.blur_px)
    if blur > 0.2:
        image = np.asarray(cv2.GaussianBlur(image, (0, 0), blur), np.float32)
    sharpening = between(rng, style.sharpening)
    if sharpening > 0.05:
        soft = cv2.GaussianBlur(image, (0, 0), blur + 0.8)
        image += np.float32(sharpening) * (image - soft)
    enlarged = rng.random() < style.enlarged
    sigma = between(rng, style.noise)
    height, width = image.shape[:2]
    image += np.float32(sigma) * white(rng, height, width)[..., None]
    values = np.clip(image, 0, 255, out=image).astype(np.uint8)
    if enlarged:
        values = _enlarge(rng, values)
    if rng.random() < style.jpeg:
        quality = round(between(rng, style.jpeg_quality))
        _, coded = cv2.imencode(".jpg", values, [cv2.IMWRITE_JPEG_QUALITY, quality])
        values = np.asarray(cv2.imdecode(coded, cv2.IMREAD_COLOR), np.uint8)
    return np.ascontiguousarray(values)


def _develop(rng: np.random.Generator, image: Field, style: FarmlandStyle) -> Field:
    """Haze, contrast, saturation and colour cast: one affine map of the colours."""
    haze = between(rng, style.haze)
    air = _AIR + 12 * rng.standard_normal(3)
    saturation, contrast = between(rng, style.saturation), between(rng, style.contrast)
    gains = np.exp(style.cast * rng.standard_normal(3)) * np.exp(0.08 * rng.standard_normal())
    grey = np.outer(np.ones(3), _LUMA)
    colours = saturation * np.eye(3) + (1 - saturation) * grey  # (3, 3)
    pivot = 110.0  # level that contrast leaves in place
    matrix = np.diag(gains) @ colours * contrast * (1 - haze)
    offset = gains * (pivot * (1 - contrast)) * (1 - haze) + haze * air
    return np.asarray(cv2.transform(image, np.hstack([matrix, offset[:, None]]).astype(np.float32)))


def _enlarge(rng: np.random.Generator, values: npt.NDArray[np.uint8]) -> npt.NDArray[np.uint8]:
    """The look of super-resolution: fine texture is gone, borders are crisp."""
    height, width = values.shape[:2]
    factor = rng.uniform(1.3, 2.6)
    small = cv2.resize(values, (max(8, round(width / factor)), max(8, round(height / factor))), interpolation=cv2.INTER_AREA)
    if factor < 2:
        small = cv2.medianBlur(small, 3)
    large = cv2.resize(small, (width, height), interpolation=cv2.INTER_CUBIC)
    soft = cv2.GaussianBlur(large, (0, 0), factor * 0.6)
    crisp = cv2.addWeighted(large, 1.8, soft, -0.8, 0)
    return np.asarray(cv2.medianBlur(crisp, 3), np.uint8)

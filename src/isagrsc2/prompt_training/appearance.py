"""Random changes of colours, sharpness, noise and compression: another season, sensor or provider."""

from collections.abc import Callable
from dataclasses import dataclass

import cv2
import numpy as np
import numpy.typing as npt

from isagrsc2.options import check_number, check_share
from isagrsc2.prompt_training.ranges import Range, check_factors, check_range, log_uniform, uniform

Image = npt.NDArray[np.uint8]  # (S, S, 3) RGB
ChangeOfAppearance = Callable[[Image, np.random.Generator], Image]


@dataclass(frozen=True)
class Appearance:
    """Changes images in the order of the attributes, which is that of light, sensor and compression.

    Values are taken as shares of the full range, 0 to 1, and clipped at the end.

    Attributes:
        gamma: exponents; log-uniform.
        gain: factors, one for each channel; log-uniform.
        saturation: factors on the difference to the mean of the channels.
        contrast: factors on the difference to the mean of the image; log-uniform.
        brightness: largest number that is added or taken away, share of the full range.
        blur_probability: how often an image is blurred.
        blur: standard deviations of the Gaussian, px.
        noise_probability: how often noise is added.
        noise: standard deviations of the noise, share of the full range.
        jpeg_probability: how often an image is compressed.
        jpeg_quality: qualities of the JPEG, 1 to 100.
        permutation_probability: how often the channels change places.
    """

    gamma: Range
    gain: Range
    saturation: Range
    contrast: Range
    brightness: float
    blur_probability: float
    blur: Range
    noise_probability: float
    noise: Range
    jpeg_probability: float
    jpeg_quality: Range
    permutation_probability: float

    def __post_init__(self) -> None:
        """Check the numbers."""
        for name in ("gamma", "gain", "contrast", "blur"):
            check_factors(f"data.appearance.{name}", getattr(self, name))
        check_range("data.appearance.saturation", self.saturation, 0)
        check_range("data.appearance.noise", self.noise, 0)
        check_range("data.appearance.jpeg_quality", self.jpeg_quality, 1)
        check_number("data.appearance.jpeg_quality", self.jpeg_quality[1], 1, 100)
        check_share("data.appearance.brightness", self.brightness)
        for name in ("blur", "noise", "jpeg", "permutation"):
            check_share(f"data.appearance.{name}_probability", getattr(self, f"{name}_probability"))

    def __call__(self, image: Image, generator: np.random.Generator) -> Image:
        """Change an image.

        Args:
            image: (S, S, 3) uint8 RGB; stays as it is.
            generator: draws.

        Returns:
            (S, S, 3) uint8 RGB.
        """
        values = self._recolour(image, generator)
        if generator.random() < self.blur_probability:
            values = np.asarray(cv2.GaussianBlur(values, (0, 0), uniform(self.blur, generator)), np.float32)
        if generator.random() < self.noise_probability:
            values = values + 255 * uniform(self.noise, generator) * generator.standard_normal(values.shape, np.float32)
        changed = np.rint(np.clip(values, 0, 255)).astype(np.uint8)
        if generator.random() < self.jpeg_probability:
            changed = _compress(changed, round(uniform(self.jpeg_quality, generator)))
        if generator.random() < self.permutation_probability:
            changed = changed[:, :, generator.permutation(3)]
        return np.ascontiguousarray(changed)

    def _recolour(self, image: Image, generator: np.random.Generator) -> npt.NDArray[np.float32]:
        """(S, S, 3) float32, 8-bit levels, not clipped."""
        gamma = log_uniform(self.gamma, generator)
        gains = [log_uniform(self.gain, generator) for _ in range(3)]
        saturation = uniform(self.saturation, generator)
        contrast = log_uniform(self.contrast, generator)
        brightness = generator.uniform(-self.brightness, self.brightness)
        # What is done to each value alone is a table of 256; what mixes the channels linearly is one matrix.
        table = 255 * (np.arange(256) / 255)[:, None] ** gamma * gains  # (256, 3)
        values = cv2.LUT(image, table[None].astype(np.float32))  # (S, S, 3)
        mixing = contrast * (saturation * np.eye(3) + (1 - saturation) / 3)  # (3, 3)
        offset = (1 - contrast) * values.mean() + 255 * brightness
        return np.asarray(cv2.transform(values, np.column_stack([mixing, np.full(3, offset)]).astype(np.float32)), np.float32)


class SameAppearance:
    """Leaves images as they are."""

    def __call__(self, image: Image, generator: np.random.Generator) -> Image:  # noqa: ARG002
        """Return the image."""
        return image


def _compress(image: Image, quality: int) -> Image:
    _, encoded = cv2.imencode(".jpg", cv2.cvtColor(image, cv2.COLOR_RGB2BGR), [cv2.IMWRITE_JPEG_QUALITY, quality])
    decoded = np.asarray(cv2.imdecode(encoded, cv2.IMREAD_COLOR), np.uint8)
    return np.asarray(cv2.cvtColor(decoded, cv2.COLOR_BGR2RGB), np.uint8)

"""From any radiometry to 8 bit: one linear stretch per raster, measured once on an overview.

One stretch for the whole raster, never per tile: tiles stretched on their own differ in brightness, and the difference
shows as a seam in every later stage.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from isagrsc2.errors import InputError
from isagrsc2.options import check_number


@dataclass(frozen=True)
class Stretch:
    """A measured linear map from raw values to 0..255.

    Attributes:
        low: raw value that becomes 0, one per band (3,).
        high: raw value that becomes 255, one per band (3,).
    """

    low: tuple[float, float, float]
    high: tuple[float, float, float]

    def apply(self, raw: npt.NDArray[Any]) -> npt.NDArray[np.uint8]:
        """Stretch (H, W, 3) raw values of any dtype to uint8; what is not finite becomes 0."""
        # Single precision holds 16-bit values; of 32-bit integers it would lose the last digits.
        kind = np.result_type(raw.dtype, np.float32)
        low = np.asarray(self.low, kind)
        gain = kind.type(255.0) / (np.asarray(self.high, kind) - low)
        with np.errstate(over="ignore", invalid="ignore"):  # placeholders such as -3.4e38 are clipped below
            stretched = (raw.astype(kind) - low) * gain  # (H, W, 3)
        np.nan_to_num(stretched, copy=False, nan=0.0, posinf=255.0, neginf=0.0)
        return np.rint(np.clip(stretched, 0.0, 255.0, out=stretched)).astype(np.uint8)


@dataclass(frozen=True)
class PercentileStretch:
    """How to measure a stretch.

    Attributes:
        low: percentile that becomes 0.
        high: percentile that becomes 255.
        joint: one range for the three bands together, which keeps hues; else one range per band.
        enough: an 8-bit image whose values span this range is made for the eye and stays as it is; a duller one is
            stretched. Other dtypes have no natural range and are always stretched.
        max_gain: a dull 8-bit image is amplified at most this much, so that the noise of a uniform image does not become
            texture.
    """

    low: float
    high: float
    joint: bool
    enough: float
    max_gain: float

    def __post_init__(self) -> None:
        """Check the percentiles and the gain."""
        check_number("scene.stretch.low", self.low, 0, 100)
        check_number("scene.stretch.high", self.high, 0, 100)
        check_number("scene.stretch.enough", self.enough, 0, 256)
        check_number("scene.stretch.max_gain", self.max_gain, 1)
        if self.low >= self.high:
            raise InputError(f"scene.stretch.low={self.low} must be smaller than scene.stretch.high={self.high}.")

    def measure(self, raw: npt.NDArray[Any], valid: npt.NDArray[np.bool_]) -> Stretch:
        """Measure the stretch on an overview.

        Args:
            raw: (H, W, 3) raw values, finite where ``valid``.
            valid: (H, W) bool; where it is False nothing counts. With no valid pixel at all the stretch is 0..255.
        """
        values = raw[valid].astype(np.float64)  # (P, 3)
        if not len(values):
            return Stretch((0.0, 0.0, 0.0), (255.0, 255.0, 255.0))
        axis = None if self.joint else 0
        low, high = np.percentile(values, [self.low, self.high], axis=axis)
        low, high = np.broadcast_to(low, 3).copy(), np.broadcast_to(high, 3).copy()
        if raw.dtype == np.uint8 and (high - low).max() >= self.enough:
            return Stretch((0.0, 0.0, 0.0), (255.0, 255.0, 255.0))
        # A constant band has no range: give it one, centred, so that it becomes mid grey instead of dividing by zero.
        lacking = np.maximum(self._shortest(raw.dtype, np.maximum(np.abs(low), np.abs(high))) - (high - low), 0.0) / 2
        low, high = low - lacking, high + lacking
        return Stretch((low[0], low[1], low[2]), (high[0], high[1], high[2]))

    def _shortest(self, dtype: np.dtype[Any], largest: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
        """Shortest range that is stretched to 0..255, one per band (3,), given the largest absolute values (3,)."""
        if dtype == np.uint8:
            return np.full(3, 255.0 / self.max_gain)
        if np.issubdtype(dtype, np.integer):
            return np.ones(3)
        return np.where(largest > 1e-30, largest, 1.0) * 1e-6  # single precision holds seven digits


@dataclass(frozen=True)
class NoStretch:
    """Values are taken as they are, 0..255; for 8-bit images whose brightness must not change."""

    def measure(self, raw: npt.NDArray[Any], valid: npt.NDArray[np.bool_]) -> Stretch:  # noqa: ARG002
        """Return the identity."""
        return Stretch((0.0, 0.0, 0.0), (255.0, 255.0, 255.0))

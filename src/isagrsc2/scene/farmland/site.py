"""What one scene is like: the values it draws from the style, and the canvas it is drawn on."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, TypeVar

import cv2
import numpy as np
import numpy.typing as npt

from isagrsc2.scene.farmland.partition import Points, Polygon
from isagrsc2.scene.farmland.regimes import REGIMES, WIDTHS, Border, Regime
from isagrsc2.scene.farmland.surface import Surface

if TYPE_CHECKING:
    from isagrsc2.scene.farmland.style import FarmlandStyle, Range

Name = TypeVar("Name", bound=str)
SHIFT = 4  # fractional bits of drawn coordinates


@dataclass(frozen=True)
class Site:
    """What holds for a whole scene. Lengths are px unless said otherwise.

    Attributes:
        height: rows.
        width: columns.
        regime: how the land was divided.
        metres_per_pixel: ground sampling distance, m.
        side: square root of the typical parcel area.
        axis: main direction, a unit vector.
        sun: direction towards the sun, a unit vector; y points down.
        sun_elevation: rad.
        borders: width of a border and of the grass on each side of it.
    """

    height: int
    width: int
    regime: Regime
    metres_per_pixel: float
    side: float
    axis: complex
    sun: complex
    sun_elevation: float
    borders: Mapping[Border, tuple[float, float]] = field(hash=False)

    @property
    def square_kilometres(self) -> float:
        """Area of the scene, km²."""
        return self.height * self.width * (self.metres_per_pixel / 1000) ** 2

    def px(self, metres: float) -> float:
        """Length in px."""
        return metres / self.metres_per_pixel

    def frame(self, margin: float) -> Polygon:
        """A rectangle along the axis that contains the image and a margin."""
        centre = complex(self.width, self.height) / 2
        reach = abs(centre) + margin
        return [centre + self.axis * reach * corner for corner in (-1 - 1j, 1 - 1j, 1 + 1j, -1 + 1j)]

    def visible(self, polygon: Polygon, margin: float) -> bool:
        """Whether the bounding box meets the image."""
        xs, ys = [p.real for p in polygon], [p.imag for p in polygon]
        return max(xs) > -margin and min(xs) < self.width + margin and max(ys) > -margin and min(ys) < self.height + margin


def between(rng: np.random.Generator, limits: "Range", *, logarithmic: bool = False) -> float:
    """A value between two limits."""
    low, high = float(limits[0]), float(limits[1])
    return float(np.exp(rng.uniform(np.log(low), np.log(high)))) if logarithmic else float(rng.uniform(low, high))


def pick(rng: np.random.Generator, weights: Mapping[Name, float]) -> Name:
    """A key, with the probability of its weight."""
    left = rng.random() * sum(weights.values())
    for name, weight in weights.items():
        left -= weight
        if left < 0 < weight:
            return name
    return max(weights, key=lambda name: weights[name])  # rounding left nothing


def draw_site(rng: np.random.Generator, height: int, width: int, style: "FarmlandStyle") -> Site:
    """Draw the values that hold for a whole scene."""
    regime = REGIMES[pick(rng, style.regimes)]
    metres = between(rng, style.metres_per_pixel, logarithmic=True)
    side = between(rng, regime.side, logarithmic=True) / metres
    side = min(max(side, float(style.parcel_side_px[0])), float(style.parcel_side_px[1]))
    angle = rng.uniform(-1, 1) * regime.rotation
    # The sun of the northern mid-latitudes stands between south-east and south-west when images are taken.
    azimuth = np.deg2rad(rng.uniform(20, 160))
    borders = {}
    for border, (core, sides) in WIDTHS.items():
        borders[border] = (between(rng, core) / metres, between(rng, sides) / metres)
    return Site(
        height=height,
        width=width,
        regime=regime,
        metres_per_pixel=metres,
        side=side,
        axis=complex(np.exp(1j * angle)),
        sun=complex(np.exp(1j * azimuth)),
        sun_elevation=float(np.deg2rad(between(rng, style.sun_elevation))),
        borders=borders,
    )


@dataclass(frozen=True)
class Canvas:
    """The scene as codes; drawing changes the arrays.

    Attributes:
        surface: (H, W) uint8, ``Surface`` codes.
        cells: (H, W) int32, index of the cell (a piece of land worked as one), from 0.
        guide: (H, W) float32, a coordinate along which the rows of some cells are counted, px.
    """

    surface: npt.NDArray[np.uint8]
    cells: npt.NDArray[np.int32]
    guide: npt.NDArray[np.float32]

    @classmethod
    def empty(cls, height: int, width: int) -> "Canvas":
        """Cropland everywhere, without a cell (-1)."""
        shape = (height, width)
        return cls(np.zeros(shape, np.uint8), np.full(shape, -1, np.int32), np.zeros(shape, np.float32))

    def fill(self, points: Points, surface: int) -> None:
        """Cover a polygon."""
        cv2.fillPoly(self.surface, [fixed(points)], int(surface), shift=SHIFT)

    def line(self, points: Points, width: float, surface: Surface, rng: np.random.Generator) -> None:
        """Cover a line; a width between two whole px is rounded at random, a line of 0 px is left out."""
        thickness = int(width + rng.random())
        if thickness:
            cv2.polylines(self.surface, [fixed(points)], False, int(surface), thickness, shift=SHIFT)

    def disc(self, centre: complex, radius: float, surface: Surface) -> None:
        """Cover a disc."""
        one = 1 << SHIFT
        place = (round(centre.real * one), round(centre.imag * one))
        cv2.circle(self.surface, place, max(1, round(radius * one)), int(surface), -1, shift=SHIFT)

    def claim(self, points: Points, cell: int) -> None:
        """Give a polygon to a cell."""
        cv2.fillPoly(self.cells, [fixed(points)], cell, shift=SHIFT)

    def window(self, points: Points) -> tuple[slice, slice] | None:
        """Rows and columns of the image that a polygon touches; None if it touches none."""
        height, width = self.surface.shape
        left, right = max(0, int(points.real.min())), min(width, int(points.real.max()) + 2)
        top, bottom = max(0, int(points.imag.min())), min(height, int(points.imag.max()) + 2)
        return (slice(top, bottom), slice(left, right)) if left < right and top < bottom else None

    def inside(self, points: Points, window: tuple[slice, slice]) -> npt.NDArray[np.bool_]:
        """Which pixels of a window lie in a polygon."""
        rows, columns = window
        mask = np.zeros((rows.stop - rows.start, columns.stop - columns.start), np.uint8)
        cv2.fillPoly(mask, [fixed(points - complex(columns.start, rows.start))], 1, shift=SHIFT)
        return mask.astype(bool)


def fixed(points: Points) -> npt.NDArray[np.int32]:
    """(P, 1, 2) fixed-point coordinates as OpenCV wants them."""
    scaled = np.asarray(points, np.complex128) * (1 << SHIFT)
    return np.rint(np.stack([scaled.real, scaled.imag], -1)).astype(np.int32)[:, None]

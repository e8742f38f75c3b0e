"""Random fields: smooth, fractal, and tiles that are sampled along rows. All from the generator that is passed."""

from functools import lru_cache

import cv2
import numpy as np
import numpy.typing as npt

Field = npt.NDArray[np.float32]
_FINEST = 6.0  # px between the last knots before the final interpolation


def white(rng: np.random.Generator, height: int, width: int) -> Field:
    """(H, W) independent standard normal values."""
    return rng.standard_normal((height, width), dtype=np.float32)


def fractal(rng: np.random.Generator, height: int, width: int, wavelength: float, octaves: int, gain: float = 0.5) -> Field:
    """Sum of smooth random fields whose wavelengths halve.

    Built as a pyramid from the coarsest octave, so the cost follows the area, whatever the wavelength.

    Args:
        rng: source of randomness.
        height: rows.
        width: columns.
        wavelength: px between the knots of the first octave.
        octaves: number of octaves; those finer than two pixels are left out.
        gain: amplitude of an octave over that of the one before.

    Returns:
        (H, W), mean about 0, standard deviation about 1.
    """
    octaves = max(1, min(octaves, 1 + int(np.log2(max(wavelength / 2.0, 1.0)))))
    levels = max(octaves, 1 + int(np.ceil(np.log2(max(wavelength / _FINEST, 1.0)))))
    step = wavelength / 2 ** (levels - 1)  # px per knot of the last level
    sizes = [(int(np.ceil(height / step)) + 4, int(np.ceil(width / step)) + 4)]
    for _ in range(levels - 1):
        rows, columns = sizes[-1]
        sizes.append((-(-rows // 2) + 3, -(-columns // 2) + 3))
    sizes.reverse()
    values = white(rng, *sizes[0])
    for level in range(1, levels):
        rows, columns = sizes[level]
        values = np.asarray(cv2.resize(values, None, fx=2, fy=2, interpolation=cv2.INTER_CUBIC), np.float32)
        top, left = rng.integers(1, 3, 2)  # the knots of the octaves must not lie on each other
        values = values[top : top + rows, left : left + columns]
        if level < octaves:
            values = values + np.float32(gain**level) * white(rng, rows, columns)
    rows, columns = sizes[-1]
    size = (max(round(columns * step), width + 2), max(round(rows * step), height + 2))
    values = np.asarray(cv2.resize(values, size, interpolation=cv2.INTER_CUBIC), np.float32)
    top, left = (size[1] - height) // 2, (size[0] - width) // 2
    norm = 0.75 * np.sqrt(sum(gain ** (2 * level) for level in range(octaves)))
    return np.ascontiguousarray(values[top : top + height, left : left + width]) / np.float32(norm)


def sample(tile: Field, x: Field, y: Field) -> Field:
    """Value of a tile that repeats without end, at (H, W) coordinates in tile px."""
    # Wrapped here and not by OpenCV, whose wrapping mode is four times slower and ends at 32767.
    rows, columns = tile.shape
    x = x - np.floor(x * np.float32(1 / columns)) * np.float32(columns)
    y = y - np.floor(y * np.float32(1 / rows)) * np.float32(rows)
    ring = cv2.copyMakeBorder(tile, 0, 2, 0, 2, cv2.BORDER_WRAP)
    return np.asarray(cv2.remap(ring, x, y, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE), np.float32)


CROWN_SPACING = 12  # tile px between neighbouring trees of `crowns`


@lru_cache(maxsize=1)
def crowns() -> tuple[Field, Field]:
    """A closed canopy as a tile that repeats: height of the crowns, 0 to 1, and a tint per tree, -1 to 1.

    Trees stand on a jittered grid; each is a dome, the canopy is the highest of the nine domes near a pixel.
    The tile is the same for every scene, which turns, scales and shifts it.
    """
    rng, trees = np.random.default_rng(20240229), 40
    jitter = rng.uniform(-0.42, 0.42, (2, trees, trees))
    radius = rng.uniform(0.5, 1.05, (trees, trees))
    top = rng.uniform(0.55, 1.0, (trees, trees))
    tint = rng.uniform(-1.0, 1.0, (trees, trees))
    inside = (np.arange(CROWN_SPACING) + 0.5) / CROWN_SPACING - 0.5
    inside = np.tile(inside, trees)  # place of a pixel inside its grid cell, in spacings
    height = np.zeros((trees * CROWN_SPACING,) * 2)
    colour = np.zeros_like(height)

    def spread(values: npt.NDArray[np.float64], down: int, right: int) -> npt.NDArray[np.float64]:
        rolled = np.roll(values, (-down, -right), (-2, -1))
        return rolled.repeat(CROWN_SPACING, -2).repeat(CROWN_SPACING, -1)

    for down in (-1, 0, 1):
        for right in (-1, 0, 1):
            dy = inside[:, None] - spread(jitter[0], down, right) - down
            dx = inside[None, :] - spread(jitter[1], down, right) - right
            dome = np.sqrt(np.maximum(1 - (dx**2 + dy**2) / spread(radius, down, right) ** 2, 0))
            dome *= spread(top, down, right)
            colour = np.where(dome > height, spread(tint, down, right), colour)
            height = np.maximum(height, dome)
    return height.astype(np.float32), colour.astype(np.float32)

"""Farmsteads and villages: yards, gardens, streets, houses and barns."""

from collections.abc import Sequence

import cv2
import numpy as np

from isagrsc2.scene.farmland.layout import Route
from isagrsc2.scene.farmland.partition import Points, Polygon, Rule, extent, split
from isagrsc2.scene.farmland.regimes import Border
from isagrsc2.scene.farmland.site import Canvas, Site, between
from isagrsc2.scene.farmland.style import FarmlandStyle
from isagrsc2.scene.farmland.surface import N_ROOFS, Surface

_ROOFS = N_ROOFS // 2  # colours; each has a sunlit and a shaded code
_WET = (Surface.WATER, Surface.DITCH)
_REACHED = (Border.TRACK, Border.GRAVEL, Border.PAVED)


def settle(rng: np.random.Generator, site: Site, style: FarmlandStyle, canvas: Canvas, routes: Sequence[Route]) -> None:
    """Build villages and farmsteads beside roads."""
    roads = [route for route in routes if route.border in _REACHED and len(route.points) > 1]
    if not roads:
        return
    for _ in range(rng.poisson(style.village * min(site.square_kilometres, 3.0) + 0.02)):
        place = _beside(rng, site, canvas, roads)
        if place is not None:
            _village(rng, site, canvas, *place)
    count = rng.poisson(between(rng, style.farmsteads_per_km2) * site.square_kilometres + 0.15)
    for _ in range(min(count, 1 + site.height * site.width // 12000)):
        place = _beside(rng, site, canvas, roads)
        if place is not None:
            _farmstead(rng, site, canvas, *place)


def _beside(rng: np.random.Generator, site: Site, canvas: Canvas, roads: Sequence[Route]) -> tuple[complex, complex] | None:
    """A point on a road inside the image and on dry land, and the road's direction there."""
    for _ in range(6):
        points = roads[int(rng.integers(len(roads)))].points
        index = int(rng.integers(len(points) - 1))
        step = points[index + 1] - points[index]
        point = complex(points[index] + step * rng.random())
        if not (0 <= point.real < site.width and 0 <= point.imag < site.height) or abs(step) == 0:
            continue
        near = cv2.getRectSubPix(canvas.surface, (9, 9), (point.real, point.imag))
        if not np.isin(near, _WET).any():
            return point, complex(step / abs(step))
    return None


def _box(centre: complex, axis: complex, length: float, width: float) -> Points:
    corners = np.array([-length - 1j * width, length - 1j * width, length + 1j * width, -length + 1j * width]) / 2
    return np.asarray(centre + axis * corners)


def _building(
    rng: np.random.Generator, site: Site, canvas: Canvas, centre: complex, axis: complex, metres: tuple[float, float], roof: int
) -> None:
    """A house: two slopes of a gabled roof, of which one faces the sun; or a flat roof."""
    length, width = max(site.px(metres[0]), 1.0), max(site.px(metres[1]), 1.0)
    lit, shaded = int(Surface.ROOF) + roof, int(Surface.ROOF) + _ROOFS + roof
    canvas.fill(_box(centre, axis, length, width), lit)
    if width >= 4 and rng.random() < 0.75:
        normal = axis * 1j
        away = -normal if (normal * site.sun.conjugate()).real > 0 else normal
        canvas.fill(_box(centre + away * width / 4, axis, length, width / 2), shaded)


def _farmstead(rng: np.random.Generator, site: Site, canvas: Canvas, road: complex, axis: complex) -> None:
    """A yard off the road with a house, barns, silos and trees."""
    normal = axis * 1j * (1 if rng.random() < 0.5 else -1)
    size = site.px(rng.uniform(40, 110))
    deep = size * rng.uniform(0.7, 1.5)
    centre = road + normal * (site.px(rng.uniform(12, 40)) + deep / 2)
    grown = _box(centre, axis, size, deep) + site.px(4) * (rng.standard_normal(4) + 1j * rng.standard_normal(4))
    canvas.fill(grown, Surface.LAWN)
    yard = centre + size * 0.2 * complex(rng.uniform(-1, 1), rng.uniform(-1, 1))
    canvas.fill(_box(yard, axis, size * rng.uniform(0.3, 0.7), deep * rng.uniform(0.3, 0.7)), Surface.YARD)
    canvas.line(np.array([road, centre]), site.px(rng.uniform(3, 6)), Surface.YARD, rng)
    crown = max(site.px(4.5), 0.8)
    side = rng.choice([-1.0, 1.0])
    for _ in range(int(rng.integers(0, 40))):  # a windbreak along one side, and trees here and there
        along = complex(
            rng.uniform(-0.5, 0.5), side * rng.uniform(0.35, 0.55) if rng.random() < 0.7 else rng.uniform(-0.5, 0.5)
        )
        spot = centre + axis * complex(along.real * size, along.imag * deep)
        canvas.disc(spot, crown * rng.uniform(0.6, 1.3), Surface.HEDGE)
    metal = int(rng.integers(_ROOFS))
    for _ in range(int(rng.integers(2, 9))):
        spot = centre + axis * complex(rng.uniform(-0.42, 0.42) * size, rng.uniform(-0.42, 0.42) * deep)
        turn = axis if rng.random() < 0.5 else axis * 1j
        kind = rng.random()
        if kind < 0.2:
            canvas.disc(spot, max(site.px(rng.uniform(2.5, 6)), 0.6), Surface(Surface.ROOF))
        elif kind < 0.5:
            _building(rng, site, canvas, spot, turn, (rng.uniform(10, 16), rng.uniform(8, 11)), int(rng.integers(_ROOFS)))
        else:
            _building(rng, site, canvas, spot, turn, (rng.uniform(18, 60), rng.uniform(10, 20)), metal)


def _village(rng: np.random.Generator, site: Site, canvas: Canvas, road: complex, axis: complex) -> None:
    """Street blocks cut into plots; where the blocks end, the village ends."""
    radius = max(site.px(rng.uniform(80, 380)), 24.0)
    axis = axis * complex(np.exp(0.15j * rng.standard_normal()))
    stretch = rng.uniform(0.4, 1.0)
    square: Polygon = [road + axis * radius * corner for corner in (-1 - 1j, 1 - 1j, 1 + 1j, -1 + 1j)]
    irregular = rng.random() < 0.5
    block = max(site.px(rng.uniform(60, 120)), 14.0)
    rule = Rule(block**2, 0.3, 1.5, 0.3 if irregular else 0.1, 0.15 if irregular else 0.0)
    blocks, streets = split(rng, square, axis, rule, lambda p: site.visible(p, 0.0))
    inner = []
    for piece in blocks:
        away = (sum(piece) / len(piece) - road) * axis.conjugate()
        if abs(complex(away.real, away.imag / stretch)) < radius * rng.uniform(0.75, 1.1):
            inner.append(piece)
            canvas.fill(np.array(piece), Surface.LAWN)
    width = site.px(rng.uniform(4, 6.5))
    for start, end in (line for line, _ in streets):
        if max(abs(start - road), abs(end - road)) < 0.95 * radius:
            canvas.line(np.array([start, end]), max(width, 1.0), Surface.PAVED, rng)
    favourite = rng.integers(0, _ROOFS, 4)
    plot = max(site.px(rng.uniform(18, 34)), 4.0)
    trees = rng.uniform(0.2, 3.5)
    crown = max(site.px(4.0), 0.8)
    for piece in inner:
        plots, _ = split(rng, piece, axis, Rule(plot**2, 0.25, 1.3, 0.2, 0.02), lambda p: site.visible(p, 0.0))
        for ground in plots:
            _plot(rng, site, canvas, ground, axis, int(rng.choice(favourite)))
            for _ in range(rng.poisson(trees)):
                spot = sum(ground) / len(ground) + plot * 0.5 * complex(rng.uniform(-1, 1), rng.uniform(-1, 1))
                canvas.disc(spot, crown * rng.uniform(0.5, 1.3), Surface.HEDGE)


def _plot(rng: np.random.Generator, site: Site, canvas: Canvas, ground: Polygon, axis: complex, roof: int) -> None:
    if rng.random() < 0.12:
        return
    along_low, along_high, across_low, across_high = extent(ground, axis)
    length, width = (along_high - along_low) * site.metres_per_pixel, (across_high - across_low) * site.metres_per_pixel
    centre = sum(ground) / len(ground) + site.px(3) * complex(rng.standard_normal(), rng.standard_normal())
    if rng.random() < 0.25:
        canvas.fill(_box(centre, axis, site.px(length * 0.5), site.px(width * 0.7)), Surface.YARD)
    turn = axis if rng.random() < 0.6 else axis * 1j
    house = (min(length * 0.6, rng.uniform(9, 18)), min(width * 0.6, rng.uniform(7, 12)))
    if rng.random() < 0.06:
        house = (length * 0.75, width * 0.7)
    _building(rng, site, canvas, complex(centre), turn, house, roof)

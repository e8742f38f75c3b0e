"""What interrupts fields with natural outlines: woods, rough grass, rivers, lakes, grassed waterways, copses, trees."""

from collections.abc import Sequence
from itertools import pairwise

import cv2
import numpy as np
import numpy.typing as npt

from isagrsc2.scene.farmland.layout import Cell, Route
from isagrsc2.scene.farmland.noise import Field, fractal
from isagrsc2.scene.farmland.partition import Points, wander
from isagrsc2.scene.farmland.regimes import Border
from isagrsc2.scene.farmland.site import Canvas, Site, between
from isagrsc2.scene.farmland.style import FarmlandStyle
from isagrsc2.scene.farmland.surface import Surface

_SAMPLE = 7  # quantiles are taken on every seventh row and column


def grow(rng: np.random.Generator, site: Site, style: FarmlandStyle, canvas: Canvas, cells: Sequence[Cell]) -> None:
    """Let grassland and woods take whole cells and blobs; roll out waterways, rivers, lakes and copses."""
    ragged = fractal(rng, site.height, site.width, max(site.px(60), 6), 4, 0.7)
    cropped = canvas.surface == Surface.CROP
    _cover(rng, site, canvas, cells, _share(rng, style.grassland), Surface.PASTURE, ragged, cropped)
    _waterways(rng, site, canvas)
    woods = _share(rng, style.woods)
    _cover(rng, site, canvas, cells, woods, Surface.WOODS, ragged, np.ones_like(cropped))
    _copses(rng, site, canvas)
    if rng.random() < style.river:
        _river(rng, site, canvas, ragged)
    _lakes(rng, site, canvas, _share(rng, style.water))


def _share(rng: np.random.Generator, limits: Sequence[float]) -> float:
    low, high = limits
    return float(low + (high - low) * rng.random() ** 2)


def _cover(
    rng: np.random.Generator,
    site: Site,
    canvas: Canvas,
    cells: Sequence[Cell],
    share: float,
    surface: Surface,
    ragged: Field,
    allowed: npt.NDArray[np.bool_],
) -> None:
    """Cover about a share of the scene: one part as whole cells with ragged edges, the other as blobs."""
    if share < 0.005 or not cells:
        return
    where = fractal(rng, site.height, site.width, max(site.px(rng.uniform(250, 900)), 40), 4, 0.55)
    part = share * rng.uniform(0.2, 0.8)  # of the scene, as whole cells
    thumbnail = where[::_SAMPLE, ::_SAMPLE]
    likely = np.quantile(thumbnail, max(1 - 2 * part, 0.0))
    rows = np.array([min(max(int(cell.centre.imag), 0), site.height - 1) for cell in cells])
    columns = np.array([min(max(int(cell.centre.real), 0), site.width - 1) for cell in cells])
    chosen = (where[rows, columns] >= likely) & (rng.random(len(cells)) < 0.5)  # (C,)
    mask = chosen[canvas.cells]
    distance = cv2.distanceTransform(mask.view(np.uint8), cv2.DIST_L2, 3)
    mask &= distance > site.px(4) * (0.5 + ragged)
    blobs = where + np.float32(0.25) * ragged > np.quantile(thumbnail, 1 - (share - part))
    canvas.surface[(mask | blobs) & allowed] = surface


def _waterways(rng: np.random.Generator, site: Site, canvas: Canvas) -> None:
    """Grassed waterways: branching strips of grass where runoff gathers; they divide or dent parcels."""
    count = rng.poisson(min(1.2, 0.4 + site.square_kilometres * 1.5) * max(1.0, site.height * site.width / 1e6))
    for _ in range(count if rng.random() < 0.5 else 0):
        start = complex(rng.uniform(0, site.width), rng.uniform(0, site.height))
        heading = rng.uniform(0, 2 * np.pi)
        length = max(site.px(rng.uniform(150, 700)), 40)
        stem = wander(rng, start, heading, length, max(length / 30, 3), rng.uniform(0.3, 0.7))
        width = site.px(rng.uniform(5, 16))
        _taper(rng, canvas, stem, width, Surface.MARGIN)
        for _ in range(int(rng.integers(0, 5))):
            at = int(rng.integers(0, len(stem)))
            turn = rng.choice([-1, 1]) * rng.uniform(0.5, 1.1)
            branch = wander(rng, stem[at], heading + np.pi + turn, length * rng.uniform(0.15, 0.5), max(length / 30, 3), 0.5)
            _taper(rng, canvas, branch, width * rng.uniform(0.4, 0.8), Surface.MARGIN)


def _taper(rng: np.random.Generator, canvas: Canvas, path: Points, width: float, surface: Surface) -> None:
    """A line that becomes thinner, in four pieces."""
    edges = np.linspace(0, len(path) - 1, 5).astype(int)
    for piece, (low, high) in enumerate(pairwise(edges)):
        canvas.line(path[low : high + 1], width * (1 - 0.2 * piece), surface, rng)


def _outline(rng: np.random.Generator, centre: complex, radius: float) -> Points:
    """A closed natural outline about a point."""
    angles = np.linspace(0, 2 * np.pi, 40, endpoint=False)
    radii = np.full(40, 1.0)
    for order in (1, 2, 3, 4, 5):
        radii += 0.28 / order * rng.standard_normal() * np.cos(order * angles + rng.uniform(0, 2 * np.pi))
    stretch = np.exp(1j * rng.uniform(0, np.pi))
    shape = np.maximum(radii, 0.25) * np.exp(1j * angles) * radius
    squeezed = (shape * stretch).real + 1j * (shape * stretch).imag * rng.uniform(0.45, 1)
    return np.asarray(centre + squeezed * stretch)


def _copses(rng: np.random.Generator, site: Site, canvas: Canvas) -> None:
    """Small woods, thickets and ponds in the middle of fields: parcels with holes."""
    count = rng.poisson(site.square_kilometres * rng.uniform(0, 6) + 0.2)
    limit = int(site.height * site.width / 9000) + 1
    for _ in range(min(count, limit)):
        centre = complex(rng.uniform(0, site.width), rng.uniform(0, site.height))
        radius = site.px(between(rng, (5, 38), logarithmic=True))
        if radius < 1.5:
            continue
        kind = rng.random()
        rim = 1 + site.px(rng.uniform(0, 2.5)) / radius
        canvas.fill(_outline(rng, centre, radius * rim), Surface.MARGIN if kind < 0.75 else Surface.SCRUB)
        if kind < 0.65:
            canvas.fill(_outline(rng, centre, radius), Surface.WOODS)
        elif kind < 0.72:
            canvas.fill(_outline(rng, centre, radius * 0.85), Surface.WATER)


def _river(rng: np.random.Generator, site: Site, canvas: Canvas, ragged: Field) -> None:
    """A river or stream with its banks and woods."""
    heading = rng.uniform(0, 2 * np.pi)
    middle = complex(rng.uniform(0.15, 0.85) * site.width, rng.uniform(0.15, 0.85) * site.height)
    reach = abs(complex(site.width, site.height))
    start = middle - reach * complex(np.exp(1j * heading))
    width = max(site.px(between(rng, (3, 45), logarithmic=True)), 1.0)
    step = max(4.0, width / 2, site.px(12))
    path = wander(rng, start, heading, 2 * reach, step, rng.uniform(0.25, 0.75))
    path += middle - path[len(path) // 2]
    band = np.full((site.height, site.width), 255, np.uint8)
    cv2.polylines(band, [_whole(path)], False, 0, 1)
    distance = cv2.distanceTransform(band, cv2.DIST_L2, 5)
    bank = width / 2 + site.px(rng.uniform(2, 12))
    canvas.surface[distance < bank * (1 + 0.3 * ragged)] = Surface.MARGIN
    trees = width / 2 + site.px(between(rng, (3, 45), logarithmic=True))
    patchy = rng.uniform(-0.2, 1.0)  # how much of the bank has trees
    canvas.surface[distance < trees * (patchy + 0.9 * ragged)] = Surface.WOODS
    canvas.surface[distance < np.maximum(width / 2 * (1 + 0.12 * ragged), 0.8)] = Surface.WATER


def _whole(path: Points) -> npt.NDArray[np.int32]:
    return np.rint(np.stack([path.real, path.imag], -1)).astype(np.int32)[:, None]


def _lakes(rng: np.random.Generator, site: Site, canvas: Canvas, share: float) -> None:
    """Lakes and ponds that together cover about a share of the scene."""
    left = share * site.height * site.width if rng.random() < 0.35 else 0.0
    while left > 30:
        size = left * rng.uniform(0.3, 1.1)
        centre = complex(rng.uniform(0, site.width), rng.uniform(0, site.height))
        radius = float(np.sqrt(size / np.pi)) * 1.15
        outline = _outline(rng, centre, radius)
        if rng.random() < 0.5:  # trees stand on one side
            shift = 0.3 * radius * complex(np.exp(1j * rng.uniform(0, 2 * np.pi)))
            canvas.fill(outline + shift, Surface.WOODS if rng.random() < 0.6 else Surface.SCRUB)
        shore = site.px(rng.uniform(1, 6))
        canvas.fill(centre + (outline - centre) * (1 + shore / max(radius, 1)), Surface.MARGIN)
        canvas.fill(outline, Surface.WATER)
        left -= max(size, 30)


def plant_trees(rng: np.random.Generator, site: Site, canvas: Canvas, routes: Sequence[Route]) -> None:
    """Single trees: in pasture and gardens, and in loose rows along lines."""
    crown = max(site.px(4.0), 0.8)  # radius
    density = rng.uniform(0, 1) ** 2 * 0.10 / (np.pi * crown**2)
    count = int(min(density * site.height * site.width, site.height * site.width / 60))
    xs, ys = rng.integers(0, site.width, count), rng.integers(0, site.height, count)
    kinds = canvas.surface[ys, xs]
    chance = np.zeros(256)
    chance[[Surface.PASTURE, Surface.SCRUB, Surface.LAWN, Surface.VERGE]] = (0.5, 1.0, 1.0, 0.15)
    chance[Surface.MARGIN] = 0.12
    keep = rng.random(count) < chance[kinds]
    radii = crown * rng.uniform(0.6, 1.4, count)
    for x, y, radius in zip(xs[keep], ys[keep], radii[keep], strict=True):
        canvas.disc(complex(x, y), radius, Surface.HEDGE)
    for route in routes:
        if route.border in (Border.NONE, Border.HEDGE) or rng.random() > 0.07:
            continue
        steps = np.abs(np.diff(route.points))
        length = float(steps.sum())
        places = np.arange(rng.uniform(0, 1), length, crown * rng.uniform(2.2, 6))
        at = np.interp(places, np.append(0, np.cumsum(steps)), np.arange(len(route.points)))
        xs_, ys_ = (np.interp(at, np.arange(len(route.points)), part) for part in (route.points.real, route.points.imag))
        core, side = site.borders[route.border]
        normal = 1j * (route.points[-1] - route.points[0]) / max(abs(route.points[-1] - route.points[0]), 1e-6)
        shift = normal * (core / 2 + max(side, crown) * 0.7)
        for x, y in zip(xs_, ys_, strict=True):
            if rng.random() < 0.8:
                canvas.disc(complex(x, y) + shift, crown * rng.uniform(0.6, 1.3), Surface.HEDGE)

"""From the land to parcels: blocks between roads, cells inside blocks, and what lies on the lines between them."""

from dataclasses import dataclass, field, replace
from itertools import pairwise

import cv2
import numpy as np

from isagrsc2.scene.farmland.noise import fractal
from isagrsc2.scene.farmland.partition import Bend, Points, Polygon, Rule, area, extent, split
from isagrsc2.scene.farmland.regimes import REGIMES, Border, Regime
from isagrsc2.scene.farmland.site import Canvas, Site, between, pick
from isagrsc2.scene.farmland.style import FarmlandStyle
from isagrsc2.scene.farmland.surface import Surface


@dataclass(frozen=True)
class Cell:
    """A piece of land worked as one.

    Attributes:
        centre: a point inside, px.
        size: area, px².
        heading: direction of the rows, rad.
        block: index of its block.
        follows: whether rows follow ``Canvas.guide`` (contour lines, circles).
        parity: neighbouring contour strips alternate between 0 and 1; -1 elsewhere.
        orchard: trees in rows.
    """

    centre: complex
    size: float
    heading: float
    block: int
    follows: bool = False
    parity: int = -1
    orchard: bool = False


@dataclass(frozen=True)
class Route:
    """A line between pieces of land.

    Attributes:
        points: px.
        border: what lies on it.
        rank: 0 for the longest lines of a scene.
    """

    points: Points
    border: Border
    rank: int


@dataclass
class Division:
    """The land divided: cells by index, and lines in the order they were cut."""

    cells: list[Cell] = field(default_factory=list)
    routes: list[Route] = field(default_factory=list)


def divide(rng: np.random.Generator, site: Site, style: FarmlandStyle, canvas: Canvas) -> Division:
    """Divide the land and claim every pixel for a cell."""
    regime = site.regime
    bend = Bend(rng, regime.bend * site.side, max(5 * site.side, 60))
    margin = 2.5 * regime.bend * site.side
    rule = Rule(
        area=site.side**2 * between(rng, regime.block),
        spread=0.4,
        elongation=rng.uniform(1, 1.6),
        offset=regime.offset,
        skew=regime.skew,
    )
    blocks, cuts = split(rng, site.frame(margin + 0.5 * site.side), site.axis, rule, lambda p: site.visible(p, margin))
    division = Division()
    mixed = rng.random() < style.regime_mixture
    for index, block in enumerate(blocks):
        inner = REGIMES[pick(rng, style.regimes)] if mixed and rng.random() < 0.5 else regime
        _divide_block(rng, site, inner, style.pivots, canvas, division, bend, block, index)
    for line, depth in cuts:
        weights = dict(regime.roads)
        if depth < 2:  # the longest lines are roads
            weights = {border: weight * (3 if border in _ROADS else 0.3) for border, weight in weights.items()}
        division.routes.append(Route(bend.trace(line, closed=False), pick(rng, weights), depth))
    _close_gaps(canvas)
    return division


_ROADS = (Border.GRAVEL, Border.PAVED)


def _divide_block(
    rng: np.random.Generator,
    site: Site,
    regime: Regime,
    pivots: float,
    canvas: Canvas,
    division: Division,
    bend: Bend,
    block: Polygon,
    index: int,
) -> None:
    axis = _block_axis(rng, site, regime, block)
    use = rng.random()
    if use < pivots and site.side > 30:
        _pivots(rng, site, canvas, division, bend, block, index)
        return
    if use < pivots + regime.contour:
        _contour_strips(rng, site, canvas, division, bend.trace(block, closed=True), axis, index)
        return
    orchard = use > 1 - regime.orchard
    elongation = between(rng, regime.elongation)
    side = site.side * float(np.exp(0.2 * rng.standard_normal()))
    rule = Rule(side**2, regime.spread, elongation, regime.offset, regime.skew)
    margin = 2.5 * site.regime.bend * site.side
    pieces, cuts = split(rng, block, axis, rule, lambda p: site.visible(p, margin))
    for piece in pieces:
        across = rng.random() < 0.18  # most fields are worked along their length
        along_low, along_high, across_low, across_high = extent(piece, axis)
        if along_high - along_low < across_high - across_low:
            across = not across
        heading = float(np.angle(axis)) + (np.pi / 2 if across else 0.0) + 0.02 * rng.standard_normal()
        _add(
            canvas, division, bend.trace(piece, closed=True), Cell(_middle(piece), area(piece), heading, index, orchard=orchard)
        )
    for line, depth in cuts:
        division.routes.append(Route(bend.trace(line, closed=False), pick(rng, regime.borders), 10 + depth))


def _block_axis(rng: np.random.Generator, site: Site, regime: Regime, block: Polygon) -> complex:
    """Parcels lie along the longest side of their block, or along the main direction."""
    axis = site.axis * complex(np.exp(1j * rng.uniform(-1, 1) * regime.block_turn * 0.5))
    edges = [b - a for a, b in zip(block, block[1:] + block[:1], strict=True)]
    if rng.random() < 0.75:
        longest = max(edges, key=abs)
        axis = longest / abs(longest)
    return axis * 1j if rng.random() < 0.35 else axis


def _middle(polygon: Polygon) -> complex:
    return sum(polygon) / len(polygon)


def _add(canvas: Canvas, division: Division, points: Points, cell: Cell) -> int:
    canvas.claim(points, len(division.cells))
    division.cells.append(cell)
    return len(division.cells) - 1


def _pivots(
    rng: np.random.Generator, site: Site, canvas: Canvas, division: Division, bend: Bend, block: Polygon, index: int
) -> None:
    """Circles in squares; corners are dry, or worked on their own."""
    side = max(site.side * rng.uniform(1.0, 1.8), 36.0)
    squares, cuts = split(rng, block, site.axis, Rule(side**2, 0.1, 1, 0, 0), lambda p: site.visible(p, 0.0))
    dry = rng.random() < 0.65
    for square in squares:
        points = bend.trace(square, closed=True)
        corner = Cell(_middle(square), area(square), float(np.angle(site.axis)), index)
        _add(canvas, division, points, corner)
        along_low, along_high, across_low, across_high = extent(square, site.axis)
        radius = 0.49 * min(along_high - along_low, across_high - across_low)
        centre = site.axis * complex(along_low + along_high, across_low + across_high) / 2
        if dry:
            canvas.fill(points, Surface.PASTURE if rng.random() < 0.6 else Surface.SCRUB)
        if radius < 12 or rng.random() < 0.12:
            continue
        sectors = 1 if rng.random() < 0.65 else int(rng.integers(2, 4))
        start = rng.uniform(0, 2 * np.pi)
        bounds = start + np.append(0, np.cumsum(rng.dirichlet(np.full(sectors, 4.0)))) * 2 * np.pi
        for low, high in pairwise(bounds):
            arc: Points = centre + radius * np.exp(1j * np.linspace(low, high, 64, dtype=np.float64))
            sector: Points = arc if sectors == 1 else np.append(arc, [centre])
            size = np.pi * radius**2 / sectors
            _add(canvas, division, sector, replace(corner, centre=centre, size=size, follows=True))
            canvas.fill(sector, Surface.CROP)
        window = canvas.window(centre + radius * np.exp(1j * np.linspace(0, 2 * np.pi, 16)) * 1.05)
        if window is not None:
            rows, columns = window
            y = np.arange(rows.start, rows.stop, dtype=np.float32)[:, None] - np.float32(centre.imag)
            x = np.arange(columns.start, columns.stop, dtype=np.float32) - np.float32(centre.real)
            canvas.guide[window] = np.sqrt(x * x + y * y)
    for line, depth in cuts:
        kind = pick(rng, {Border.NONE: 3, Border.MARGIN: 2, Border.TRACK: 2})
        division.routes.append(Route(bend.trace(line, closed=False), kind, 10 + depth))


def _contour_strips(
    rng: np.random.Generator, site: Site, canvas: Canvas, division: Division, outline: Points, axis: complex, index: int
) -> None:
    """Strips between level lines of a smooth hill."""
    window = canvas.window(outline)
    if window is None:
        return
    inside = canvas.inside(outline, window)
    rows, columns = window
    width = max(site.side * rng.uniform(0.25, 0.6), 9.0)
    y = np.arange(rows.start, rows.stop, dtype=np.float32)[:, None]
    x = np.arange(columns.start, columns.stop, dtype=np.float32)
    level = x * np.float32(-axis.imag) + y * np.float32(axis.real)
    # The height of the hill follows its length, so that slopes are limited and strips do not pinch to nothing.
    wavelength = max(width * rng.uniform(4, 9), 40.0)
    height = np.float32(0.3 * wavelength * rng.uniform(0.4, 1))
    level = level + height * fractal(rng, inside.shape[0], inside.shape[1], wavelength, 2, 0.3)
    number = np.floor(level / np.float32(width))
    lowest = int(number[inside].min()) if inside.any() else 0
    count = int(number[inside].max()) - lowest + 1 if inside.any() else 0
    canvas.cells[window][inside] = (number[inside] - lowest).astype(np.int32) + len(division.cells)
    canvas.guide[window][inside] = level[inside]
    alternate = rng.random() < 0.85
    centre, size, heading = complex(outline.mean()), float(inside.sum()) / max(count, 1), float(np.angle(axis))
    for strip in range(count):
        parity = (strip + lowest) % 2 if alternate else -1
        division.cells.append(Cell(centre, size, heading, index, follows=True, parity=parity))
    # Grass lines between strips, where the strips leave room for them.
    grass = site.borders[Border.MARGIN][0] * rng.uniform(0.0, 1.6)
    nearest = np.abs(level / np.float32(width) - np.rint(level / np.float32(width))) * np.float32(width)
    if grass >= 0.8:
        canvas.surface[window][inside & (nearest < grass / 2)] = Surface.MARGIN


def _close_gaps(canvas: Canvas) -> None:
    """Chords of bent borders leave a pixel here and there to nobody: neighbours take them."""
    for _ in range(64):
        empty = canvas.cells < 0
        if not empty.any():
            return
        grown = cv2.dilate(canvas.cells.astype(np.float64), np.ones((3, 3), np.uint8)).astype(np.int32)
        canvas.cells[empty] = grown[empty]
    canvas.cells[canvas.cells < 0] = 0


_SURFACE = {
    Border.MARGIN: (Surface.MARGIN, Surface.MARGIN),
    Border.WIDE_MARGIN: (Surface.MARGIN, Surface.MARGIN),
    Border.HEDGE: (Surface.HEDGE, Surface.MARGIN),
    Border.DITCH: (Surface.DITCH, Surface.MARGIN),
    Border.TRACK: (Surface.TRACK, Surface.MARGIN),
    Border.GRAVEL: (Surface.GRAVEL, Surface.VERGE),
    Border.PAVED: (Surface.PAVED, Surface.VERGE),
    Border.HIGHWAY: (Surface.PAVED, Surface.VERGE),
}


_HIGHWAYS = (*_ROADS, Border.HIGHWAY)
_ORDER = tuple(Border)


def draw_borders(rng: np.random.Generator, site: Site, canvas: Canvas, routes: list[Route]) -> None:
    """Draw what lies between parcels; woods and water may cover it later."""
    _draw(rng, site, canvas, [r for r in routes if r.border not in (*_HIGHWAYS, Border.NONE)])


def draw_roads(rng: np.random.Generator, site: Site, canvas: Canvas, routes: list[Route]) -> None:
    """Draw the roads, which cross everything."""
    _draw(rng, site, canvas, [r for r in routes if r.border in _HIGHWAYS])


def _draw(rng: np.random.Generator, site: Site, canvas: Canvas, routes: list[Route]) -> None:
    """The grass beside all lines before the core of any, so that crossings stay open; wide lines last."""
    routes = sorted(routes, key=lambda route: _ORDER.index(route.border))
    for route in routes:
        core, side = site.borders[route.border]
        if side >= 0.5:
            canvas.line(route.points, core + 2 * side, _SURFACE[route.border][1], rng)
    for route in routes:
        core, _ = site.borders[route.border]
        # Roads are bright and stay visible below one pixel; margins fade.
        least = 1.0 if route.border in _HIGHWAYS else 0.0
        canvas.line(route.points, max(core * float(rng.uniform(0.8, 1.25)), least), _SURFACE[route.border][0], rng)

"""Recursive splitting of convex polygons by straight cuts, and the bending of the result. Points are complex: x + iy, px."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Polygon = list[complex]
Line = tuple[complex, complex]
Points = npt.NDArray[np.complex128]


@dataclass(frozen=True)
class Rule:
    """When and where to cut.

    Attributes:
        area: typical area of a piece, px².
        spread: log-standard deviation of the area.
        elongation: length (along the axis) over width of a piece.
        offset: how far a cut may lie off the regular place, 0 to 1.
        skew: standard deviation of a cut's angle, rad.
    """

    area: float
    spread: float
    elongation: float
    offset: float
    skew: float


def area(polygon: Polygon) -> float:
    """Area, px²."""
    return abs(sum((a.conjugate() * b).imag for a, b in zip(polygon, polygon[1:] + polygon[:1], strict=True))) / 2


def extent(polygon: Polygon, axis: complex) -> tuple[float, float, float, float]:
    """Lowest and highest place along a unit vector, then across it."""
    turned = [vertex * axis.conjugate() for vertex in polygon]
    along, across = [t.real for t in turned], [t.imag for t in turned]
    return min(along), max(along), min(across), max(across)


def halve(polygon: Polygon, point: complex, direction: complex) -> tuple[Polygon, Polygon, Line] | None:
    """Cut a convex polygon along a line; None if the line misses it."""
    sides = [((vertex - point) * direction.conjugate()).imag for vertex in polygon]
    left: Polygon = []
    right: Polygon = []
    ends: Polygon = []
    for index, (vertex, side) in enumerate(zip(polygon, sides, strict=True)):
        following, next_side = polygon[index - len(polygon) + 1], sides[index - len(polygon) + 1]
        (left if side >= 0 else right).append(vertex)
        if (side >= 0) != (next_side >= 0):
            crossing = vertex + (following - vertex) * (side / (side - next_side))
            left.append(crossing)
            right.append(crossing)
            ends.append(crossing)
    if len(ends) != 2:
        return None
    return left, right, (ends[0], ends[1])


def split(
    rng: np.random.Generator, polygon: Polygon, axis: complex, rule: Rule, visible: Callable[[Polygon], bool]
) -> tuple[list[Polygon], list[tuple[Line, int]]]:
    """Cut until every piece has about the size of the rule.

    Args:
        rng: source of randomness.
        polygon: convex.
        axis: unit vector along which pieces are long.
        rule: size and shape of the pieces.
        visible: pieces for which this is False are dropped.

    Returns:
        Pieces; cuts with their depth (0 is the first cut). Earlier cuts are longer.
    """
    pieces: list[Polygon] = []
    cuts: list[tuple[Line, int]] = []
    waiting = [(polygon, 0)]
    while waiting:
        piece, depth = waiting.pop()
        if not visible(piece):
            continue
        goal = rule.area * float(np.exp(rule.spread * rng.standard_normal()))
        size = area(piece)
        if size < 1.5 * goal or depth > 40:
            pieces.append(piece)
            continue
        along_low, along_high, across_low, across_high = extent(piece, axis)
        length, width = along_high - along_low, across_high - across_low
        lengthwise = length < width * rule.elongation * np.exp(0.3 * rng.standard_normal())
        # A regular place: one of the lines that would divide the piece into equal parts of the wanted size.
        wanted = np.sqrt(goal / rule.elongation) if lengthwise else np.sqrt(goal * rule.elongation)
        parts = max(2, round((width if lengthwise else length) / wanted))
        place = (parts // 2) / parts + rule.offset * (rng.random() - 0.5)
        if lengthwise:
            point = axis * complex((along_low + along_high) / 2, across_low + place * width)
            direction = axis
        else:
            point = axis * complex(along_low + place * length, (across_low + across_high) / 2)
            direction = axis * 1j
        turn = rule.skew * rng.standard_normal()
        halves = halve(piece, point, direction * complex(np.cos(turn), np.sin(turn)))
        if halves is None:
            pieces.append(piece)
            continue
        left, right, line = halves
        cuts.append((line, depth))
        waiting += [(left, depth + 1), (right, depth + 1)]
    return pieces, cuts


class Bend:
    """A smooth displacement of the plane: a sum of four waves. Straight borders become gently winding ones."""

    def __init__(self, rng: np.random.Generator, amplitude: float, wavelength: float) -> None:
        lengths = wavelength * rng.uniform(0.7, 2.5, 4)
        self._waves = 2 * np.pi / lengths * np.exp(1j * rng.uniform(0, 2 * np.pi, 4))
        self._phases = rng.uniform(0, 2 * np.pi, 4)
        self._shifts = amplitude / np.sqrt(4) * np.exp(1j * rng.uniform(0, 2 * np.pi, 4))
        self._step = max(8.0, wavelength / 24) if amplitude > 0.5 else np.inf

    def trace(self, vertices: Sequence[complex], closed: bool) -> Points:
        """Displace a polyline or polygon, with as many points as the bending needs."""
        corners = np.asarray(vertices, np.complex128)
        if self._step == np.inf:
            return corners
        ends = np.append(corners[1:], corners[0]) if closed else corners[1:]
        starts = corners if closed else corners[:-1]
        counts = np.maximum(1, np.ceil(np.abs(ends - starts) / self._step)).astype(int)
        share = (np.arange(counts.sum()) - np.repeat(np.cumsum(counts) - counts, counts)) / np.repeat(counts, counts)
        points = np.repeat(starts, counts) + np.repeat(ends - starts, counts) * share
        if not closed:
            points = np.append(points, corners[-1])
        phase = points.real[:, None] * self._waves.real + points.imag[:, None] * self._waves.imag + self._phases  # (P, 4)
        return np.asarray(points + (np.sin(phase) * self._shifts).sum(1))


def wander(rng: np.random.Generator, start: complex, heading: float, length: float, step: float, wiggle: float) -> Points:
    """A winding path: the heading swings about its mean as a damped random walk.

    Args:
        rng: source of randomness.
        start: first point, px.
        heading: mean direction, rad.
        length: px.
        step: px between points.
        wiggle: typical deviation of the heading, rad.
    """
    count = max(2, int(length / step))
    kicks = rng.standard_normal(count)
    turns = np.empty(count)
    turn = 0.0
    for index in range(count):
        turn = 0.9 * turn + 0.436 * kicks[index]  # 0.9² + 0.436² = 1: unit variance
        turns[index] = turn
    smooth = np.convolve(turns, np.ones(5) / 5, mode="same")
    return np.asarray(start + np.cumsum(step * np.exp(1j * (heading + wiggle * smooth))))

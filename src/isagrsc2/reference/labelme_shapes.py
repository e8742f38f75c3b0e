"""The shapes of a LabelMe or X-AnyLabeling file as polygons, those of a group together."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import count
from pathlib import Path
from typing import Any

import numpy as np
import shapely

from isagrsc2.errors import InputError
from isagrsc2.reference.keyholes import open_keyholes
from isagrsc2.reference.via import QUADRANT

# Key of ours in a shape: the parcel's number. Both tools keep it.
PARCEL_ID = "parcel_id"

# Types whose points go round an area. Others that have an area are rectangles (two corners, or four) and circles.
_POLYGONS = ("polygon", "rotation", "oriented_rectangle", "quadrilateral")

_LARGEST_ID = np.iinfo(np.int32).max


@dataclass(frozen=True)
class Outline:
    """One or several shapes that are one parcel.

    Attributes:
        label: without spaces around it.
        number: from 1, no other has it; ``parcel_id`` where the file has it, but for copies.
        polygon: (Multi)Polygon in px of the image, as drawn: maybe invalid.
    """

    label: str
    number: int
    polygon: shapely.Geometry


def outlines_of(shapes: Sequence[Any], path: Path) -> tuple[list[Outline], Counter[str]]:
    """Read shapes; those of one label with the same ``group_id`` are one outline.

    Args:
        shapes: of the parsed file.
        path: for messages.

    Returns:
        The outlines in the order of the file; of the shapes without area how many there are of each type.

    Raises:
        InputError: a shape without what its type needs.
    """
    groups: dict[Any, list[_Shape]] = {}
    others: Counter[str] = Counter()
    for number, given in enumerate(shapes, start=1):
        try:
            shape = _shape(given)
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            raise InputError(
                f"{path}: shape {number} cannot be read ({type(error).__name__}: {error}); correct or delete it in the "
                "labelling tool."
            ) from None
        if shape.polygon is None:
            others[shape.kind] += 1
        else:
            groups.setdefault(number if shape.group is None else (shape.label, shape.group), []).append(shape)
    numbers = _numbers([group[0].parcel_id for group in groups.values()])
    outlines = [
        Outline(group[0].label, number, _together([shape.polygon for shape in group]))
        for number, group in zip(numbers, groups.values(), strict=True)
    ]
    return outlines, others


@dataclass(frozen=True)
class _Shape:
    """What a shape of the file says; ``polygon`` is None where it has no area."""

    label: str
    kind: str
    group: str | None
    parcel_id: Any
    polygon: shapely.Geometry | None


def _shape(given: Mapping[str, Any]) -> _Shape:
    label, kind, group = str(given["label"]).strip(), str(given.get("shape_type") or "polygon"), given.get("group_id")
    polygon = _polygon(kind, given["points"])
    return _Shape(label, kind, None if group is None else str(group), given.get(PARCEL_ID), polygon)


def _polygon(kind: str, given: Any) -> shapely.Geometry | None:
    """A shape's points as polygon; None if it has no area."""
    if kind not in (*_POLYGONS, "rectangle", "circle"):
        return None
    points = np.array(given, np.float64)  # (N, 2)
    if points.ndim != 2 or points.shape[1] != 2 or not np.isfinite(points).all():
        raise ValueError("its points are no pairs of numbers")
    if kind == "circle":
        centre, on_circle = points
        return shapely.Point(centre).buffer(float(np.hypot(*(on_circle - centre))), quad_segs=QUADRANT)
    if kind == "rectangle" and len(points) == 2:
        return shapely.box(*points.min(axis=0), *points.max(axis=0))
    return open_keyholes(points) if len(points) > 2 else None  # an outline that was not finished


def _together(polygons: Sequence[shapely.Geometry]) -> shapely.Geometry:
    parts = shapely.get_parts(polygons)
    return parts[0] if len(parts) == 1 else shapely.multipolygons(parts)


def _numbers(ids: Sequence[Any]) -> list[int]:
    """Of every outline a number of its own: a copied shape has its parcel's, one that was drawn by hand has none."""
    taken: dict[int, int] = {}  # numbers to positions
    for position, one in enumerate(ids):
        if isinstance(one, int) and not isinstance(one, bool) and 0 < one <= _LARGEST_ID:
            taken.setdefault(one, position)
    free = (number for number in count(1) if number not in taken)
    return [one if taken.get(one) == position else next(free) for position, one in enumerate(ids)]

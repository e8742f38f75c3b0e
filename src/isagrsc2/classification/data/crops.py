"""Square crops drawn at random from a scene, and what class they have by how much of them is cultivated."""

import math
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import shapely

from isagrsc2.errors import InputError
from isagrsc2.options import check_number, check_share, check_whole

Bounds = tuple[int, int, int, int]  # x0, y0, x1, y1, scene px, the last two exclusive


@dataclass(frozen=True)
class CropSampling:
    """How many crops are drawn from a scene, and which are kept.

    Attributes:
        size: side of a crop, scene px.
        per_scene: crops drawn from a scene.
        min_valid: crops of which a smaller share has data (or a known class) are left out.
        min_cultivated: a crop of which at least this share is cultivated counts as cultivated.
        max_other: a crop of which at most this share is cultivated does not; what lies in between is left out.
        block: where there are too few scenes to split, each is cut into blocks of at least this side; sides of a crop.
    """

    size: int
    per_scene: int
    min_valid: float
    min_cultivated: float
    max_other: float
    block: float

    def __post_init__(self) -> None:
        """Check the numbers."""
        check_whole("data.crops.size", self.size, 1)
        check_whole("data.crops.per_scene", self.per_scene, 1)
        for name in ("min_valid", "min_cultivated", "max_other"):
            check_share(f"data.crops.{name}", getattr(self, name))
        check_number("data.crops.block", self.block, 1)
        if self.max_other >= self.min_cultivated:
            raise InputError(
                f"data.crops.max_other={self.max_other:g} must be smaller than "
                f"data.crops.min_cultivated={self.min_cultivated:g}."
            )

    def draw(self, area: Bounds, count: int, generator: np.random.Generator) -> list[tuple[int, int]]:
        """Draw upper left corners x, y of crops that lie wholly in an area; distinct, so there may be fewer than asked.

        Args:
            area: not smaller than a crop.
            count: how many.
            generator: draws.
        """
        x0, y0, x1, y1 = area
        x = generator.integers(x0, x1 - self.size, count, endpoint=True)
        y = generator.integers(y0, y1 - self.size, count, endpoint=True)
        return list(dict.fromkeys(zip(x.tolist(), y.tolist(), strict=True)))

    def fits(self, area: Bounds) -> bool:
        """Whether a crop fits into an area."""
        return min(area[2] - area[0], area[3] - area[1]) >= self.size

    def is_cultivated(self, share: float) -> bool | None:
        """Whether a crop counts as cultivated, of which this share of what is known is; None where it is left out."""
        if share >= self.min_cultivated:
            return True
        return False if share <= self.max_other else None

    def outline(self, x: int, y: int) -> shapely.Polygon:
        """The crop with this upper left corner, scene px."""
        return shapely.box(x, y, x + self.size, y + self.size)


def blocks(width: int, height: int, side: float) -> list[Bounds]:
    """Cut a scene into blocks of nearly equal size, row by row; no pixel is in two.

    Args:
        width: px.
        height: px.
        side: smallest side of a block, px; a smaller scene is one block.
    """
    columns, rows = _edges(width, side), _edges(height, side)
    return [(x0, y0, x1, y1) for y0, y1 in pairwise(rows) for x0, x1 in pairwise(columns)]


def _edges(length: int, side: float) -> list[int]:
    count = max(1, math.floor(length / side))
    return [length * number // count for number in range(count + 1)]

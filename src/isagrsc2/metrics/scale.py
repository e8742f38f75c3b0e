"""How large a pixel is on the ground."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Scale:
    """Size of a pixel.

    Attributes:
        unit: of lengths: ``m``, or ``px`` where a scene has no CRS.
        height: of a pixel, along a column.
        width: of a pixel, along a row.
        area: of a pixel.
    """

    unit: str
    height: float
    width: float
    area: float

    @property
    def area_unit(self) -> str:
        """``m2`` or ``px``."""
        return "m2" if self.unit == "m" else "px"


# Of a scene without CRS.
PIXELS = Scale("px", height=1.0, width=1.0, area=1.0)

"""From segments to parcels: borders simplified together, map coordinates, sizes on the ellipsoid, the column schema."""

from isagrsc2.parcels.frames import move
from isagrsc2.parcels.measures import area_and_perimeter, length_m, min_area_px, pixel_area_m2
from isagrsc2.parcels.simplification import simplify_batches, simplify_together
from isagrsc2.parcels.table import SEGMENT_COLUMNS, empty_segments, parcel_columns, to_parcels

__all__ = [
    "SEGMENT_COLUMNS",
    "area_and_perimeter",
    "empty_segments",
    "length_m",
    "min_area_px",
    "move",
    "parcel_columns",
    "pixel_area_m2",
    "simplify_batches",
    "simplify_together",
    "to_parcels",
]

"""What covers a pixel: the classes users see, and the finer list the painter needs."""

from enum import IntEnum

import numpy as np


class LandCover(IntEnum):
    """Class of a pixel of synthetic farmland; the codes of ``Farmland.land_cover``."""

    CROPLAND = 1
    GRASS = 2  # margins, verges, rough pasture, waterways, scrub
    WOODS = 3
    HEDGE = 4  # hedges, rows of trees, single trees
    WATER = 5
    ROAD = 6
    BUILDING = 7
    SETTLEMENT = 8  # gardens, yards


class Surface(IntEnum):
    """What is painted. Crops are painted by cell, the rest by surface. Codes from ROOF on are roof colours."""

    CROP = 0
    MARGIN = 1
    PASTURE = 2
    SCRUB = 3
    WOODS = 4
    HEDGE = 5
    WATER = 6
    DITCH = 7
    TRACK = 8
    GRAVEL = 9
    PAVED = 10
    YARD = 11
    LAWN = 12
    VERGE = 13
    ROOF = 14


N_ROOFS = 24
N_SURFACES = int(Surface.ROOF) + N_ROOFS

_OF_SURFACE = {
    Surface.CROP: LandCover.CROPLAND,
    Surface.MARGIN: LandCover.GRASS,
    Surface.PASTURE: LandCover.GRASS,
    Surface.SCRUB: LandCover.GRASS,
    Surface.WOODS: LandCover.WOODS,
    Surface.HEDGE: LandCover.HEDGE,
    Surface.WATER: LandCover.WATER,
    Surface.DITCH: LandCover.WATER,
    Surface.TRACK: LandCover.ROAD,
    Surface.GRAVEL: LandCover.ROAD,
    Surface.PAVED: LandCover.ROAD,
    Surface.YARD: LandCover.SETTLEMENT,
    Surface.LAWN: LandCover.SETTLEMENT,
    Surface.VERGE: LandCover.GRASS,
}
# (N_SURFACES,) uint8: Surface code to LandCover code.
LAND_COVER = np.array([_OF_SURFACE.get(Surface(min(s, Surface.ROOF)), LandCover.BUILDING) for s in range(N_SURFACES)], "u1")

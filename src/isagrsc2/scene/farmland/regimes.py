"""How farmland was divided, by tradition: the table behind the partition.

The sizes are those of the landscapes named; Fritz et al. 2015 (doi:10.1111/gcb.12838) map field sizes of the world.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum


class Border(StrEnum):
    """What lies on the line between two pieces of land."""

    NONE = "none"
    MARGIN = "margin"
    WIDE_MARGIN = "wide_margin"
    HEDGE = "hedge"
    DITCH = "ditch"
    TRACK = "track"
    GRAVEL = "gravel"
    PAVED = "paved"
    HIGHWAY = "highway"


# Width of a border, m (lowest, highest), and of the grass on either side of it, m.
WIDTHS: Mapping[Border, tuple[tuple[float, float], tuple[float, float]]] = {
    Border.NONE: ((0.0, 0.0), (0.0, 0.0)),
    Border.MARGIN: ((0.7, 3.0), (0.0, 0.0)),
    Border.WIDE_MARGIN: ((5.0, 14.0), (0.0, 0.0)),
    Border.HEDGE: ((3.0, 9.0), (0.5, 2.5)),
    Border.DITCH: ((1.0, 4.0), (1.0, 5.0)),
    Border.TRACK: ((2.5, 4.5), (0.0, 2.0)),
    Border.GRAVEL: ((4.0, 7.0), (1.5, 5.0)),
    Border.PAVED: ((4.0, 7.0), (1.0, 5.0)),
    Border.HIGHWAY: ((10.0, 22.0), (8.0, 16.0)),
}


@dataclass(frozen=True)
class Regime:
    """One tradition.

    Attributes:
        side: square root of the typical parcel area, m.
        rotation: largest angle of the main direction against the image, rad.
        block: parcels in one block, a block being what roads enclose.
        block_turn: largest angle of a block against the main direction, rad.
        spread: log-standard deviation of parcel areas.
        elongation: length over width of a parcel.
        offset: how far a cut may lie off the regular place, 0 to 1.
        skew: standard deviation of the angle of a cut, rad.
        bend: amplitude of the bending of all borders, in parcel sides.
        contour: probability that a block is divided along contour lines.
        orchard: probability that a block holds orchards.
        roads: weights of what encloses a block.
        borders: weights of what lies between parcels.
    """

    side: tuple[float, float]
    rotation: float
    block: tuple[float, float]
    block_turn: float
    spread: float
    elongation: tuple[float, float]
    offset: float
    skew: float
    bend: float
    contour: float
    orchard: float
    roads: Mapping[Border, float] = field(hash=False)
    borders: Mapping[Border, float] = field(hash=False)


_N, _M, _W, _H = Border.NONE, Border.MARGIN, Border.WIDE_MARGIN, Border.HEDGE
_D, _T, _G, _P = Border.DITCH, Border.TRACK, Border.GRAVEL, Border.PAVED
_ANY = 3.15  # rad: no direction is preferred

REGIMES: Mapping[str, Regime] = {
    # United States Public Land Survey: square miles and their halves and quarters, roads on the lines.
    "sections": Regime(
        side=(110, 400), rotation=0.02, block=(2, 8), block_turn=0, spread=0.55, elongation=(1, 2.4), offset=0.25,
        skew=0, bend=0, contour=0.06, orchard=0,
        roads={_G: 4, _P: 4, _T: 1, _M: 1}, borders={_N: 4, _M: 5, _W: 1, _H: 0.7, _T: 0.5, _D: 0.5},
    ),
    # Long lots and the strips left by inheritance (central Europe, Quebec, south China).
    "strips": Regime(
        side=(40, 170), rotation=_ANY, block=(6, 26), block_turn=0.25, spread=0.4, elongation=(3, 9), offset=0.35,
        skew=0.015, bend=0.1, contour=0.04, orchard=0.02,
        roads={_T: 4, _P: 3, _G: 2, _M: 1, _D: 1}, borders={_N: 6, _M: 3, _D: 0.5, _T: 0.3, _H: 0.2},
    ),
    # Irregular blocks (western and northern Europe, bocage).
    "blocks": Regime(
        side=(70, 260), rotation=_ANY, block=(3, 10), block_turn=0.5, spread=0.65, elongation=(1, 2.6), offset=0.5,
        skew=0.16, bend=0.14, contour=0.08, orchard=0.04,
        roads={_P: 4, _T: 2, _G: 1, _H: 2, _M: 1}, borders={_N: 2, _M: 3, _W: 0.7, _H: 3, _T: 0.6, _D: 0.7},
    ),
    # Smallholder mosaics (Africa, south Asia, Mediterranean).
    "smallholder": Regime(
        side=(22, 85), rotation=_ANY, block=(10, 45), block_turn=0.6, spread=0.5, elongation=(1, 3), offset=0.45,
        skew=0.1, bend=0.2, contour=0.05, orchard=0.05,
        roads={_T: 5, _P: 2, _M: 2, _D: 1}, borders={_N: 4, _M: 4, _D: 0.6, _T: 0.5, _H: 0.5},
    ),
    # Contour farming, terraces.
    "contour": Regime(
        side=(60, 200), rotation=_ANY, block=(5, 14), block_turn=0.5, spread=0.5, elongation=(1.5, 4), offset=0.4,
        skew=0.1, bend=0.25, contour=0.75, orchard=0.02,
        roads={_T: 3, _P: 3, _G: 2, _M: 3, _H: 1}, borders={_N: 3, _M: 4, _W: 1, _H: 1},
    ),
    # Planned irrigation schemes: rectangles between service tracks and canals.
    "irrigated": Regime(
        side=(60, 300), rotation=_ANY, block=(4, 16), block_turn=0, spread=0.3, elongation=(1, 4), offset=0.15,
        skew=0.003, bend=0.01, contour=0, orchard=0.12,
        roads={_T: 4, _P: 2, _G: 3, _D: 2}, borders={_N: 2, _M: 2, _T: 4, _D: 1},
    ),
}  # fmt: skip

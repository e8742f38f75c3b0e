"""The core of one tile, drawn with what its tile and those around it saw.

Where segments of different parcels overlap (tiles disagree), the one with the later turn keeps the pixels. Turns are the same
for the whole scene, so every core can be painted on its own, and in any process.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import shapely

from isagrsc2.delineation.merging import fill_gaps
from isagrsc2.delineation.part import Bounds, IntArray, Labels, Part, burnt, common, grown, within
from isagrsc2.scene.polygons import polygonise


@dataclass(frozen=True)
class Members:
    """All segments of all tiles, numbered through.

    Attributes:
        offsets: (T + 1,) number of the first segment of each tile.
        areas: (S,) px.
        core_share: (S,) share of the area that lies in the tile's own core.
        cut: (S,) see ``cut_by_edge``.
        scores: (S,).
        stability: (S,).
        rounds: (S,).
        last: (S,) int32, the last tile in whose core they can take part.
    """

    offsets: IntArray
    areas: npt.NDArray[np.float64]
    core_share: npt.NDArray[np.float64]
    cut: npt.NDArray[np.bool_]
    scores: npt.NDArray[np.float32]
    stability: npt.NDArray[np.float32]
    rounds: npt.NDArray[np.int16]
    last: Labels


@dataclass(frozen=True)
class Parcels:
    """Segments gathered into parcels.

    Attributes:
        parcel: (S,) parcel of each segment, 0..P-1.
        turn: (S,) int32, place of each segment in the order of painting, from 1; the last one painted keeps the pixels.
        label: (S + 1,) int32, number of the parcel painted at each turn plus one; 0 before the first.
        scores: (P,) of the parcels.
        stability: (P,).
        rounds: (P,).
    """

    parcel: IntArray
    turn: Labels
    label: Labels
    scores: npt.NDArray[np.float64]
    stability: npt.NDArray[np.float64]
    rounds: IntArray


def paint_core(
    tile: int, around: Sequence[int], load: Callable[[int], Part], members: Members, parcels: Parcels, min_area: float
) -> Iterator[tuple[int, shapely.Geometry]]:
    """Paint one tile's core; yields (parcel, polygon) of every region in it."""
    own = load(tile)
    # A gap below the minimum mapping unit is no longer than its area: within this margin it is seen whole from every core.
    frame = grown(own.core, int(np.ceil(min_area)), own.bounds)
    turns = np.zeros((frame[3] - frame[1], frame[2] - frame[0]), np.int32)
    for other in (tile, *around):
        rows = slice(int(members.offsets[other]), int(members.offsets[other + 1]))
        _paint_part(turns, frame, load(other), parcels.turn[rows], members.cut[rows])
    painted = parcels.label[turns]  # (h, w)
    dx, dy = frame[0] - own.bounds[0], frame[1] - own.bounds[1]
    filled = fill_gaps(painted, own.valid[dy : dy + turns.shape[0], dx : dx + turns.shape[1]], min_area)
    x0, y0, x1, y1 = own.core
    ids, regions = polygonise(filled[y0 - frame[1] : y1 - frame[1], x0 - frame[0] : x1 - frame[0]], (x0, y0))
    yield from zip((ids - 1).tolist(), regions, strict=True)


def _paint_part(turns: Labels, frame: Bounds, part: Part, turn: Labels, cut: npt.NDArray[np.bool_]) -> None:
    """Raise ``turns`` (h, w) of a frame to those of a part's segments, where theirs come later.

    What its tile's edge cuts is painted within the core: there its outline is trusted.

    Args:
        turns: is written to.
        frame: scene px.
        part: of a tile that may lie beside the frame.
        turn: (N,) of its segments.
        cut: (N,) which of them are cut.
    """
    window = common(part.bounds, frame)
    if window[0] >= window[2] or window[1] >= window[3]:
        return
    # With a turn below zero a segment comes before everything, nothing included.
    painted = burnt(part, np.where(cut, -turn, turn), window)  # (h', w')
    core = within(common(part.core, window), window)
    painted[core] = np.abs(painted[core])
    here = turns[within(window, frame)]
    np.maximum(here, painted, out=here)

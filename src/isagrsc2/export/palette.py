"""Colours of parcels: few, harmonious, and different for neighbours."""

import numpy as np
import numpy.typing as npt
import shapely

Colour = tuple[int, int, int]

# RGB per class, of about the same lightness: no parcel stands out by its number. Cultivated parcels are warm and green
# like crops, those without a class cool; land that is not cultivated is grey, and hatched where it is drawn.
PALETTES: dict[str, tuple[Colour, ...]] = {
    "cultivated": ((255, 209, 84), (139, 205, 92), (255, 150, 84), (72, 191, 145), (228, 222, 104), (240, 118, 118)),
    "not_cultivated": ((120, 124, 130),),
    "unclassified": (
        (94, 180, 240),
        (122, 220, 200),
        (178, 150, 240),
        (90, 140, 225),
        (160, 212, 250),
        (214, 160, 226),
    ),
}


def colour_neighbours(
    geometries: npt.NDArray[np.object_],
    reach: float,
    colours: int,
    before: tuple[npt.NDArray[np.object_], npt.NDArray[np.int64]],
) -> npt.NDArray[np.int64]:
    """Give neighbours different colours as far as there are enough.

    Greedy colouring, the parcels with most neighbours first (Welsh & Powell 1967), each in the colour its neighbours
    have least and, among those, the whole picture has least.

    Args:
        geometries: (N,) polygons.
        reach: parcels no farther apart than this are neighbours.
        colours: number of colours.
        before: (B,) polygons that have their colours, and these.

    Returns:
        (N,) colour of every parcel, 0 to ``colours - 1``.
    """
    everything = np.concatenate([geometries, before[0]])
    one, two = shapely.STRtree(everything).query(geometries, predicate="dwithin", distance=reach)
    one, two = one[one != two], two[one != two]
    order = np.argsort(one, kind="stable")
    starts = np.searchsorted(one[order], np.arange(len(geometries) + 1))
    neighbours = two[order]
    chosen = np.append(np.full(len(geometries), colours), before[1])  # the last place counts those not coloured yet
    used = np.bincount(before[1], minlength=colours)
    for index in np.argsort(-np.diff(starts), kind="stable"):
        around = np.bincount(chosen[neighbours[starts[index] : starts[index + 1]]], minlength=colours + 1)[:colours]
        chosen[index] = np.lexsort((used, around))[0]
        used[chosen[index]] += 1
    return chosen[: len(geometries)]

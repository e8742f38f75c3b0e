"""Colours of parcels: few, harmonious, and different for neighbours."""

import numpy as np
import numpy.typing as npt
import shapely

from isagrsc2.classification.land_classes import CULTIVATED, LandClasses

Colour = tuple[int, int, int]

FIELDS: tuple[Colour, ...] = ((255, 209, 84), (139, 205, 92), (255, 150, 84), (72, 191, 145), (228, 222, 104), (240, 118, 118))

# RGB per class, of about the same lightness: no parcel stands out by its number. Cultivated parcels are warm and green
# like crops, those without a class cool; land that is not cultivated is grey, and hatched where it is drawn.
PALETTES: dict[str, tuple[Colour, ...]] = {
    "cultivated": FIELDS,
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

# Classes beside these have one colour each: those of cultivated land from FIELDS, others earthy and cool.
OTHER_LAND: tuple[Colour, ...] = (
    (62, 130, 82),
    (94, 150, 220),
    (198, 132, 204),
    (168, 112, 84),
    (140, 148, 158),
    (206, 190, 160),
    (110, 190, 200),
    (118, 104, 180),
)


def palette_of(name: str, classes: LandClasses) -> tuple[Colour, ...]:
    """Colours of the parcels of a class."""
    if name in PALETTES:
        return PALETTES[name]
    is_field = name in classes.cultivated
    alike = [other for other in classes.names if (other in classes.cultivated) == is_field]
    colours = FIELDS if is_field else OTHER_LAND
    return (colours[alike.index(name) % len(colours)],)


def key_colour(name: str, classes: LandClasses) -> Colour:
    """The one colour of a class where its parcels have only one; on the map of a GIS, say."""
    palette = palette_of(name, classes)
    return palette[1] if name == CULTIVATED else palette[0]  # green is what fields are thought of


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

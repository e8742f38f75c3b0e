"""Where parcels agree with the reference: the image in grey, every reference parcel in the colour of its outcome."""

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np
import numpy.typing as npt
import shapely
from affine import Affine
from rasterio.features import rasterize

from isagrsc2.export.palette import Colour
from isagrsc2.export.sheet import LegendEntry
from isagrsc2.metrics.outcomes import FOUND, MERGED, MISSED, OUTCOMES, SPLIT, Outcomes
from isagrsc2.reference.parcels import Reference
from isagrsc2.scene.raster import Scene

Picture = npt.NDArray[np.uint8]
Geometries = npt.NDArray[np.object_]

# What a pixel is coloured by: an outcome, or one of these two.
INVENTED, NOTHING = len(OUTCOMES), len(OUTCOMES) + 1
NAMES = (*OUTCOMES, "invented")
# Apart for people who see no difference between red and green too: found is bluish, missed is dark and hatched.
COLOURS: dict[int, Colour] = {
    FOUND: (0, 176, 130),
    MERGED: (250, 190, 30),
    SPLIT: (176, 96, 214),
    MISSED: (222, 40, 50),
    INVENTED: (40, 130, 240),
}
OPACITY = 0.52
HATCH_COLOUR = (255, 214, 210)
# Outlines: black for predicted parcels, thinner white on top for the reference. Where both run, one sees white edged in black.
PREDICTED, REFERENCE = (16, 18, 20), (255, 255, 255)
# Everything is drawn this much larger and averaged down.
SUPERSAMPLING = 2
# Pixels without data.
NO_DATA = 246
# The greys of the image keep to this range, so that black and white lines both show.
DARKEST, LIGHTEST = 48, 208


@dataclass(frozen=True)
class Agreement:
    """What is compared.

    Attributes:
        predicted: (S,) segments, scene px.
        invented: (I,) those of them that are inventions.
        reference: of the scene.
        outcomes: of the reference parcels; of nothing where the reference has areas only.
    """

    predicted: Geometries
    invented: Geometries
    reference: Reference
    outcomes: Outcomes


def draw_agreement(scene: Scene, agreement: Agreement, size: int) -> Picture:
    """Draw the map.

    A reference parcel is coloured as a whole by its outcome, see ``Outcomes``; parcels of which nothing counts (unlabelled,
    not valid) stay grey. Outside of reference parcels invented parcels are coloured. What other parcels cover beyond the
    reference shows by its outline. Where the reference has areas only, every pixel is found (in both), missed or invented.

    Args:
        scene: the image, open.
        agreement: what is compared.
        size: long side of the picture, px; the image is enlarged or reduced to it.

    Returns:
        (h, w, 3) uint8 RGB.
    """
    scale = size / max(scene.width, scene.height)
    shape = max(1, round(scene.height * scale)), max(1, round(scene.width * scale))
    ground = _grey(scene, shape)  # (h, w, 3)
    to_picture = Affine.scale(shape[1] / scene.width, shape[0] / scene.height)
    codes = _codes(agreement, (shape[0] * SUPERSAMPLING, shape[1] * SUPERSAMPLING), to_picture)  # (2h, 2w)
    palette = np.zeros((NOTHING + 1, 3), np.uint8)
    palette[list(COLOURS)] = list(COLOURS.values())
    painted = palette[codes]  # (2h, 2w, 3), black where nothing is
    rows, columns = np.ogrid[: codes.shape[0], : codes.shape[1]]
    period, line = _hatch(size)
    painted[((rows + columns) % period < line) & (codes == MISSED)] = HATCH_COLOUR
    share = _reduced((codes != NOTHING).astype(np.uint8) * 255, shape)[..., None] / np.float32(255)
    picture = _to_uint8(ground * (1 - share * OPACITY) + _reduced(painted, shape) * np.float32(OPACITY))
    width = max(1.0, size / 800)
    picture = _outline(picture, agreement.predicted, to_picture, PREDICTED, 1.9 * width)
    return _outline(picture, agreement.reference.parcels.geometry.to_numpy(), to_picture, REFERENCE, 0.9 * width)


def outcome_legend(outcomes: Outcomes) -> list[LegendEntry]:
    """Legend with the number of reference parcels of each outcome, and of invented parcels."""
    numbers = outcomes.counts()
    details = {name: f"{numbers[name]:,}" for name in NAMES}
    return [*_entries(NAMES, details), _LINES]


def area_legend(found: float, missed: float, invented: float) -> list[LegendEntry]:
    """Legend of a reference with areas only; areas in px."""
    reference, predicted = found + missed, found + invented
    details = {
        "found": _share(found, reference, "of the reference"),
        "missed": _share(missed, reference, "of the reference"),
        "invented": _share(invented, predicted, "of what was predicted"),
    }
    return [*_entries(tuple(details), details), _LINES]


_LINES = LegendEntry("Outlines", "black: predicted, white: reference", (PREDICTED, (236, 237, 235)), hatched=False)


def _entries(names: Sequence[str], details: dict[str, str]) -> list[LegendEntry]:
    codes = [NAMES.index(name) for name in names]
    return [
        LegendEntry(name.capitalize(), details[name], (COLOURS[code],), hatched=code == MISSED)
        for name, code in zip(names, codes, strict=True)
    ]


def _share(part: float, whole: float, of: str) -> str:
    return f"{part / whole:.0%} {of}" if whole else f"no area {of}"


def _grey(scene: Scene, shape: tuple[int, int]) -> npt.NDArray[np.float32]:
    """The image in greys, (h, w, 3)."""
    smaller = shape[0] < scene.height
    image, valid = scene.read(out_shape=shape) if smaller else scene.read()
    lightness = cv2.cvtColor(image, cv2.COLOR_RGB2GRAY) / np.float32(255)
    grey = DARKEST + (LIGHTEST - DARKEST) * lightness
    grey[~valid] = NO_DATA
    if not smaller:
        grey = np.asarray(cv2.resize(grey, shape[::-1], interpolation=cv2.INTER_LINEAR), np.float32)
    return np.repeat(grey[..., None], 3, axis=-1)


def _codes(agreement: Agreement, shape: tuple[int, int], to_picture: Affine) -> npt.NDArray[np.uint8]:
    """What every pixel of the enlarged picture is coloured by, (2h, 2w)."""
    transform = ~(Affine.scale(SUPERSAMPLING) @ to_picture)  # picture px to scene px

    def burn(geometries: Geometries, values: npt.NDArray[np.uint8]) -> npt.NDArray[np.uint8]:
        pairs = list(zip(geometries[::-1], values[::-1].tolist(), strict=True))  # the last wins: the first comes last
        if not pairs:
            return np.full(shape, NOTHING, np.uint8)
        return np.asarray(rasterize(pairs, shape, fill=NOTHING, transform=transform, dtype="uint8"))

    reference = agreement.reference
    parcels = reference.parcels.geometry.to_numpy()
    if reference.areas_only:
        drawn = burn(parcels, np.full(len(parcels), FOUND, np.uint8)) == FOUND
        there = burn(agreement.predicted, np.full(len(agreement.predicted), FOUND, np.uint8)) == FOUND
        codes = np.select([drawn & there, drawn, there], [FOUND, MISSED, INVENTED], NOTHING).astype(np.uint8)
    else:
        of_id = dict(zip(agreement.outcomes.reference.tolist(), agreement.outcomes.outcome.tolist(), strict=True))
        values = np.array([of_id.get(number, NOTHING) for number in reference.parcels["ref_id"]], np.uint8)
        codes = burn(agreement.invented, np.full(len(agreement.invented), INVENTED, np.uint8))
        inside = burn(parcels, np.zeros(len(parcels), np.uint8)) != NOTHING
        codes[inside] = burn(parcels, values)[inside]
    unlabelled = np.array(reference.unlabelled, dtype=object)
    codes[burn(unlabelled, np.zeros(len(unlabelled), np.uint8)) != NOTHING] = NOTHING
    return codes


def _hatch(size: int) -> tuple[int, int]:
    """Distance and width of the lines, px of the enlarged picture."""
    return max(8, round(size / 90)) * SUPERSAMPLING, max(1, round(size / 900)) * SUPERSAMPLING


def _outline(picture: Picture, polygons: Geometries, to_picture: Affine, colour: Colour, width: float) -> Picture:
    """Draw outlines of ``width`` px; thinner where parcels are small, for lines must not hide them."""
    if not len(polygons):
        return picture
    typical = float(np.sqrt(np.median(shapely.area(polygons)))) * to_picture.a  # px
    width = min(width, max(typical / 10, 0.6))
    rings = shapely.get_rings(shapely.get_parts(polygons))
    points, ring = shapely.get_coordinates(rings, return_index=True)
    fixed = np.rint(points * (to_picture.a, to_picture.e) * SUPERSAMPLING * 16 - 8).astype(np.int32)  # 4 binary places
    lines = np.split(fixed, np.flatnonzero(np.diff(ring)) + 1)
    drawn = np.zeros((picture.shape[0] * SUPERSAMPLING, picture.shape[1] * SUPERSAMPLING), np.uint8)
    thickness = width * SUPERSAMPLING
    cv2.polylines(drawn, lines, True, 255, max(1, round(thickness)), cv2.LINE_AA, shift=4)
    weight = _reduced(drawn, picture.shape[:2])[..., None] * np.float32(min(1.0, thickness) / 255)
    return _to_uint8(picture * (1 - weight) + weight * np.array(colour, np.float32))


def _reduced(picture: Picture, shape: tuple[int, int]) -> Picture:
    return np.asarray(cv2.resize(picture, shape[::-1], interpolation=cv2.INTER_AREA), np.uint8)


def _to_uint8(values: npt.NDArray[np.float32]) -> Picture:
    return np.rint(values).clip(0, 255).astype(np.uint8)

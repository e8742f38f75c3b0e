"""The picture: the image with its parcels, a legend and a scale bar."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt
import pandas
import pyproj
import shapely
from affine import Affine
from PIL import Image
from rasterio.features import rasterize

from isagrsc2.classification.land_classes import NOT_CULTIVATED, LandClasses
from isagrsc2.export.palette import colour_neighbours, palette_of
from isagrsc2.export.result import SceneResult
from isagrsc2.export.sheet import DOT, LegendEntry, compose_sheet
from isagrsc2.export.sizes import area_text, metres_across
from isagrsc2.files import replacing
from isagrsc2.options import check_number, check_share, check_whole
from isagrsc2.parcels import move
from isagrsc2.parcels.row_groups import Batches
from isagrsc2.scene.raster import Scene

Picture = npt.NDArray[np.uint8]
Geometries = npt.NDArray[np.object_]

# Everything is drawn this much larger and averaged down: edges become smooth, and no seam is left between neighbours.
SUPERSAMPLING = 2
# Parcels closer than this on the picture look like neighbours, px.
NEIGHBOURHOOD = 4.0
# Outlines are a light line on a darker, wider one, so that they show on any ground: colour, width in lines, opacity.
HALO = ((20, 26, 22), 2.6, 0.45)
LINE = ((255, 255, 248), 1.0, 0.95)
# Land that is not cultivated is hatched: colour of the lines, their distance and width in px.
HATCH_COLOUR = (240, 241, 242)
HATCH = (11, 2)
# Under parcels the image is replaced by this share of its lightness, to this power (below 1: lighter).
FADED, LIFT = 0.65, 0.7
# Rows that are blended at a time.
BAND = 256
# Pixels without data.
NOTHING = (232, 233, 230)


@dataclass(frozen=True)
class Overlay:
    """``overlay.png``: the picture.

    Attributes:
        max_size: long side of the image on the picture, px.
        max_enlargement: how many times a small scene may be enlarged to reach it.
        opacity: of the parcels' colours, 0 to 1.
        line_width: of outlines, px; thinner where parcels are small.
    """

    max_size: int
    max_enlargement: float
    opacity: float
    line_width: float

    def __post_init__(self) -> None:
        """Check the numbers."""
        check_whole("export.overlay.max_size", self.max_size, 1)
        check_number("export.overlay.max_enlargement", self.max_enlargement, 1)
        check_share("export.overlay.opacity", self.opacity)
        check_number("export.overlay.line_width", self.line_width, 0)

    def write(self, result: SceneResult, folder: Path) -> Path:
        """See ``Exporter``."""
        path = folder / "overlay.png"
        with replacing(path) as temporary:
            Image.fromarray(self.draw(result)).save(temporary, format="PNG")
        return path

    def draw(self, result: SceneResult) -> Picture:
        """Return the picture, (H, W, 3) uint8 RGB."""
        scene, parcels = result.scene, result.parcels
        image = _read(scene, min(self.max_size / max(scene.width, scene.height), self.max_enlargement))
        drawn = _Drawn(scene, parcels, image.shape[:2])
        areas = np.concatenate([shapely.area(geometries) for geometries in drawn])
        if len(areas):
            image = self._fill(image, drawn, [batch["class_name"].to_numpy(dtype=object) for batch in parcels], result.classes)
            image = self._outline(image, drawn, float(np.sqrt(np.median(areas))))
        reference = "no CRS" if scene.crs is None else pyproj.CRS.from_user_input(scene.crs).name
        subtitle = f"{scene.width:,} x {scene.height:,} px {DOT} {reference}"
        metres = metres_across(scene)
        return compose_sheet(
            image, scene.name, subtitle, _legend(parcels, result.classes), None if metres is None else metres / image.shape[1]
        )

    def _fill(
        self, image: Picture, drawn: Sequence[Geometries], named: Sequence[npt.NDArray[Any]], classes: LandClasses
    ) -> Picture:
        """Colour the parcels, batch by batch."""
        height, width = image.shape[0] * SUPERSAMPLING, image.shape[1] * SUPERSAMPLING
        painted = np.zeros((height, width, 3), np.uint8)  # black where there is no parcel
        covered = np.zeros((height, width), np.uint8)
        distance, line = HATCH
        columns = np.arange(width, dtype=np.int32)
        colouring = _Colouring(classes, [shapely.bounds(geometries)[:, 1].min(initial=np.inf) for geometries in drawn])
        for geometries, names in zip(drawn, named, strict=True):
            colours = np.append(np.zeros((1, 3), np.uint8), colouring.colours(geometries, names), axis=0)  # 0 is the ground
            top, bottom = _rows_touched(geometries, height)
            labels = rasterize(
                zip(geometries, range(1, len(geometries) + 1), strict=True),
                out_shape=(bottom - top, width),
                transform=Affine.translation(0, top / SUPERSAMPLING) @ Affine.scale(1 / SUPERSAMPLING),
                dtype="int32",
            )
            here = labels > 0
            painted[top:bottom][here] = colours[labels[here]]
            covered[top:bottom][here] = 255
            rows = np.arange(top, bottom, dtype=np.int32)[:, None]
            hatch = (rows + columns) % (distance * SUPERSAMPLING) < line * SUPERSAMPLING
            hatched = np.append(False, np.array(classes.sides(names), object) == NOT_CULTIVATED)[labels]
            painted[top:bottom][hatch & hatched] = HATCH_COLOUR

        size = image.shape[1::-1]
        shares = cv2.resize(covered, size, interpolation=cv2.INTER_AREA)[..., None]
        mixed = cv2.resize(painted, size, interpolation=cv2.INTER_AREA)  # is weighted by share: black has no part
        blended: Picture = np.empty(image.shape, np.uint8)
        for band in _bands(len(image)):
            share = shares[band] / np.float32(255)
            # The ground's own hues would muddy the colours; its lightness, somewhat raised, keeps the texture.
            grey = cv2.cvtColor(image[band], cv2.COLOR_RGB2GRAY)[..., None] / np.float32(255)
            ground = image[band] + (255 * grey**LIFT - image[band]) * (share * FADED)
            blended[band] = _to_uint8(ground * (1 - share * self.opacity) + mixed[band] * np.float32(self.opacity))
        return blended

    def _outline(self, image: Picture, drawn: Sequence[Geometries], typical: float) -> Picture:
        """Draw the outlines of parcels, of which a typical one is so many px wide."""
        # A parcel must not drown in its outline: no wider than a twelfth of a typical parcel.
        line_width = min(self.line_width, max(typical / 12, 0.5))
        size = image.shape[1::-1]
        for colour, width, opacity in (HALO, LINE):
            lines = np.zeros((size[1] * SUPERSAMPLING, size[0] * SUPERSAMPLING), np.uint8)
            thickness = line_width * width * SUPERSAMPLING
            for geometries in drawn:
                rings = shapely.get_rings(shapely.get_parts(geometries))
                coordinates, ring = shapely.get_coordinates(rings, return_index=True)
                fixed = np.rint(coordinates * SUPERSAMPLING * 16 - 8).astype(np.int32)  # 4 binary places, pixel centres
                split = np.split(fixed, np.flatnonzero(np.diff(ring)) + 1)
                cv2.polylines(lines, split, True, 255, max(1, round(thickness)), cv2.LINE_AA, shift=4)
            share = cv2.resize(lines, size, interpolation=cv2.INTER_AREA)[..., None]
            outlined: Picture = np.empty(image.shape, np.uint8)
            for band in _bands(len(image)):
                weight = share[band] * np.float32(opacity * min(1.0, thickness) / 255)
                outlined[band] = _to_uint8(image[band] * (1 - weight) + weight * np.array(colour, np.float32))
            image = outlined
        return image


@dataclass(frozen=True)
class _Drawn(Sequence[Geometries]):
    """The parcels' polygons in px of the picture, batch by batch.

    Attributes:
        scene: they belong to.
        parcels: the table.
        shape: (H, W) of the picture.
    """

    scene: Scene
    parcels: Batches
    shape: tuple[int, int]

    def __len__(self) -> int:
        return len(self.parcels)

    def __getitem__(self, index: Any) -> Any:
        geometries = self.parcels[index].geometry.to_numpy()
        in_scene = geometries if self.scene.crs is None else move(geometries, ~self.scene.transform)
        scale = Affine.scale(self.shape[1] / self.scene.width, self.shape[0] / self.scene.height)
        return np.asarray(move(in_scene, scale), dtype=object)


class _Colouring:
    """Chooses colours batch by batch; parcels that later ones may touch are remembered.

    Args:
        classes: of the parcels.
        tops: of all batches, px.
    """

    def __init__(self, classes: LandClasses, tops: Sequence[float]) -> None:
        none = np.zeros(0, object), np.zeros(0, np.int64)
        self._palettes = {name: palette_of(name, classes) for name in classes.names}
        self._before = dict.fromkeys(classes.names, none)
        # How far up this batch and all later ones reach.
        self._reach = iter(np.minimum.accumulate(tops[::-1])[::-1] - NEIGHBOURHOOD)

    def colours(self, geometries: Geometries, names: npt.NDArray[Any]) -> Picture:
        """(N, 3) uint8 of the polygons of the next batch."""
        colours = np.zeros((len(geometries), 3), np.uint8)
        top = next(self._reach)
        for name, palette in self._palettes.items():
            rows = np.flatnonzero(names == name)
            polygons, chosen = self._before[name]
            near = shapely.bounds(polygons)[:, 3] >= top
            before = polygons[near], chosen[near]
            own = colour_neighbours(geometries[rows], NEIGHBOURHOOD, len(palette), before)
            colours[rows] = np.array(palette)[own]
            self._before[name] = np.append(before[0], geometries[rows]), np.append(before[1], own)
        return colours


def _bands(height: int) -> Iterator[slice]:
    """Rows of the picture, some at a time: what is computed in floating point takes four times its memory."""
    for top in range(0, height, BAND):
        yield slice(top, top + BAND)


def _rows_touched(geometries: Geometries, height: int) -> tuple[int, int]:
    """First and last row, the latter exclusive, of the supersampled picture that polygons touch."""
    bounds = shapely.bounds(geometries)
    top = bounds[:, 1].min(initial=np.inf) * SUPERSAMPLING
    bottom = bounds[:, 3].max(initial=-np.inf) * SUPERSAMPLING
    return max(0, int(np.floor(min(top, height - 1)))), min(height, int(np.ceil(max(bottom, 1))))


def _read(scene: Scene, scale: float) -> Picture:
    """The image at another scale, (h, w, 3) uint8 RGB."""
    shape = (max(1, round(scene.height * scale)), max(1, round(scene.width * scale)))
    image, valid = scene.read(out_shape=shape) if scale < 1 else scene.read()
    image[~valid] = NOTHING
    if image.shape[:2] != shape:
        return np.asarray(cv2.resize(image, shape[::-1], interpolation=cv2.INTER_CUBIC), np.uint8)
    return image


def _to_uint8(values: npt.NDArray[np.floating[Any]]) -> Picture:
    return np.rint(values).clip(0, 255).astype(np.uint8)


def _legend(parcels: Batches, classes: LandClasses) -> list[LegendEntry]:
    """One entry for every class that occurs."""
    column, unit = ("area_m2", "m²") if "area_m2" in parcels[0] else ("area_px", "px")
    numbers = pandas.concat([batch[["class_name", column]] for batch in parcels])
    entries = []
    for name in classes.names:
        areas = numbers.loc[numbers["class_name"] == name, column]
        if len(areas):
            count = f"{len(areas):,} parcel{'' if len(areas) == 1 else 's'}"
            area = area_text(float(areas.sum()), unit).replace("m²", "sq m")  # the font has no ²
            label = name.replace("_", " ").capitalize()
            hatched = classes.sides([name]) == [NOT_CULTIVATED]
            entries.append(LegendEntry(label, f"{count}, {area}", palette_of(name, classes), hatched))
    return entries

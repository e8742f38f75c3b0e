"""The parcels as polygons for the labelling tools LabelMe and X-AnyLabeling, beside a picture of the scene."""

import logging
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import geopandas
import numpy as np
import shapely
from affine import Affine

from isagrsc2.classification.land_classes import LandClasses
from isagrsc2.classification.predictor import CULTIVATED, NOT_CULTIVATED
from isagrsc2.export.json_file import strict_json
from isagrsc2.export.picture import write_png
from isagrsc2.export.result import SceneResult
from isagrsc2.files import replacing
from isagrsc2.options import check_choice
from isagrsc2.parcels import move
from isagrsc2.reference.keyholes import keyhole_ring
from isagrsc2.reference.labelme import ELSEWHERE, LAND_CLASSES, UNLABELLED
from isagrsc2.reference.labelme_shapes import PARCEL_ID
from isagrsc2.reference.reading import EXPORTED
from isagrsc2.scene.raster import Scene

# Values of `export.labelme.labels`.
NAMES, NUMBERS = "names", "numbers"
# What numbers say; unclassified parcels keep their name.
OF_SIDES = {CULTIVATED: "1", NOT_CULTIVATED: "0"}

# Of the format; LabelMe warns where the first number is not its own.
VERSION = "5.5.0"

# Decimals of a coordinate, px. Corners of simplified parcels are corners of pixels; map units and back leave some 1e-8 px.
DECIMALS = 6

# Qt 6 decodes no picture of more than 256 MB unless it is told to, at 4 bytes a pixel.
LARGEST = 256 * 2**20 // 4

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class LabelMe:
    """``labelme/<scene>.json``: a polygon for every part of a parcel, and ``labelme/<scene>.png``: the picture it lies on.

    The picture is always written: tools cannot read many rasters, turn photographs as their EXIF data say, and X-AnyLabeling
    looks for the picture beside the file, wherever ``imagePath`` points. Holes are keyholes (``keyhole_ring``); parts of a
    parcel have its number as ``group_id``. Figures of a parcel stand in its description, which both tools show, and in keys of
    their own, which both keep: ``parcel_id``, ``score`` (X-AnyLabeling's own key) and ``p_cultivated``. They are no flags:
    LabelMe's are true or false, and it opens no file with others.

    A file that a tool has saved is not written again: it holds somebody's work.

    Attributes:
        labels: ``names`` (the classes'), or ``numbers``: 1 for cultivated, 0 for other land.
    """

    labels: str

    def __post_init__(self) -> None:
        """Check the option before the work, not after it."""
        check_choice("export.labelme.labels", self.labels, (NAMES, NUMBERS))

    def write(self, result: SceneResult, folder: Path) -> Path:
        """See ``Exporter``."""
        scene = result.scene
        path = folder / EXPORTED / f"{scene.name}.json"
        if _was_saved_by_a_tool(path):
            logger.warning("%s was changed in a labelling tool and stays as it is; remove it to have it written again.", path)
            return path
        if scene.width * scene.height > LARGEST:
            logger.warning(
                "%s: %d x %d px are more than many labelling tools open; cut the image into parts to label them.",
                scene.path,
                scene.width,
                scene.height,
            )
        path.parent.mkdir(exist_ok=True)
        picture = path.with_suffix(".png")
        # A picture that was exported may be segmented itself, into the folder where it lies.
        if picture.resolve() != scene.path.resolve():
            write_png(scene, picture)
        # The list of shapes, the last member, is written one by one.
        with replacing(path) as temporary, temporary.open("w", encoding="utf-8") as file:
            file.write(strict_json(_head(result, picture.name), None).removesuffix("}") + ', "shapes": [')
            separator = "\n"
            for batch in result.parcels:
                for shape in _shapes(batch, result.classes, scene, numbers=self.labels == NUMBERS):
                    file.write(separator + strict_json(shape, None))
                    separator = ",\n"
            file.write("\n]}\n")
        return path


def _was_saved_by_a_tool(path: Path) -> bool:
    """Whether a file was saved by a labelling tool: both indent what they write, this module does not."""
    if not path.exists():
        return False
    with path.open(encoding="utf-8") as file:
        return file.readline().strip() == "{"


def _head(result: SceneResult, picture: str) -> dict[str, Any]:
    """Everything of the file but the shapes."""
    some = result.metrics["written"] < result.metrics["parcels"]
    return {
        "version": VERSION,
        "flags": {},
        "imagePath": picture,
        "imageData": None,
        "imageHeight": result.scene.height,
        "imageWidth": result.scene.width,
        LAND_CLASSES: result.classes.plain(),
        # What a parcel that is not written is must not be concluded from that.
        ELSEWHERE: UNLABELLED if some else NOT_CULTIVATED,
    }


def _shapes(parcels: geopandas.GeoDataFrame, classes: LandClasses, scene: Scene, *, numbers: bool) -> Iterator[dict[str, Any]]:
    """The shapes of a batch."""
    names = parcels["class_name"].tolist()
    labels = [OF_SIDES.get(side, side) for side in classes.sides(names)] if numbers else names
    to_pixels = Affine.identity() if scene.crs is None else ~scene.transform
    polygons = move(parcels.geometry.to_numpy(), to_pixels)  # (N,)
    figures = (parcels[name].tolist() for name in (PARCEL_ID, "score", "p_cultivated"))
    for label, polygon, parcel_id, score, p_cultivated in zip(labels, polygons, *figures, strict=True):
        rounded = shapely.transform(polygon, lambda points: np.round(points, DECIMALS))
        parts = shapely.get_parts(rounded)
        for part in parts:
            yield {
                "label": label,
                "points": keyhole_ring(part).tolist(),
                "group_id": parcel_id if len(parts) > 1 else None,
                "description": _description(parcel_id, score, p_cultivated),
                "shape_type": "polygon",
                "flags": {},
                PARCEL_ID: parcel_id,
                "score": score,
                "p_cultivated": p_cultivated,
            }


def _description(parcel_id: int, score: float, p_cultivated: float) -> str:
    """What a person who labels wants to know of a parcel."""
    known = "" if np.isnan(p_cultivated) else f", cultivated with p {p_cultivated:.2f}"
    return f"parcel {parcel_id}, score {score:.2f}{known}"

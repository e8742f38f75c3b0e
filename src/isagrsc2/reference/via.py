"""Polygons drawn by hand in the VGG Image Annotator (VIA 1 and 2), pixel frame of the image.

The file format: Dutta & Zisserman 2019, *The VIA Annotation Software for Images, Audio and Video*.
"""

from pathlib import Path, PurePosixPath
from typing import Any

import numpy as np
import shapely
from shapely import affinity

from isagrsc2.errors import InputError
from isagrsc2.reference.parcels import NoReferenceError

# Segments per quarter of a circle or an ellipse.
QUADRANT = 16


def is_via(document: Any) -> bool:
    """Whether a parsed JSON document is a VIA annotation file or a VIA 2 project."""
    if not isinstance(document, dict):
        return False
    records = document.get("_via_img_metadata", document)
    return isinstance(records, dict) and all(
        isinstance(record, dict) and "filename" in record and "regions" in record for record in records.values()
    )


def via_polygons(document: dict[str, Any], path: Path, image: str) -> list[shapely.Geometry]:
    """Polygons of one image, in the order of the file; they may be invalid, as drawn.

    Polygons, closed polylines, rectangles, circles and ellipses become polygons; points have no area and are left out.

    Args:
        document: the parsed file.
        path: for messages.
        image: file name of the image, with its suffix.

    Raises:
        NoReferenceError: no record for the image.
        InputError: a region without the numbers its shape needs.
    """
    records = document.get("_via_img_metadata", document)
    for record in records.values():
        # VIA also takes URLs and paths as file names.
        if PurePosixPath(str(record["filename"]).replace("\\", "/")).name == image:
            regions = record["regions"]
            ordered = list(regions.values()) if isinstance(regions, dict) else list(regions)
            shapes = [_polygon(region, number, path, image) for number, region in enumerate(ordered, start=1)]
            return [shape for shape in shapes if shape is not None]
    raise NoReferenceError(
        f"{path} has no record for the image {image} (it has {len(records)} records); "
        "the record's `filename` must be the name of the image file."
    )


def _polygon(region: Any, number: int, path: Path, image: str) -> shapely.Geometry | None:
    try:
        return _shape(region["shape_attributes"])
    except (KeyError, TypeError, ValueError) as error:
        raise InputError(
            f"{path}: region {number} of {image} cannot be read ({type(error).__name__}: {error}); correct it in VIA."
        ) from None


def _shape(given: dict[str, Any]) -> shapely.Geometry | None:
    kind = given["name"]
    if kind in ("polygon", "polyline"):
        xs, ys = given["all_points_x"], given["all_points_y"]
        if len(xs) != len(ys):
            raise ValueError(f"{len(xs)} x and {len(ys)} y coordinates")
        return shapely.Polygon(np.column_stack([xs, ys]).astype(float)) if len(xs) > 2 else None
    if kind == "rect":
        x, y = float(given["x"]), float(given["y"])
        return shapely.box(x, y, x + float(given["width"]), y + float(given["height"]))
    if kind in ("circle", "ellipse"):
        radii = (given["r"], given["r"]) if kind == "circle" else (given["rx"], given["ry"])
        unit = shapely.Point(0.0, 0.0).buffer(1.0, quad_segs=QUADRANT)
        scaled = affinity.scale(unit, float(radii[0]), float(radii[1]), origin=(0, 0))
        # y points down, so a positive angle turns clockwise on the screen, as theta does on VIA's canvas.
        turned = affinity.rotate(scaled, float(given.get("theta", 0.0)), origin=(0, 0), use_radians=True)
        return affinity.translate(turned, float(given["cx"]), float(given["cy"]))
    if kind == "point":
        return None
    raise ValueError(f"unknown shape {kind}")

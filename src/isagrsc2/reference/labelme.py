"""Outlines of LabelMe and X-AnyLabeling: one JSON file an image, pixel frame of the image (the first pixel's corner is 0, 0).

The format is that of LabelMe 5 (https://github.com/wkentaro/labelme, ``labelme/_label_file.py``), whose keys X-AnyLabeling has
too (https://github.com/CVHub520/X-AnyLabeling, ``anylabeling/views/labeling/label_file.py``). Both keep keys that they do not
know, of the file and of a shape.
"""

import dataclasses
import logging
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path, PureWindowsPath
from typing import Any

import numpy as np
import shapely

from isagrsc2.classification.predictor import CULTIVATED, NOT_CULTIVATED, UNCLASSIFIED
from isagrsc2.errors import InputError
from isagrsc2.reference.labelme_shapes import Outline, outlines_of
from isagrsc2.reference.parcels import Reference, count_overlapping, reference_from_polygons
from isagrsc2.scene.raster import Scene

# Labels that every file may have, in upper or lower case; those of other classes stand in the file, under LAND_CLASSES.
CULTIVATED_LABELS = (CULTIVATED, "field", "1")
OTHER_LABELS = (NOT_CULTIVATED, "nonfield", "0")

# Keys of ours. Names of classes and which of them are cultivated, as ``LandClasses.plain`` has them:
LAND_CLASSES = "land_classes"
# What land without a shape is: not_cultivated, also where the key is missing, or
ELSEWHERE = "elsewhere"
UNLABELLED = "unlabelled"

logger = logging.getLogger(__name__)


def is_labelme(document: Any) -> bool:
    """Whether a parsed JSON document is a file of LabelMe or X-AnyLabeling."""
    return isinstance(document, dict) and isinstance(document.get("shapes"), list)


def read_labelme(document: Mapping[str, Any], path: Path, scene: Scene) -> Reference:
    """Make a reference of the shapes of a file; what is peculiar about them is said in one warning.

    Polygons, rectangles and circles are outlines; shapes of one label with the same ``group_id`` are one. Those labelled
    cultivated are the parcels, others ``not_cultivated``. Of the land under other labels the reference says nothing, nor of
    land outside of all shapes where the file says so: it was written with some of the parcels only.

    Args:
        document: the parsed file.
        path: for messages.
        scene: what the shapes were drawn on.

    Raises:
        InputError: the file belongs to another image, a shape cannot be read, or none is of a known label.
    """
    _check_image(document, path, scene)
    outlines, others = outlines_of(document["shapes"], path)
    if document["shapes"] and not outlines:
        raise InputError(f"{path} holds no polygons ({_listed(others)}); draw the parcels' areas, not their lines or centres.")
    sides = _sides(document, path, [outline.label for outline in outlines])
    given = np.array([outline.polygon for outline in outlines], dtype=object)
    drawn = reference_from_polygons(given, [outline.number for outline in outlines], (scene.height, scene.width), str(path))
    kept = drawn.parcels
    side = kept["ref_id"].map({outline.number: side for outline, side in zip(outlines, sides, strict=True)})
    _report(drawn, outlines, sides, others, scene)
    parcels = kept[side == CULTIVATED].reset_index(drop=True)
    known = kept.geometry[side != UNLABELLED].to_numpy()
    unknown = kept.geometry[side == UNLABELLED].to_numpy()
    if _elsewhere(document, path) == UNLABELLED:
        unknown = np.array([shapely.box(0, 0, scene.width, scene.height)], dtype=object)
    return dataclasses.replace(
        drawn,
        parcels=parcels,
        overlapping=count_overlapping(parcels.geometry.to_numpy()),
        unlabelled=_without(unknown, known),
        not_cultivated=kept[side == NOT_CULTIVATED].reset_index(drop=True),
    )


def _check_image(document: Mapping[str, Any], path: Path, scene: Scene) -> None:
    """Check that the file was drawn on the scene, as far as it says so."""
    size = (document.get("imageWidth"), document.get("imageHeight"))
    if None not in size and size != (scene.width, scene.height):
        raise InputError(
            f"{path} was drawn on an image of {size[0]} x {size[1]} px, the scene {scene.path} has {scene.width} x "
            f"{scene.height} px; give the file that was drawn on this scene."
        )
    # As LabelMe does: paths of any system.
    if (image := str(document.get("imagePath") or "")) and PureWindowsPath(image).stem != scene.name:
        raise InputError(
            f"{path} belongs to the image {image}, not to the scene {scene.path}; give the file of this scene, or where the "
            "image was renamed, correct imagePath in the file."
        )


def _sides(document: Mapping[str, Any], path: Path, labels: Sequence[str]) -> list[str]:
    """Of every label whether it is ``cultivated``, ``not_cultivated`` or ``unlabelled``: neither of both."""
    known = dict.fromkeys(OTHER_LABELS, NOT_CULTIVATED) | dict.fromkeys(CULTIVATED_LABELS, CULTIVATED)
    if (classes := document.get(LAND_CLASSES)) is not None:
        named: list[Any] = [classes.get(key) if isinstance(classes, dict) else None for key in ("names", "cultivated")]
        if not all(isinstance(names, list) for names in named):
            raise InputError(
                f"{path}: {LAND_CLASSES} must have names and cultivated, two lists of labels; correct it, or leave it out."
            )
        for names, side in zip(named, (NOT_CULTIVATED, CULTIVATED), strict=True):
            known |= {str(name).lower(): side for name in names}
        known[UNCLASSIFIED] = UNLABELLED
    sides = [known.get(label.lower(), UNLABELLED) for label in labels]
    if sides and set(sides) == {UNLABELLED}:
        raise InputError(
            f"{path}: no label says whether land is cultivated ({_listed(Counter(labels))}); label it "
            f"{', '.join(CULTIVATED_LABELS)} or {', '.join(OTHER_LABELS)}, or name the labels in the file: "
            f'"{LAND_CLASSES}": {{"names": [...], "cultivated": [...]}}.'
        )
    return sides


def _elsewhere(document: Mapping[str, Any], path: Path) -> str:
    """What land without a shape is."""
    elsewhere = document.get(ELSEWHERE, NOT_CULTIVATED)
    if elsewhere not in (NOT_CULTIVATED, UNLABELLED):
        raise InputError(f"{path}: {ELSEWHERE} is {elsewhere}; it must be {NOT_CULTIVATED} or {UNLABELLED}.")
    return str(elsewhere)


def _without(polygons: Any, others: Any) -> tuple[shapely.Geometry, ...]:
    """The area of polygons (N,) that lies in none of others (M,)."""
    left = shapely.get_parts(shapely.difference(shapely.union_all(polygons), shapely.union_all(others)))
    return tuple(part for part in left if part.area > 0)


def _report(drawn: Reference, outlines: Sequence[Outline], sides: Sequence[str], others: Counter[str], scene: Scene) -> None:
    """Say in one line what became of shapes that are no plain parcels."""
    unknown = Counter(outline.label for outline, side in zip(outlines, sides, strict=True) if side == UNLABELLED)
    bounds = shapely.bounds(np.array([outline.polygon for outline in outlines], dtype=object))  # (N, 4)
    beyond = (bounds[:, :2] < 0).any(axis=1) | (bounds[:, 2:] > (scene.width, scene.height)).any(axis=1)
    findings = {
        f"say neither cultivated nor not ({_listed(unknown)}): their land is not compared": unknown.total(),
        f"have no area ({_listed(others)}) and are left out": others.total(),
        "lie outside of the image and are left out": drawn.outside,
        "reach beyond the image and are clipped": int(beyond.sum()) - drawn.outside,
        "cross themselves and are repaired": drawn.repaired,
    }
    if said := [f"{number} {finding}" for finding, number in findings.items() if number > 0]:
        logger.warning("%s: of its shapes %s.", drawn.source, "; ".join(said))


def _listed(counts: Counter[str]) -> str:
    return ", ".join(f"{name} {number}" for name, number in counts.most_common())

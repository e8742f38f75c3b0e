"""Segments of a scene to classes: chips are cut in an order that suits the file, the results come in the caller's."""

from collections.abc import Sequence

import numpy as np
from shapely.geometry.base import BaseGeometry

from isagrsc2.classification.chips import Raster, cut_chip
from isagrsc2.classification.predictor import Classifier, Probabilities

# Height, in scene px, of the bands in which segments are visited from left to right: about one row of GDAL's blocks.
BAND = 512


def classify_segments(
    scene: Raster, polygons: Sequence[BaseGeometry], classifier: Classifier, batch: int
) -> tuple[list[str], Probabilities]:
    """Classify segments.

    Args:
        scene: the raster they were found in.
        polygons: N polygons or multipolygons, scene px, none empty; N may be 0.
        classifier: decides about chips.
        batch: chips held in memory at a time; does not change the result.

    Returns:
        N of the classifier's class names; (N,) float32 probabilities of being cultivated, NaN where nothing is known.
    """
    names = [""] * len(polygons)
    p_cultivated = np.empty(len(polygons), np.float32)
    order = reading_order(polygons)
    for start in range(0, len(order), batch):
        chosen = order[start : start + batch]
        chips = np.stack([cut_chip(scene, polygons[index], classifier.chip_size) for index in chosen])  # (B, S, S, 3)
        found, p_cultivated[chosen] = classifier.classify(chips)
        for index, name in zip(chosen, found, strict=True):
            names[index] = name
    return names, p_cultivated


def reading_order(polygons: Sequence[BaseGeometry]) -> list[int]:
    """Indices of polygons, band by band from the top, each band from the left, so that blocks are read about once."""
    corners = [polygon.bounds[:2] for polygon in polygons]  # (x, y) of the upper left corner of the bounding box
    return sorted(range(len(polygons)), key=lambda index: (corners[index][1] // BAND, corners[index][0]))

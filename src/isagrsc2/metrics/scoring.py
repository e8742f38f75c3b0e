"""The segments of a scene against its reference parcels, after every round."""

from collections.abc import Callable

import geopandas as gpd
import numpy as np
import numpy.typing as npt
from rasterio.windows import Window

from isagrsc2.metrics.coverage import count_coverage
from isagrsc2.metrics.objects import NO_BEST_IOUS, NO_MATCHES, count_best_ious, count_matches, mostly_inside
from isagrsc2.metrics.overlaps import Overlaps, count_overlaps, sum_overlaps
from isagrsc2.metrics.pixels import count_area
from isagrsc2.metrics.rounds import RoundCounts, SceneCounts
from isagrsc2.reference.parcels import Reference
from isagrsc2.scene.burning import BLOCK, Burner, blocks

# IoU above which two parcels are the same; the usual one.
MATCHING_IOU = 0.5

# What is compared where nothing was classified.
ALL_SEGMENTS = "all segments (unclassified)"

ValidMask = Callable[[Window], npt.NDArray[np.bool_]]


def count_rounds(
    segments: gpd.GeoDataFrame,
    reference: Reference,
    shape: tuple[int, int],
    valid: ValidMask,
    rounds: int,
    block: int = BLOCK,
) -> SceneCounts:
    """Compare the segments of a scene with its reference parcels, after every round.

    Both are burnt block by block and the counts added, so memory depends on the block and not on the scene. Predictions
    are the segments of class ``cultivated``, or all of them when nothing was classified.

    Args:
        segments: pixel-exact polygons without overlaps, scene px; columns ``class_name`` and ``round`` (from 1).
        reference: the scene's reference parcels; what it leaves unlabelled counts nowhere.
        shape: (H, W) of the scene, px.
        valid: (h, w) mask of a window given in scene px; what is not valid counts nowhere.
        rounds: how many rounds to report, at least 1; segments of later rounds never count.
        block: side of a block, px.
    """
    overlaps = _overlaps(segments, reference, shape, valid, block)
    names = segments["class_name"].to_numpy()
    unclassified = len(segments) > 0 and bool((names == "unclassified").all())
    chosen = np.arange(1, len(segments) + 1)[unclassified | (names == "cultivated")]
    objects = not reference.areas_only
    return SceneCounts(
        predictions=ALL_SEGMENTS if unclassified else "cultivated segments",
        rounds=_rounds(overlaps, segments, chosen, rounds, objects),
        oracle_class=_rounds(overlaps, segments, np.asarray(mostly_inside(overlaps), np.int64), rounds, objects),
    )


def _overlaps(
    segments: gpd.GeoDataFrame, reference: Reference, shape: tuple[int, int], valid: ValidMask, block: int
) -> Overlaps:
    """Overlaps of the whole scene; a segment's id is its position from 1."""
    predicted = Burner(segments.geometry.to_numpy(), range(1, len(segments) + 1))
    parcels, unlabelled = reference.burner(), reference.unlabelled_burner()
    return sum_overlaps(
        count_overlaps(predicted.burn(window), parcels.burn(window), valid(window) & (unlabelled.burn(window) == 0))
        for window in blocks(shape, block)
    )


def _until(segments: gpd.GeoDataFrame, rounds: int) -> list[npt.NDArray[np.int64]]:
    """Ids of the segments found in round 1, in rounds 1 and 2, ..."""
    found = segments["round"].to_numpy()
    return [np.flatnonzero(found <= number) + 1 for number in range(1, rounds + 1)]


def _rounds(
    overlaps: Overlaps, segments: gpd.GeoDataFrame, predictions: npt.NDArray[np.int64], rounds: int, objects: bool
) -> tuple[RoundCounts, ...]:
    counts = []
    for ids in _until(segments, rounds):
        kept = overlaps.keep_predicted(np.intersect1d(ids, predictions))
        counts.append(
            RoundCounts(
                count_coverage(overlaps.keep_predicted(ids)),
                count_area(kept),
                count_matches(kept, MATCHING_IOU) if objects else NO_MATCHES,
                count_best_ious(kept) if objects else NO_BEST_IOUS,
                objects,
            )
        )
    return tuple(counts)

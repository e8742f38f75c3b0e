"""The segments of a scene against its reference parcels, after every round and in detail after the last."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import geopandas as gpd
import numpy as np
import numpy.typing as npt
from rasterio.windows import Window

from isagrsc2.metrics.coverage import count_coverage
from isagrsc2.metrics.last_round import NO_LAST_ROUND, LastRoundCounts, Measures, count_last_round
from isagrsc2.metrics.objects import (
    MATCHING_IOU,
    NO_BEST_IOUS,
    NO_MATCHES,
    count_best_ious,
    count_matches,
    mostly_inside,
)
from isagrsc2.metrics.outcomes import Outcomes, find_outcomes
from isagrsc2.metrics.outlines import OUTSIDE, Outlines, join_outlines, outlines_of_block
from isagrsc2.metrics.overlaps import NO_OVERLAPS, Overlaps, count_overlaps, sum_overlaps
from isagrsc2.metrics.pixels import count_area
from isagrsc2.metrics.rounds import RoundCounts, SceneCounts
from isagrsc2.metrics.scale import Scale
from isagrsc2.metrics.segmentation_errors import NO_SEGMENTATION_ERRORS, count_segmentation_errors
from isagrsc2.metrics.thresholds import NO_THRESHOLDS, count_thresholds
from isagrsc2.reference.parcels import Reference
from isagrsc2.scene.burning import BLOCK, Burner, blocks

# What is compared where nothing was classified.
ALL_SEGMENTS = "all segments (unclassified)"

ValidMask = Callable[[Window], npt.NDArray[np.bool_]]


@dataclass(frozen=True, eq=False)
class Shown:
    """What a picture of a scene shows: the predictions, or, where nothing was classified, what a perfect classifier chose.

    Without classes all land is predicted, and everything that is no parcel would be an invention.

    Attributes:
        perfect: whether these are a perfect classifier's.
        segments: (S,) positions in the table of segments, ascending.
        outcomes: of the parcels; ``invented`` has positions + 1. Of nothing where the reference has areas only.
    """

    perfect: bool
    segments: npt.NDArray[np.int64]
    outcomes: Outcomes


@dataclass(frozen=True)
class DetailedCounts:
    """The counts of one scene after every round, and those of the last round that cost more.

    Attributes:
        scene: after every round.
        last_round: of the predictions.
        oracle_class: of the segments a perfect classifier would choose, see ``SceneCounts``.
        shown: what became of every parcel after the last round, for pictures.
    """

    scene: SceneCounts
    last_round: LastRoundCounts
    oracle_class: LastRoundCounts
    shown: Shown


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
    overlaps = sum_overlaps(_overlaps(burnt) for burnt in _burn(segments, reference, shape, valid, block))
    return _scene_counts(overlaps, segments, rounds, not reference.areas_only)


def count_in_detail(
    segments: gpd.GeoDataFrame,
    reference: Reference,
    shape: tuple[int, int],
    valid: ValidMask,
    rounds: int,
    scale: Scale,
    measures: Measures,
    block: int = BLOCK,
) -> DetailedCounts:
    """Compare as ``count_rounds`` does, and count what is reported of the last round only.

    Memory grows with the length of the outlines, about 17 bytes a pixel of them, and not with the scene.

    Args:
        segments: as in ``count_rounds``; a column ``score`` where they have one.
        reference: as in ``count_rounds``.
        shape: as in ``count_rounds``.
        valid: as in ``count_rounds``.
        rounds: as in ``count_rounds``.
        scale: size of a pixel.
        measures: limits of size classes and the tolerance of boundaries.
        block: side of a block, px.
    """
    tables, predicted, drawn = [], [], []
    for burnt in _burn(segments, reference, shape, valid, block):
        tables.append(_overlaps(burnt))
        if not reference.areas_only:
            predicted.append(outlines_of_block(burnt.predicted, burnt.origin))
            drawn.append(outlines_of_block(burnt.reference, burnt.origin))
    overlaps = sum_overlaps(tables)
    counts = _scene_counts(overlaps, segments, rounds, not reference.areas_only)
    shown = _shown(overlaps, segments, rounds, not reference.areas_only)
    if reference.areas_only:
        return DetailedCounts(counts, NO_LAST_ROUND, NO_LAST_ROUND, shown)
    outlines = join_outlines(predicted), join_outlines(drawn)
    last, oracle = (
        _last_round(overlaps.keep_predicted(ids), outlines, segments, scale, measures)
        for ids in (kinds[-1] for kinds in _chosen(overlaps, segments, rounds))
    )
    return DetailedCounts(counts, last, oracle, shown)


@dataclass(frozen=True)
class _Burnt:
    """Labels of one block and of one pixel more on every side, (h + 2, w + 2); ``OUTSIDE`` where nothing counts."""

    predicted: npt.NDArray[np.int32]
    reference: npt.NDArray[np.int32]
    origin: tuple[int, int]


def _burn(
    segments: gpd.GeoDataFrame, reference: Reference, shape: tuple[int, int], valid: ValidMask, block: int
) -> Iterator[_Burnt]:
    """Burn the whole scene, block by block; a segment's id is its position from 1."""
    height, width = shape
    burners = Burner(segments.geometry.to_numpy(), range(1, len(segments) + 1)), reference.burner()
    unlabelled = reference.unlabelled_burner()
    for inner in blocks(shape, block):
        top, left = max(inner.row_off - 1, 0), max(inner.col_off - 1, 0)
        bottom = min(inner.row_off + inner.height + 1, height)
        right = min(inner.col_off + inner.width + 1, width)
        window = Window(left, top, right - left, bottom - top)
        counted = valid(window) & (unlabelled.burn(window) == 0)
        rimmed = []
        for burner in burners:
            labels = np.full((inner.height + 2, inner.width + 2), OUTSIDE, np.int32)
            row, column = top - inner.row_off + 1, left - inner.col_off + 1
            labels[row : row + window.height, column : column + window.width] = np.where(counted, burner.burn(window), OUTSIDE)
            rimmed.append(labels)
        yield _Burnt(rimmed[0], rimmed[1], (inner.row_off, inner.col_off))


def _overlaps(burnt: _Burnt) -> Overlaps:
    """Overlaps inside the block."""
    predicted, reference = burnt.predicted[1:-1, 1:-1], burnt.reference[1:-1, 1:-1]
    return count_overlaps(predicted, reference, predicted != OUTSIDE)


def _chosen(
    overlaps: Overlaps, segments: gpd.GeoDataFrame, rounds: int
) -> tuple[list[npt.NDArray[np.int64]], list[npt.NDArray[np.int64]]]:
    """Ids of the predictions, and of those of a perfect classifier, found in round 1, in rounds 1 and 2, ..."""
    predictions = np.flatnonzero(_unclassified(segments) | (segments["class_name"].to_numpy() == "cultivated")) + 1
    perfect = np.asarray(mostly_inside(overlaps), np.int64)
    until = _until(segments, rounds)
    return [np.intersect1d(ids, predictions) for ids in until], [np.intersect1d(ids, perfect) for ids in until]


def _shown(overlaps: Overlaps, segments: gpd.GeoDataFrame, rounds: int, objects: bool) -> Shown:
    predictions, perfect = (kinds[-1] for kinds in _chosen(overlaps, segments, rounds))
    ids = perfect if _unclassified(segments) else predictions
    outcomes = find_outcomes(overlaps.keep_predicted(ids) if objects else NO_OVERLAPS)
    return Shown(_unclassified(segments), ids - 1, outcomes)


def _unclassified(segments: gpd.GeoDataFrame) -> bool:
    return len(segments) > 0 and bool((segments["class_name"].to_numpy() == "unclassified").all())


def _until(segments: gpd.GeoDataFrame, rounds: int) -> list[npt.NDArray[np.int64]]:
    """Ids of the segments found in round 1, in rounds 1 and 2, ..."""
    found = segments["round"].to_numpy()
    return [np.flatnonzero(found <= number) + 1 for number in range(1, rounds + 1)]


def _scene_counts(overlaps: Overlaps, segments: gpd.GeoDataFrame, rounds: int, objects: bool) -> SceneCounts:
    until = _until(segments, rounds)
    predictions, perfect = (
        tuple(_round(overlaps, ids, kept, objects) for ids, kept in zip(until, kind, strict=True))
        for kind in _chosen(overlaps, segments, rounds)
    )
    return SceneCounts(
        predictions=ALL_SEGMENTS if _unclassified(segments) else "cultivated segments",
        rounds=predictions,
        oracle_class=perfect,
    )


def _round(overlaps: Overlaps, found: npt.NDArray[np.int64], predictions: npt.NDArray[np.int64], objects: bool) -> RoundCounts:
    kept = overlaps.keep_predicted(predictions)
    return RoundCounts(
        count_coverage(overlaps.keep_predicted(found)),
        count_area(kept),
        count_matches(kept, MATCHING_IOU) if objects else NO_MATCHES,
        count_thresholds(kept) if objects else NO_THRESHOLDS,
        count_best_ious(kept) if objects else NO_BEST_IOUS,
        count_segmentation_errors(kept) if objects else NO_SEGMENTATION_ERRORS,
        objects,
    )


def _last_round(
    overlaps: Overlaps,
    outlines: tuple[Outlines, Outlines],
    segments: gpd.GeoDataFrame,
    scale: Scale,
    measures: Measures,
) -> LastRoundCounts:
    given = segments["score"].to_numpy(np.float64) if "score" in segments else np.full(len(segments), np.nan)
    scores = given[overlaps.predicted_areas()[0] - 1]  # (P,)
    return count_last_round(overlaps, outlines, scores, scale, measures)

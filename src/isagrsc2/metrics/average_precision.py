"""Average precision: how well the scores of parcels tell the right from the wrong ones."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from isagrsc2.metrics.overlaps import IntArray, Overlaps
from isagrsc2.metrics.pooling import Samples
from isagrsc2.metrics.thresholds import THRESHOLDS

FloatArray = npt.NDArray[np.float64]

# Recalls at which COCO reads precision off the curve.
RECALLS = np.linspace(0, 1, 101)


@dataclass(frozen=True, eq=False)
class DetectionCounts:
    """Predicted parcels with their scores, and whether they are right. Adds over scenes.

    Attributes:
        scores: (N,) of the predicted parcels.
        matched: (10, N) bool, whether each has a partner at each of ``THRESHOLDS``.
        reference: number of reference parcels.
        scored: False where the parcels have no scores; then average precision is undefined.
    """

    scores: FloatArray
    matched: npt.NDArray[np.bool_]
    reference: int
    scored: bool

    def __add__(self, other: "DetectionCounts") -> "DetectionCounts":
        return DetectionCounts(
            np.concatenate([self.scores, other.scores]),
            np.concatenate([self.matched, other.matched], axis=1),
            self.reference + other.reference,
            self.scored and other.scored,
        )

    def average_precisions(self) -> dict[str, float | None]:
        """Mean over the thresholds, at 0.50 and at 0.75, from 0 to 1; None without a reference or without scores.

        The definition of COCO (Lin et al. 2014, *Microsoft COCO*, and its evaluation code): precision, made to fall with
        recall, is read at 101 recalls. All parcels count, whatever their size and number.
        """
        if not self.scored or not self.reference:
            return dict.fromkeys(_NAMES)
        order = np.argsort(-self.scores, kind="stable")
        precisions = _precisions(self.matched[:, order], np.ones(len(order)), self.reference)
        return _named(precisions)

    @classmethod
    def resample(cls, scenes: Sequence["DetectionCounts"], weights: FloatArray) -> Samples:
        """See ``Counts``; NaN where a resample holds no reference."""
        samples = np.full((len(weights), len(_NAMES)), np.nan)
        if all(scene.scored for scene in scenes):
            scores = np.concatenate([scene.scores for scene in scenes])  # (N,)
            order = np.argsort(-scores, kind="stable")
            matched = np.concatenate([scene.matched for scene in scenes], axis=1)[:, order]
            scene_of = np.repeat(np.arange(len(scenes)), [len(scene.scores) for scene in scenes])[order]
            references = weights @ np.array([scene.reference for scene in scenes])  # (B,)
            for number in np.flatnonzero(references):
                precisions = _precisions(matched, weights[number][scene_of], references[number])
                samples[number] = list(_named(precisions).values())
        return dict(zip(_NAMES, samples.T, strict=True))


_NAMES = ("average_precision", "average_precision_50", "average_precision_75")

# Of nothing; adding it changes nothing.
NO_DETECTIONS = DetectionCounts(np.zeros(0), np.zeros((len(THRESHOLDS), 0), bool), reference=0, scored=True)


def count_detections(overlaps: Overlaps, scores: FloatArray) -> DetectionCounts:
    """Say of every predicted parcel whether it is right, as COCO does.

    At each threshold parcels choose in the order of their scores, each the reference parcel with the greatest IoU of those
    that are left and reach the threshold.

    Args:
        overlaps: of one whole scene, parcels without overlaps among themselves.
        scores: (P,) of the predicted parcels, as they stand in ``predicted_areas``; NaN where there is none.
    """
    count = len(overlaps.predicted_areas()[0])
    if len(scores) != count:
        raise ValueError(f"{len(scores)} scores were given for {count} predicted parcels")
    rows, columns, ious = overlaps.ious()
    matched = np.zeros((len(THRESHOLDS), count), bool)
    unique = ious > 0.5  # nothing to choose, see match_parcels
    for number, threshold in enumerate(THRESHOLDS):
        matched[number, rows[unique & (ious >= threshold)]] = True
    halves = ious == THRESHOLDS[0]
    matched[0, _choose(rows[halves], columns[halves], scores)] = True
    return DetectionCounts(scores, matched, len(overlaps.reference_areas()[0]), bool(np.isfinite(scores).all()))


def _choose(rows: IntArray, columns: IntArray, scores: FloatArray) -> list[int]:
    """Rows that find a partner where each may have two, because the IoU is exactly one half."""
    order = np.lexsort((-columns, rows, -scores[rows]))  # of partners that fit the same COCO takes the last
    taken: set[int] = set()
    chosen: dict[int, int] = {}
    for row, column in zip(rows[order].tolist(), columns[order].tolist(), strict=True):
        if row not in chosen and column not in taken:
            chosen[row] = column
            taken.add(column)
    return list(chosen)


def _precisions(matched: npt.NDArray[np.bool_], weights: FloatArray, reference: float) -> FloatArray:
    """Average precision at each threshold, (T,).

    Args:
        matched: (T, N), parcels of the highest score first.
        weights: (N,) how often each parcel counts.
        reference: number of reference parcels, > 0.
    """
    if not matched.shape[1]:
        return np.zeros(len(matched))
    right = np.cumsum(matched * weights, axis=1)  # (T, N)
    # The smallest double keeps the quotient of nothing at 0 and changes no other.
    precision = right / np.maximum(np.cumsum(weights), np.spacing(1))
    precision = np.maximum.accumulate(precision[:, ::-1], axis=1)[:, ::-1]
    precision = np.append(precision, np.zeros((len(precision), 1)), axis=1)  # recalls that are not reached
    positions = [np.searchsorted(recall, RECALLS, side="left") for recall in right / reference]
    return np.array([values[position].mean() for values, position in zip(precision, positions, strict=True)])


def _named(precisions: FloatArray) -> dict[str, float | None]:
    at = dict(zip(THRESHOLDS, precisions.tolist(), strict=True))
    return dict(zip(_NAMES, (float(precisions.mean()), at[0.5], at[0.75]), strict=True))

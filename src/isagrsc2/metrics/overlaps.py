"""How many pixels each predicted and each reference parcel share: the one count from which every score follows."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

IntArray = npt.NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class Overlaps:
    """Sparse contingency table of two label rasters, background included.

    Overlaps of tiles add up to the overlaps of the whole, as long as a parcel bears the same id in every tile. Do not
    add those of different scenes: there the ids mean different parcels; add what is counted from them instead.

    Attributes:
        predicted: (K,) predicted id of each pair, 0 = no parcel.
        reference: (K,) reference id of each pair, 0 = no parcel.
        pixels: (K,) px they share, > 0. Pairs are unique and sorted.
    """

    predicted: IntArray
    reference: IntArray
    pixels: IntArray

    def __add__(self, other: "Overlaps") -> "Overlaps":
        return sum_overlaps([self, other])

    def keep_predicted(self, ids: npt.NDArray[np.integer[Any]]) -> "Overlaps":
        """The overlaps had only these predicted parcels been there: pixels of the others become background."""
        return _gather(np.where(np.isin(self.predicted, ids), self.predicted, 0), self.reference, self.pixels)

    def predicted_areas(self) -> tuple[IntArray, IntArray]:
        """Ids (P,), ascending, and areas (P,) in px of the predicted parcels."""
        return _areas(self.predicted, self.pixels)

    def reference_areas(self) -> tuple[IntArray, IntArray]:
        """Ids (R,), ascending, and areas (R,) in px of the reference parcels."""
        return _areas(self.reference, self.pixels)

    def ious(self) -> tuple[IntArray, IntArray, npt.NDArray[np.float64]]:
        """Pairs that intersect: row of the predicted parcel, row of the reference parcel, IoU; each (N,).

        Rows are positions in ``predicted_areas()`` and ``reference_areas()``.
        """
        both = (self.predicted > 0) & (self.reference > 0)
        shared = self.pixels[both]
        predicted_ids, predicted_areas = self.predicted_areas()
        reference_ids, reference_areas = self.reference_areas()
        rows = np.searchsorted(predicted_ids, self.predicted[both])
        columns = np.searchsorted(reference_ids, self.reference[both])
        return rows, columns, shared / (predicted_areas[rows] + reference_areas[columns] - shared)


def sum_overlaps(parts: Iterable[Overlaps]) -> Overlaps:
    """Add the overlaps of any number of tiles at once; of none: no overlaps."""
    tables = [np.stack([part.predicted, part.reference, part.pixels]) for part in parts]
    predicted, reference, pixels = np.concatenate([np.zeros((3, 0), np.int64), *tables], axis=1)
    return _gather(predicted, reference, pixels)


def count_overlaps(
    predicted: npt.NDArray[np.integer[Any]],
    reference: npt.NDArray[np.integer[Any]],
    valid: npt.NDArray[np.bool_] | None = None,
) -> Overlaps:
    """Count the overlaps of two label rasters.

    Args:
        predicted: (H, W) ids, 0 = no parcel.
        reference: (H, W) ids, 0 = no parcel.
        valid: (H, W) bool; pixels where it is False are not counted at all. All pixels by default.
    """
    if predicted.shape != reference.shape or (valid is not None and valid.shape != predicted.shape):
        shapes = [predicted.shape, reference.shape, None if valid is None else valid.shape]
        raise ValueError(f"label rasters and valid mask differ in shape: {shapes}")
    left, right = predicted.ravel(), reference.ravel()  # (H * W,)
    if valid is not None and not valid.all():
        left, right = left[valid.ravel()], right[valid.ravel()]
    if not left.size:
        return sum_overlaps([])
    # Labels are constant along most of a row, so runs are gathered instead of pixels: there are far fewer to sort.
    changes = (left[1:] != left[:-1]) | (right[1:] != right[:-1])
    starts = np.concatenate([[0], np.flatnonzero(changes) + 1])
    lengths = np.diff(starts, append=left.size)
    return _gather(left[starts].astype(np.int64), right[starts].astype(np.int64), lengths)


def _gather(predicted: IntArray, reference: IntArray, pixels: IntArray) -> Overlaps:
    """Sum the pixels of equal pairs."""
    predicted_ids, rows = np.unique(predicted, return_inverse=True)
    reference_ids, columns = np.unique(reference, return_inverse=True)
    width = max(len(reference_ids), 1)
    pairs, positions = np.unique(rows * width + columns, return_inverse=True)  # ids compact: no overflow
    sums = np.zeros(len(pairs), np.int64)
    np.add.at(sums, positions, pixels)
    return Overlaps(predicted_ids[pairs // width], reference_ids[pairs % width], sums)


def _areas(ids: IntArray, pixels: IntArray) -> tuple[IntArray, IntArray]:
    distinct, positions = np.unique(ids, return_inverse=True)
    areas = np.zeros(len(distinct), np.int64)
    np.add.at(areas, positions, pixels)
    parcels = distinct > 0
    return distinct[parcels], areas[parcels]

"""How much area each predicted and each reference parcel share: the one count from which most scores follow."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

IntArray = npt.NDArray[np.int64]
Areas = npt.NDArray[np.int64 | np.float64]

# Rows looked at together: what is made on the way takes a part of the memory of a large raster only.
BAND = 1024


@dataclass(frozen=True, eq=False)
class Overlaps:
    """Sparse contingency table of two label rasters, or of two sets of polygons, background included.

    Overlaps of tiles add up to the overlaps of the whole, as long as a parcel bears the same id in every tile. Do not
    add those of different scenes: there the ids mean different parcels; add what is counted from them instead.

    Attributes:
        predicted: (K,) predicted id of each pair, 0 = no parcel.
        reference: (K,) reference id of each pair, 0 = no parcel.
        pixels: (K,) px they share, > 0; whole numbers from label rasters, fractions from polygons. Pairs are unique and
            sorted.
    """

    predicted: IntArray
    reference: IntArray
    pixels: Areas

    def __add__(self, other: "Overlaps") -> "Overlaps":
        return sum_overlaps([self, other])

    def keep_predicted(self, ids: npt.NDArray[np.integer[Any]]) -> "Overlaps":
        """The overlaps had only these predicted parcels been there: pixels of the others become background."""
        return gather_overlaps(np.where(np.isin(self.predicted, ids), self.predicted, 0), self.reference, self.pixels)

    def predicted_areas(self) -> tuple[IntArray, Areas]:
        """Ids (P,), ascending, and areas (P,) in px of the predicted parcels."""
        return _areas(self.predicted, self.pixels)

    def reference_areas(self) -> tuple[IntArray, Areas]:
        """Ids (R,), ascending, and areas (R,) in px of the reference parcels."""
        return _areas(self.reference, self.pixels)

    def shared(self) -> tuple[IntArray, IntArray, Areas]:
        """Pairs that intersect: row of the predicted parcel, row of the reference parcel, px they share; each (N,).

        Rows are positions in ``predicted_areas()`` and ``reference_areas()``.
        """
        both = (self.predicted > 0) & (self.reference > 0)
        rows = np.searchsorted(self.predicted_areas()[0], self.predicted[both])
        columns = np.searchsorted(self.reference_areas()[0], self.reference[both])
        return rows, columns, self.pixels[both]

    def ious(self) -> tuple[IntArray, IntArray, npt.NDArray[np.float64]]:
        """Pairs that intersect, as in ``shared``, with their IoU in place of the shared px."""
        rows, columns, shared = self.shared()
        areas = self.predicted_areas()[1][rows] + self.reference_areas()[1][columns]
        return rows, columns, shared / (areas - shared)


NO_OVERLAPS = Overlaps(np.zeros(0, np.int64), np.zeros(0, np.int64), np.zeros(0, np.int64))


def sum_overlaps(parts: Iterable[Overlaps]) -> Overlaps:
    """Add the overlaps of any number of tiles at once; of none: no overlaps."""
    tables = [NO_OVERLAPS, *parts]
    return gather_overlaps(
        np.concatenate([table.predicted for table in tables]),
        np.concatenate([table.reference for table in tables]),
        np.concatenate([table.pixels for table in tables]),
    )


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
    bands = [slice(start, start + BAND) for start in range(0, len(predicted), BAND)]
    return sum_overlaps(_count_band(predicted[band], reference[band], None if valid is None else valid[band]) for band in bands)


def _count_band(
    predicted: npt.NDArray[np.integer[Any]],
    reference: npt.NDArray[np.integer[Any]],
    valid: npt.NDArray[np.bool_] | None,
) -> Overlaps:
    left, right = predicted.ravel(), reference.ravel()  # (h * W,)
    if valid is not None and not valid.all():
        left, right = left[valid.ravel()], right[valid.ravel()]
    if not left.size:
        return NO_OVERLAPS
    # Labels are constant along most of a row, so runs are gathered instead of pixels: there are far fewer to sort.
    changes = (left[1:] != left[:-1]) | (right[1:] != right[:-1])
    starts = np.concatenate([[0], np.flatnonzero(changes) + 1])
    lengths = np.diff(starts, append=left.size)
    return gather_overlaps(left[starts].astype(np.int64), right[starts].astype(np.int64), lengths)


def gather_overlaps(predicted: IntArray, reference: IntArray, pixels: Areas) -> Overlaps:
    """Make a table of pairs in any order, (K,) each; those that are equal add up."""
    predicted_ids, rows = np.unique(predicted, return_inverse=True)
    reference_ids, columns = np.unique(reference, return_inverse=True)
    width = max(len(reference_ids), 1)
    pairs, positions = np.unique(rows * width + columns, return_inverse=True)  # ids compact: no overflow
    sums = np.zeros_like(pixels, shape=len(pairs))
    np.add.at(sums, positions, pixels)
    return Overlaps(predicted_ids[pairs // width], reference_ids[pairs % width], sums)


def _areas(ids: IntArray, pixels: Areas) -> tuple[IntArray, Areas]:
    distinct, positions = np.unique(ids, return_inverse=True)
    areas = np.zeros_like(pixels, shape=len(distinct))
    np.add.at(areas, positions, pixels)
    parcels = distinct > 0
    return distinct[parcels], areas[parcels]

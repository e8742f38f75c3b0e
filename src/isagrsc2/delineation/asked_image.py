"""An embedded image, and what is known of it from the answers so far."""

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import numpy.typing as npt

from isagrsc2.segmenters.protocol import BoolArray, Candidates, FloatArray, Segmenter


@dataclass(frozen=True)
class AskedImage:
    """An image that a segmenter has looked at once, and is asked about in several rounds.

    Points of one parcel get nearly the same answers. So an answer that scores too low speaks for its surroundings: to ask
    there again pays only where less is enough.

    Attributes:
        segmenter: the model.
        embedding: what it made of the image.
    """

    segmenter: Segmenter
    embedding: Any

    def ask(self, points: FloatArray) -> Candidates:
        """See ``Segmenter.segment``."""
        return self.segmenter.segment(self.embedding, points)

    def remember(self, points: FloatArray, candidates: Candidates, min_score: float, reach: float) -> None:
        """Keep what was answered to points of which no mask scores enough.

        Args:
            points: (N, 2) float, x and y in tile px.
            candidates: the answers to them.
            min_score: what would be enough.
            reach: how far an answer speaks for the pixels of its smallest mask, in x and in y, tile px; 0: for its own point.
        """
        width, near = self.embedding.mask_shape[1], reach * self.embedding.scale
        poor = np.flatnonzero(candidates.scores.max(axis=1) < min_score)  # (K,)
        rows, columns = self._places(points[poor])
        best = self._best.ravel()  # (h * w,), a view
        masks = candidates.smallest(poor) if reach else [np.zeros(0, np.int64)] * len(poor)
        for row, column, pixels, score in zip(rows, columns, masks, candidates.scores[poor].max(axis=1), strict=True):
            distance = np.maximum(abs(pixels // width - row), abs(pixels % width - column))
            spoken_for = np.append(pixels[distance <= near], row * width + column)
            best[spoken_for] = np.fmax(best[spoken_for], score)

    def is_open(self, points: FloatArray, min_score: float) -> BoolArray:
        """Whether an answer may reach ``min_score``, as far as is known: (N, 2) float xy in tile px to (N,) bool."""
        return ~(self._best[self._places(points)] < min_score)

    @cached_property
    def _best(self) -> npt.NDArray[np.float32]:
        """(h, w), decoder frame: the best score of all answers that speak for a pixel; NaN where none does."""
        return np.full(self.embedding.mask_shape, np.nan, np.float32)

    def _places(self, points: FloatArray) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]:
        """Rows (N,) and columns (N,) of points in the decoder frame."""
        height, width = self.embedding.mask_shape
        column, row = np.floor(points.T * self.embedding.scale).astype(np.int64)
        return row.clip(0, height - 1), column.clip(0, width - 1)

"""Points that are asked again in a later round: their scores are known, and mostly nothing else is needed."""

from typing import Any

import numpy as np
import numpy.typing as npt

from isagrsc2.segmenters.protocol import BoolArray, Candidates, FloatArray, Rows, Segmenter

Numbers = npt.NDArray[np.integer[Any]]


class RememberingSegmenter:
    """A segmenter that is asked about a point of an embedding once, and again only if one of its masks is looked at.

    Rounds ask where nothing was accepted, and a point where nothing is accepted nearby comes again with the next round. Its
    masks would be the same, and where their scores are too low once more, nobody looks at them. Answers are those of the
    segmenter, up to the rounding of batches of another size.

    Args:
        segmenter: the model.
    """

    def __init__(self, segmenter: Segmenter) -> None:
        self._segmenter = segmenter
        self._embedding: Any = None
        self._scores: dict[bytes, npt.NDArray[np.float32]] = {}  # (M,) by point, of that embedding

    def embed(self, image: npt.NDArray[np.uint8]) -> Any:
        """See ``Segmenter``."""
        return self._segmenter.embed(image)

    def segment(self, embedding: Any, points: FloatArray) -> Candidates:
        """See ``Segmenter``; of several embeddings that of the last call is remembered."""
        if embedding is not self._embedding:
            self._embedding, self._scores = embedding, {}
        keys = [point.tobytes() for point in points]
        new = np.array([key not in self._scores for key in keys], bool)  # (N,)
        parts = []
        if new.any() or not keys:
            parts.append(self._segmenter.segment(embedding, points[new]))
            fresh = [key for key, is_new in zip(keys, new.tolist(), strict=True) if is_new]
            self._scores |= dict(zip(fresh, parts[0].scores, strict=True))
        if new.all():
            return parts[0]
        scores = np.array([self._scores[key] for key in keys], np.float32)  # (N, M)
        return _PartlyAsked(self._segmenter, embedding, points, scores, parts, new)


class _PartlyAsked:
    """Candidates of N points, of which some are not asked for their masks before these are looked at."""

    def __init__(
        self,
        segmenter: Segmenter,
        embedding: Any,
        points: FloatArray,
        scores: npt.NDArray[np.float32],
        parts: list[Candidates],
        new: BoolArray,
    ) -> None:
        self.scores = scores
        self._segmenter, self._embedding, self._points = segmenter, embedding, points
        self._parts = parts
        self._part = np.where(new, 0, -1)  # (N,), which of the parts has a point; -1: none yet
        self._place = np.cumsum(new) - 1  # (N,), number of the point in its part

    def stability(self, rows: Rows) -> npt.NDArray[np.float32]:
        """See the protocol."""
        stability = np.zeros(len(rows[0]), np.float32)
        for part, here, there in self._divide(rows):
            stability[here] = part.stability(there)
        return stability

    def pixels(self, point: int, mask: int) -> npt.NDArray[np.int64]:
        """See the protocol."""
        self._ask(np.array([point]))
        return self._parts[self._part[point]].pixels(int(self._place[point]), mask)

    def enlarge(self, rows: Rows) -> BoolArray:
        """See the protocol."""
        masks = np.zeros((len(rows[0]), *self._embedding.tile_shape), bool)
        for part, here, there in self._divide(rows):
            masks[here] = part.enlarge(there)
        return masks

    def _divide(self, rows: Rows) -> list[tuple[Candidates, Numbers, Rows]]:
        """For every part: itself, which of the rows it has, and what they are there."""
        point, mask = rows
        self._ask(point)
        wheres = [np.flatnonzero(self._part[point] == number) for number in range(len(self._parts))]
        return [(part, here, (self._place[point[here]], mask[here])) for part, here in zip(self._parts, wheres, strict=True)]

    def _ask(self, points: Numbers) -> None:
        """Ask those of the points, given by their numbers, that were not asked yet."""
        missing = np.unique(points[self._part[points] < 0])
        if len(missing):
            self._part[missing], self._place[missing] = len(self._parts), np.arange(len(missing))
            self._parts.append(self._segmenter.segment(self._embedding, self._points[missing]))

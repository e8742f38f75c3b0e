"""How a round asks and what it accepts: greedily on what is left, or as segment-anything's automatic masks."""

import hashlib
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt

from isagrsc2.delineation.coverage import in_decoder_frame
from isagrsc2.delineation.duplicates import box_nms
from isagrsc2.delineation.segments import Segments
from isagrsc2.options import check_share, check_whole
from isagrsc2.segmenters.protocol import Candidates, Segmenter

BoolArray = npt.NDArray[np.bool_]
FloatArray = npt.NDArray[np.floating[Any]]
IntArray = npt.NDArray[np.integer[Any]]


class PointSource(Protocol):
    """Decides where to ask."""

    def points(self, residual: BoolArray) -> FloatArray:
        """Return (N, 2) float, x and y in tile px."""
        ...


@dataclass(frozen=True)
class ResidualSearch:
    """Ask only where nothing is settled, and settle at once what is found.

    Within a round prompts go in batches; a point that an earlier batch has covered is skipped. Of a batch's masks the best is
    taken first, and then those that lie mostly on what is still free.

    Attributes:
        prompts: where to ask.
        batch: points per call of the segmenter.
        min_score: smallest predicted IoU.
        min_stability: smallest stability.
        max_overlap: largest share of a mask that may already be settled. Below the IoU that makes duplicates, so that none
            can arise.
    """

    prompts: PointSource
    batch: int
    min_score: float
    min_stability: float
    max_overlap: float

    def __post_init__(self) -> None:
        """Check the numbers."""
        check_whole("search.batch", self.batch, 1)
        check_share("search.min_score", self.min_score)
        check_share("search.min_stability", self.min_stability)
        check_share("search.max_overlap", self.max_overlap)

    def search(
        self, segmenter: Segmenter, embedding: Any, valid: BoolArray, settled: BoolArray, number: int, min_area: float
    ) -> Segments:
        """See ``rounds.Search``."""
        settled = settled.copy()
        frame = embedding.mask_shape, embedding.scale
        valid_there = in_decoder_frame(valid, *frame)  # (h, w)
        found = [Segments.empty(valid.shape)]
        points = self.prompts.points(valid & ~settled)
        while len(points):
            asked, points = points[: self.batch], points[self.batch :]
            candidates = segmenter.segment(embedding, asked)
            rows = self._choose(candidates, valid_there, in_decoder_frame(settled, *frame), min_area * embedding.scale**2)
            masks = candidates.enlarge(rows) & valid  # (K, H, W)
            new = Segments.from_masks(masks, *_values(candidates, rows, number))
            found.append(new)
            settled |= new.union()
            points = points[~settled[np.floor(points[:, 1]).astype(int), np.floor(points[:, 0]).astype(int)]]
        return Segments.concatenate(*found)

    def _choose(
        self, candidates: Candidates, valid: BoolArray, settled: BoolArray, min_area: float
    ) -> tuple[IntArray, IntArray]:
        """Rows (point, mask) to accept, best score first; all in the decoder frame."""
        point, mask = np.nonzero((candidates.scores >= self.min_score) & (candidates.stability >= self.min_stability))
        known, free = valid.ravel(), (valid & ~settled).ravel()  # (h * w,)
        chosen = []
        for row in np.argsort(-candidates.scores[point, mask], kind="stable").tolist():
            pixels = candidates.pixels(point[row], mask[row])  # (P,)
            area, new = np.count_nonzero(known[pixels]), np.count_nonzero(free[pixels])
            if area >= min_area and new >= (1 - self.max_overlap) * area and new:
                chosen.append(row)
                free[pixels] = False
        return point[chosen], mask[chosen]


@dataclass(frozen=True)
class AutomaticSearch:
    """Segment everything as segment-anything's ``SamAutomaticMaskGenerator`` does, on one crop.

    Attributes:
        prompts: where to ask.
        batch: points per call of the segmenter.
        min_score: ``pred_iou_thresh``.
        min_stability: ``stability_score_thresh``; stability is taken at the decoder's resolution.
        max_box_iou: ``box_nms_thresh``.
        max_settled: a mask is kept only if less than this share of it is settled (painted white).
    """

    prompts: PointSource
    batch: int
    min_score: float
    min_stability: float
    max_box_iou: float
    max_settled: float

    def __post_init__(self) -> None:
        """Check the numbers."""
        check_whole("search.batch", self.batch, 1)
        check_share("search.min_score", self.min_score)
        check_share("search.min_stability", self.min_stability)
        check_share("search.max_box_iou", self.max_box_iou)
        check_share("search.max_settled", self.max_settled)

    def search(
        self,
        segmenter: Segmenter,
        embedding: Any,
        valid: BoolArray,
        settled: BoolArray,
        number: int,
        min_area: float,  # noqa: ARG002
    ) -> Segments:
        """See ``rounds.Search``; small masks are left to merging, as SAM's generator returns them."""
        points = self.prompts.points(valid & ~settled)
        inside = valid[np.floor(points[:, 1]).astype(int), np.floor(points[:, 0]).astype(int)]
        points = points[inside]
        parts = [Segments.empty(valid.shape)]
        seen: set[bytes] = set()
        for start in range(0, len(points), self.batch):
            candidates = segmenter.segment(embedding, points[start : start + self.batch])
            point, mask = np.nonzero((candidates.scores > self.min_score) & (candidates.stability >= self.min_stability))
            # The very same mask, found from another point, would not survive the suppression: it need not be enlarged.
            fresh = np.array([_is_new(candidates, *row, seen) for row in zip(point.tolist(), mask.tolist(), strict=True)], bool)
            rows = point[fresh], mask[fresh]
            masks = candidates.enlarge(rows) & valid  # (K, H, W)
            parts.append(Segments.from_masks(masks, *_values(candidates, rows, number)))
        found = Segments.concatenate(*parts)
        # segment-anything's boxes end at the last pixel, not behind it.
        found = found[box_nms(found.boxes - np.array([0, 0, 1, 1]), found.scores, self.max_box_iou)]
        painted = np.array([np.count_nonzero(settled[box] & crop) for box, crop in found], np.int64)
        return found[(painted < self.max_settled * found.areas) | (painted == 0)]


def _is_new(candidates: Candidates, point: int, mask: int, seen: set[bytes]) -> bool:
    """Whether a mask has pixels and is, with its score, not among those seen; adds it."""
    pixels = candidates.pixels(point, mask)  # (P,)
    digest = hashlib.blake2b(np.ascontiguousarray(pixels).data, digest_size=16)
    digest.update(candidates.scores[point, mask].tobytes())
    new = len(pixels) > 0 and digest.digest() not in seen
    seen.add(digest.digest())
    return new


def _values(
    candidates: Candidates, rows: tuple[IntArray, IntArray], number: int
) -> tuple[npt.NDArray[np.float32], npt.NDArray[np.float32], npt.NDArray[np.int16]]:
    """Scores, stability and round of chosen candidates."""
    return candidates.scores[rows], candidates.stability[rows], np.full(len(rows[0]), number, np.int16)

"""How a round asks and what it accepts: greedily on what is left, or as segment-anything's automatic masks."""

import hashlib
from dataclasses import dataclass
from typing import Any, Protocol, Self

import numpy as np
import numpy.typing as npt

from isagrsc2.delineation.asked_image import AskedImage
from isagrsc2.delineation.coverage import in_decoder_frame
from isagrsc2.delineation.duplicates import box_nms
from isagrsc2.delineation.segments import Segments
from isagrsc2.options import check_number, check_share, check_whole
from isagrsc2.segmenters.protocol import Candidates, Rows

BoolArray = npt.NDArray[np.bool_]
FloatArray = npt.NDArray[np.floating[Any]]
IntArray = npt.NDArray[np.integer[Any]]


class PointSource(Protocol):
    """Decides where to ask."""

    def points(self, residual: BoolArray) -> FloatArray:
        """Return (N, 2) float, x and y in tile px."""
        ...


@dataclass(frozen=True)
class _Chosen:
    """Some of the candidates, with what was measured of them.

    Attributes:
        point: (K,), numbers of points.
        mask: (K,), for each the number of one of its masks.
        stability: (K,) float32.
    """

    point: IntArray
    mask: IntArray
    stability: npt.NDArray[np.float32]

    @classmethod
    def stable(cls, candidates: Candidates, passing: BoolArray, min_stability: float) -> Self:
        """Those of ``passing`` (N, M) that are stable; the others are not measured, for that takes time."""
        point, mask = np.nonzero(passing)
        measured = cls(point, mask, candidates.stability((point, mask)))
        return measured[measured.stability >= min_stability]

    @property
    def rows(self) -> Rows:
        """Point and mask."""
        return self.point, self.mask

    def __getitem__(self, chosen: IntArray | BoolArray) -> Self:
        """Choose some by indices or by a (K,) bool array."""
        return type(self)(self.point[chosen], self.mask[chosen], self.stability[chosen])

    def segments(self, candidates: Candidates, valid: BoolArray, number: int) -> Segments:
        """Bring the masks to the tile, where they end with ``valid`` (H, W); ``number`` is that of the round."""
        masks = candidates.enlarge(self.rows) & valid  # (K, H, W)
        rounds = np.full(len(self.point), number, np.int16)
        return Segments.from_masks(masks, candidates.scores[self.rows], self.stability, rounds)


@dataclass(frozen=True)
class ResidualSearch:
    """Ask only where nothing is settled, and settle at once what is found.

    Within a round prompts go in batches; a point that an earlier batch has covered is skipped, and one for which an earlier
    answer speaks that scores too low. Of a batch's masks the best is taken first, and then those that lie mostly on what is
    still free.

    Attributes:
        prompts: where to ask.
        batch: points per call of the segmenter.
        min_score: smallest predicted IoU.
        min_stability: smallest stability.
        max_overlap: largest share of a mask that may already be settled. Below the IoU that makes duplicates, so that none
            can arise.
        reach: how far an answer that scores too low speaks for the points in its smallest mask, px; 0: for its own point.
    """

    prompts: PointSource
    batch: int
    min_score: float
    min_stability: float
    max_overlap: float
    reach: float

    def __post_init__(self) -> None:
        """Check the numbers."""
        check_whole("search.batch", self.batch, 1)
        check_share("search.min_score", self.min_score)
        check_share("search.min_stability", self.min_stability)
        check_share("search.max_overlap", self.max_overlap)
        check_number("search.reach", self.reach, 0)

    def search(self, image: AskedImage, valid: BoolArray, settled: BoolArray, number: int, min_area: float) -> Segments:
        """See ``rounds.Search``."""
        settled = settled.copy()
        frame = image.embedding.mask_shape, image.embedding.scale
        valid_there = in_decoder_frame(valid, *frame)  # (h, w)
        found = [Segments.empty(valid.shape)]
        points = self.prompts.points(valid & ~settled)
        points = points[image.is_open(points, self.min_score)]
        while len(points):
            asked, points = points[: self.batch], points[self.batch :]
            candidates = image.ask(asked)
            settled_there = in_decoder_frame(settled, *frame)
            accepted = self._choose(candidates, valid_there, settled_there, min_area * image.embedding.scale**2)
            new = accepted.segments(candidates, valid, number)
            found.append(new)
            settled |= new.union()
            image.remember(asked, candidates, self.min_score, self.reach)
            free = ~settled[np.floor(points[:, 1]).astype(int), np.floor(points[:, 0]).astype(int)]
            points = points[free & image.is_open(points, self.min_score)]
        return Segments.concatenate(*found)

    def _choose(self, candidates: Candidates, valid: BoolArray, settled: BoolArray, min_area: float) -> _Chosen:
        """What to accept, best score first; all in the decoder frame."""
        stable = _Chosen.stable(candidates, candidates.scores >= self.min_score, self.min_stability)
        known, free = valid.ravel(), (valid & ~settled).ravel()  # (h * w,)
        chosen = []
        for row in np.argsort(-candidates.scores[stable.rows], kind="stable").tolist():
            pixels = candidates.pixels(stable.point[row], stable.mask[row])  # (P,)
            area, new = np.count_nonzero(known[pixels]), np.count_nonzero(free[pixels])
            if area >= min_area and new >= (1 - self.max_overlap) * area and new:
                chosen.append(row)
                free[pixels] = False
        return stable[np.array(chosen, np.int64)]


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
        image: AskedImage,
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
            candidates = image.ask(points[start : start + self.batch])
            stable = _Chosen.stable(candidates, candidates.scores > self.min_score, self.min_stability)
            # The very same mask, found from another point, would not survive the suppression: it need not be enlarged.
            pairs = zip(stable.point.tolist(), stable.mask.tolist(), strict=True)
            fresh = np.array([_is_new(candidates, *pair, seen) for pair in pairs], bool)
            parts.append(stable[fresh].segments(candidates, valid, number))
        found = Segments.concatenate(*parts)
        # segment-anything's boxes end at the last pixel, not behind it.
        found = found[box_nms(found.boxes - np.array([0, 0, 1, 1]), found.scores, self.max_box_iou)]
        return mostly_new(found, settled, self.max_settled)


def mostly_new(segments: Segments, settled: BoolArray, max_settled: float) -> Segments:
    """Those of which nothing is settled, (H, W) bool, or less than the share ``max_settled``."""
    painted = np.array([np.count_nonzero(settled[box] & crop) for box, crop in segments], np.int64)
    return segments[(painted < max_settled * segments.areas) | (painted == 0)]


def _is_new(candidates: Candidates, point: int, mask: int, seen: set[bytes]) -> bool:
    """Whether a mask has pixels and is, with its score, not among those seen; adds it."""
    pixels = candidates.pixels(point, mask)  # (P,)
    digest = hashlib.blake2b(np.ascontiguousarray(pixels).data, digest_size=16)
    digest.update(candidates.scores[point, mask].tobytes())
    new = len(pixels) > 0 and digest.digest() not in seen
    seen.add(digest.digest())
    return new

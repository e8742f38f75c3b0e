"""Splitting segments that hold several parcels (method, section 3)."""

from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt

from isagrsc2.delineation.asked_image import AskedImage
from isagrsc2.delineation.components import split_components
from isagrsc2.delineation.duplicates import drop_duplicates, overlaps_across
from isagrsc2.delineation.painting import paint
from isagrsc2.delineation.rounds import Search
from isagrsc2.delineation.segments import Segments
from isagrsc2.errors import InputError
from isagrsc2.options import check_number, check_numbers, check_share, check_whole
from isagrsc2.segmenters.protocol import Segmenter

BoolArray = npt.NDArray[np.bool_]
Image = npt.NDArray[np.uint8]


@dataclass(frozen=True)
class NoRefinement:
    """Segments stay as they are."""

    def refine(self, segments: Segments, image: Image, segmenter: Segmenter, min_area: float) -> Segments:  # noqa: ARG002
        """Return ``segments``."""
        return segments


@dataclass(frozen=True)
class HeterogeneousRefinement:
    """Segments that are large, full of edges and of many colours are cut out and segmented again on their own.

    The published procedure, with two additions: a piece that shows what is known already goes whatever its size (published: the
    smaller of the two), and a suspect that its pieces cover goes.

    Attributes:
        min_share: a suspect covers more than this share of the tile.
        min_inner_edges: and more than this share of its edges lies inside it, away from its outline.
        min_entropy: and its mean channel entropy exceeds this, bit.
        blur: side of the Gaussian kernel before edges are detected, px.
        canny: the two thresholds of the edge detector.
        outline_band: width of the line along the outline whose edges belong to the outline, px.
        search: how the cut-out is segmented.
        duplicate_iou: of two pieces of one suspect with a larger mask IoU the smaller one goes.
        known_iou: a piece with a larger mask IoU with any segment already there is nothing new.
        replaced: when the pieces cover more than this share of the suspect, the suspect goes.
    """

    min_share: float
    min_inner_edges: float
    min_entropy: float
    blur: int
    canny: tuple[float, float]
    outline_band: int
    search: Search
    duplicate_iou: float
    known_iou: float
    replaced: float

    def __post_init__(self) -> None:
        """Check the numbers."""
        check_share("refinement.min_share", self.min_share)
        check_share("refinement.min_inner_edges", self.min_inner_edges)
        check_share("refinement.duplicate_iou", self.duplicate_iou)
        check_share("refinement.known_iou", self.known_iou)
        check_share("refinement.replaced", self.replaced)
        check_number("refinement.min_entropy", self.min_entropy, 0, 8)
        check_whole("refinement.blur", self.blur, 1)
        if self.blur % 2 == 0:
            raise InputError(f"refinement.blur={self.blur} does not fit; give an odd number.")
        check_numbers("refinement.canny", self.canny, 2, 0)
        check_whole("refinement.outline_band", self.outline_band, 0)

    def refine(self, segments: Segments, image: Image, segmenter: Segmenter, min_area: float) -> Segments:
        """Split the suspects among ``segments``.

        Args:
            segments: tile px; may overlap.
            image: (H, W, 3) uint8 RGB.
            segmenter: is asked again, once for every suspect.
            min_area: smaller pieces go, px.

        Returns:
            The segments with suspects replaced or accompanied by their pieces; a piece keeps its suspect's round.
        """
        large = np.flatnonzero(segments.areas > self.min_share * image.shape[0] * image.shape[1])
        stays = np.ones(len(segments), bool)
        pieces = [Segments.empty(segments.shape)]
        for row in large.tolist():
            box, crop = segments.box(row), segments.crops[row]
            if not self.suspicious(image[box], crop):
                continue
            found = self._segment_again(image, box, crop, int(segments.rounds[row]), segmenter, min_area)
            for known in (segments, *pieces):
                found = _unknown(found, known, self.known_iou)
            covered = np.count_nonzero(found.union()[box] & crop)
            stays[row] = len(found) == 0 or covered <= self.replaced * np.count_nonzero(crop)
            pieces.append(found)
        return Segments.concatenate(segments[stays], *pieces)

    def suspicious(self, image: Image, mask: BoolArray) -> bool:
        """Whether a segment looks like several parcels: (h, w, 3) uint8 inside its box, (h, w) bool."""
        return (
            inner_edge_ratio(image, mask, self.blur, self.canny, self.outline_band) > self.min_inner_edges
            and mean_channel_entropy(image[mask]) > self.min_entropy
        )

    def _segment_again(
        self, image: Image, box: tuple[slice, slice], crop: BoolArray, number: int, segmenter: Segmenter, min_area: float
    ) -> Segments:
        """Segment the inside of one segment; the result lies inside it, tile px."""
        cut_out = paint(image[box], ~crop)
        everywhere = np.ones(crop.shape, bool)
        asked = AskedImage(segmenter, segmenter.embed(cut_out))
        found = self.search.search(asked, everywhere, ~crop, number, min_area)
        inside = tuple(piece & crop[place] for place, piece in found)
        height, width = image.shape[:2]
        shifted = Segments(
            (height, width),
            (found.boxes + np.array([box[1].start, box[0].start] * 2)).astype(np.int32),
            inside,
            found.scores,
            found.stability,
            found.rounds,
        )
        return drop_duplicates(split_components(shifted, min_area), self.duplicate_iou)


def inner_edge_ratio(image: Image, mask: BoolArray, blur: int, canny: tuple[float, float], outline_band: int) -> float:
    """Share of a segment's edges that lie inside it, away from its outer outline; 0 without edges.

    Edges are detected with everything outside the segment white, as published, so its outline is among them.

    Args:
        image: (h, w, 3) uint8 RGB.
        mask: (h, w) bool.
        blur: side of the Gaussian kernel, px.
        canny: thresholds of the edge detector.
        outline_band: width of a line along the outline; edges on it are the outline's, px.
    """
    margin = blur + outline_band  # white all around: the outline along the box is an edge like the rest of it
    framed = np.pad(mask, margin)
    cut_out = paint(np.pad(image, ((margin, margin), (margin, margin), (0, 0))), ~framed)
    edges = cv2.Canny(cv2.GaussianBlur(cv2.cvtColor(cut_out, cv2.COLOR_RGB2GRAY), (blur, blur), 0), *canny)
    contours, _ = cv2.findContours(framed.astype(np.uint8), cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_SIMPLE)
    band = cv2.drawContours(np.zeros_like(edges), contours, -1, 1, outline_band)
    total = np.count_nonzero(edges)
    return np.count_nonzero(edges[band == 0]) / total if total else 0.0


def mean_channel_entropy(pixels: npt.NDArray[np.uint8]) -> float:
    """Shannon entropy of 256-bin histograms, mean over the channels of (P, C) uint8, bit; 0 without pixels."""
    if not len(pixels):
        return 0.0
    entropies = []
    for channel in pixels.T:
        share: npt.NDArray[Any] = np.bincount(channel, minlength=256) / len(channel)
        share = share[share > 0]
        entropies.append(-np.sum(share * np.log2(share)))
    return float(np.mean(entropies))


def _unknown(found: Segments, known: Segments, max_iou: float) -> Segments:
    """Drop segments whose mask IoU with a known one exceeds ``max_iou``."""
    there, here, shared = overlaps_across(known, found)
    iou = shared / (known.areas[there] + found.areas[here] - shared)
    fresh = np.ones(len(found), bool)
    fresh[here[iou > max_iou]] = False
    return found[fresh]

"""The loop of the method: segment, look at what is left, segment again (method, section 2).

The published procedure, SAM's own automatic masks and ours are options of this one loop: they differ in what a round shows
the segmenter (``painting``), where it asks (``prompts``) and what it accepts (``searching``).
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol

import numpy as np
import numpy.typing as npt

from isagrsc2.delineation.asked_image import AskedImage
from isagrsc2.delineation.coverage import residual_share
from isagrsc2.delineation.painting import View
from isagrsc2.delineation.segments import Segments
from isagrsc2.options import check_share, check_whole
from isagrsc2.segmenters.protocol import Segmenter

BoolArray = npt.NDArray[np.bool_]
Image = npt.NDArray[np.uint8]


class Painter(Protocol):
    """Decides what a round shows the segmenter."""

    def view(self, image: Image, covered: BoolArray) -> View:
        """Return what to embed; the very same ``image`` object where nothing is painted."""
        ...


class Search(Protocol):
    """Asks an embedded image and keeps what is good."""

    def search(self, image: AskedImage, valid: BoolArray, settled: BoolArray, number: int, min_area: float) -> Segments:
        """Return new segments, none of them outside ``valid``.

        Args:
            image: the tile, or a painted view of it, embedded; what is answered is remembered with it.
            valid: (H, W) bool, tile px.
            settled: (H, W) bool, where nothing more is wanted.
            number: of the round, from 1.
            min_area: minimum mapping unit, px.
        """
        ...


@dataclass(frozen=True)
class Round:
    """One round.

    Attributes:
        painter: what the segmenter gets to see.
        search: where to ask, and what to accept.
    """

    painter: Painter
    search: Search


@dataclass(frozen=True)
class Prompting:
    """The rounds.

    Attributes:
        rounds: by name, in order.
        max_rounds: only the first ones are done; for ablations.
        min_residual: stop when no more than this share of the valid pixels is left. Left is what the round would show: the
            published procedure counts its pixels that are not white.
    """

    rounds: Mapping[str, Round]
    max_rounds: int
    min_residual: float

    def __post_init__(self) -> None:
        """Check the numbers."""
        check_whole("prompting.max_rounds", self.max_rounds, 1)
        check_share("prompting.min_residual", self.min_residual)


def find_segments(image: Image, valid: BoolArray, segmenter: Segmenter, prompting: Prompting, min_area: float) -> Segments:
    """Find the segments of one tile, round by round.

    An image that no round paints is embedded once, and what was answered about it is known in later rounds.

    Args:
        image: (H, W, 3) uint8 RGB, tile frame.
        valid: (H, W) bool; nothing is asked or returned where it is False.
        segmenter: the promptable model.
        prompting: the rounds.
        min_area: minimum mapping unit, px.
    """
    found = Segments.empty((valid.shape[0], valid.shape[1]))
    covered = np.zeros(valid.shape, bool)  # (H, W)
    seen: Image | None = None
    for number, stage in enumerate(list(prompting.rounds.values())[: prompting.max_rounds], start=1):
        view = stage.painter.view(image, covered)
        if residual_share(valid & ~view.settled, valid) <= prompting.min_residual:
            break
        if view.image is not seen:
            seen, asked = view.image, AskedImage(segmenter, segmenter.embed(view.image))
        new = stage.search.search(asked, valid, view.settled, number, min_area)
        found = Segments.concatenate(found, new)
        covered |= new.union()
    return found

"""What the segmenter saw and was asked in every round, and what it answered: for pictures of the method."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import numpy.typing as npt

from isagrsc2.delineation.asked_image import AskedImage
from isagrsc2.delineation.painting import View
from isagrsc2.delineation.rounds import Prompting, Round, find_segments
from isagrsc2.delineation.segments import Segments
from isagrsc2.segmenters.protocol import Candidates, Segmenter

BoolArray = npt.NDArray[np.bool_]
FloatArray = npt.NDArray[np.floating[Any]]
Image = npt.NDArray[np.uint8]


@dataclass(frozen=True)
class TracedRound:
    """One round of one tile.

    Attributes:
        number: of the round, from 1.
        seen: (H, W, 3) uint8, what the segmenter was shown.
        settled: (H, W) bool, where nothing more was wanted when the round began.
        prompts: (N, 2) float, every point that was asked, x and y in tile px, in order.
        added: segments the round accepted; they may overlap, for overlaps are resolved after the last round.
    """

    number: int
    seen: Image
    settled: BoolArray
    prompts: FloatArray
    added: Segments


def trace_rounds(
    image: Image, valid: BoolArray, segmenter: Segmenter, prompting: Prompting, min_area: float
) -> list[TracedRound]:
    """Do the rounds of ``find_segments``, whose arguments these are, and keep what happened in each.

    Returns:
        The rounds that were done, in order; none where too little is left to begin with.
    """
    traced: list[TracedRound] = []
    listener = _Listener(segmenter, [])
    witnesses = {name: _Witness(stage, listener.asked, traced) for name, stage in prompting.rounds.items()}
    watched = replace(prompting, rounds={name: Round(witness, witness) for name, witness in witnesses.items()})
    find_segments(image, valid, listener, watched, min_area)
    return traced


@dataclass
class _Witness:
    """Stands for painter and search of a round, does what they do, and adds what happened to ``traced``."""

    stage: Round
    asked: list[FloatArray]  # all batches of points so far
    traced: list[TracedRound]
    # What the painter gave last; the loop asks it right before it searches.
    shown: Image = field(init=False)

    def view(self, image: Image, covered: BoolArray) -> View:
        """See ``Painter``."""
        view = self.stage.painter.view(image, covered)
        self.shown = view.image
        return view

    def search(self, image: AskedImage, valid: BoolArray, settled: BoolArray, number: int, min_area: float) -> Segments:
        """See ``Search``."""
        begun, before = len(self.asked), settled.copy()
        added = self.stage.search.search(image, valid, settled, number, min_area)
        self.traced.append(TracedRound(number, self.shown, before, _all_points(self.asked[begun:]), added))
        return added


@dataclass(frozen=True)
class _Listener:
    """A segmenter that remembers what it was asked."""

    segmenter: Segmenter
    asked: list[FloatArray]

    def embed(self, image: Image) -> Any:
        """See ``Segmenter``."""
        return self.segmenter.embed(image)

    def segment(self, embedding: Any, points: FloatArray) -> Candidates:
        """See ``Segmenter``."""
        self.asked.append(points.copy())
        return self.segmenter.segment(embedding, points)


def _all_points(batches: Sequence[FloatArray]) -> FloatArray:
    return np.concatenate([np.zeros((0, 2)), *batches])  # (N, 2)

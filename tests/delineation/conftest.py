"""Segments drawn by hand, and segmenters whose answers anyone can foretell."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import partial

import numpy as np
import pytest

from isagrsc2.delineation.segments import Segments
from isagrsc2.segmenters.dense_candidates import DenseCandidates
from isagrsc2.segmenters.protocol import Rows


@dataclass(frozen=True)
class PlainEmbedding:
    """The image itself."""

    image: np.ndarray
    reduction: int

    @property
    def tile_shape(self) -> tuple[int, int]:
        return self.image.shape[0], self.image.shape[1]

    @property
    def mask_shape(self) -> tuple[int, int]:
        return -(-self.image.shape[0] // self.reduction), -(-self.image.shape[1] // self.reduction)

    @property
    def scale(self) -> float:
        return 1 / self.reduction


@dataclass(frozen=True)
class ToldCandidates(DenseCandidates):
    """Candidates whose stability was told, and not measured."""

    told: np.ndarray  # (N, M)
    measured: list[Rows]

    def stability(self, rows: Rows) -> np.ndarray:
        self.measured.append(rows)
        return self.told[rows]


@dataclass
class CountingSegmenter:
    """Keeps every image it embeds, batch of points, mask it measures or enlarges; subclasses say what is at a point.

    Tile px are ``reduction`` decoder px. Logits are the mask itself; ``enlarge`` repeats pixels.
    """

    reduction: int = 1
    embedded: list[np.ndarray] = field(default_factory=list)
    asked: list[np.ndarray] = field(default_factory=list)
    measured: list[Rows] = field(default_factory=list)
    log: list[tuple[str, np.ndarray]] = field(default_factory=list)  # points asked and masks enlarged, in order

    def at(self, image: np.ndarray, x: int, y: int) -> tuple[np.ndarray, float, float]:
        """Mask (H, W), score, stability."""
        raise NotImplementedError

    def embed(self, image: np.ndarray) -> PlainEmbedding:
        self.embedded.append(image)
        return PlainEmbedding(image, self.reduction)

    def segment(self, embedding: PlainEmbedding, points: np.ndarray) -> DenseCandidates:
        self.asked.append(points)
        self.log.append(("asked", points))
        logits = np.zeros((len(points), 1, *embedding.mask_shape), np.int8)
        scores, stability = np.zeros((2, len(points), 1), np.float32)
        step = self.reduction
        for row, (x, y) in enumerate(points.astype(int).tolist()):
            mask, scores[row, 0], stability[row, 0] = self.at(embedding.image, x, y)
            logits[row, 0] = mask[::step, ::step]
        return ToldCandidates(logits, scores, _never, partial(self.enlarge, embedding), stability, self.measured)

    def enlarge(self, embedding: PlainEmbedding, logits: np.ndarray) -> np.ndarray:
        height, width = embedding.tile_shape
        masks = np.repeat(np.repeat(logits > 0, self.reduction, 1), self.reduction, 2)[:, :height, :width]
        self.log.append(("enlarged", masks))
        return masks


def _never(logits: np.ndarray) -> np.ndarray:
    raise NotImplementedError


@dataclass
class SameColour(CountingSegmenter):
    """A mask is every pixel of the colour at the point; ``scores`` by the red of the colour, 0.95 unless said."""

    scores: dict[int, float] = field(default_factory=dict)
    stabilities: dict[int, float] = field(default_factory=dict)

    def at(self, image: np.ndarray, x: int, y: int) -> tuple[np.ndarray, float, float]:
        red = int(image[y, x, 0])
        return (image == image[y, x]).all(axis=2), self.scores.get(red, 0.95), self.stabilities.get(red, 1.0)


@dataclass
class Discs(CountingSegmenter):
    """A mask is a disc around the point; the score falls from left to right, so that no two are equal in a row."""

    radius: float = 5.0

    def at(self, image: np.ndarray, x: int, y: int) -> tuple[np.ndarray, float, float]:
        rows, columns = np.indices(image.shape[:2])
        return np.hypot(rows - y, columns - x) <= self.radius, 0.99 - 0.05 * x / image.shape[1], 1.0


@dataclass
class Told(CountingSegmenter):
    """Answers by point: (x, y) to mask, score and stability."""

    answers: dict[tuple[int, int], tuple[np.ndarray, float, float]] = field(default_factory=dict)

    def at(self, image: np.ndarray, x: int, y: int) -> tuple[np.ndarray, float, float]:
        return self.answers[x, y]


@pytest.fixture(scope="session")
def make_segments() -> Callable[..., Segments]:
    """``make_segments([mask, ...], scores)``: masks (H, W) bool; scores 0.9 unless given; rounds 1, 2, ..."""

    def make(masks: Sequence[np.ndarray], scores: Sequence[float] = ()) -> Segments:
        score = np.array(scores or [0.9] * len(masks), np.float32)
        return Segments.from_masks(np.stack(masks), score, score, np.arange(1, len(masks) + 1, dtype=np.int16))

    return make


@pytest.fixture(scope="session")
def rectangle() -> Callable[..., np.ndarray]:
    """``rectangle(shape, y0, y1, x0, x1)``: (H, W) bool."""

    def draw(shape: tuple[int, int], y0: int, y1: int, x0: int, x1: int) -> np.ndarray:
        mask = np.zeros(shape, bool)
        mask[y0:y1, x0:x1] = True
        return mask

    return draw


@pytest.fixture(scope="session")
def same_colour() -> Callable[..., SameColour]:
    return SameColour


@pytest.fixture(scope="session")
def discs() -> Callable[..., Discs]:
    return Discs


@pytest.fixture(scope="session")
def told() -> Callable[..., Told]:
    return Told

"""Where the seconds of a procedure go: a segmenter and segment-anything's predictor that keep the books.

Random weights find nothing. So that a procedure goes its usual way all the same, SAM can be made to work for nothing: it is
asked, its time is taken, and another segmenter's answers are handed on, whose own time is not counted.
"""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from limits import clocked
from segment_anything import SamPredictor
from segment_anything.modeling import Sam
from torch import Tensor

from isagrsc2.segmenters.protocol import BoolArray, Candidates, FloatArray, Rows, Segmenter

ENCODER, DECODER, MASKS = "encoder", "decoder", "masks"
EVERY_CALL = 10**9
STABLE = 0.95  # what segment-anything's generator and the published procedure ask of a mask


@dataclass
class Ledger:
    """Seconds of one procedure on one image.

    Attributes:
        device: where the network runs.
        most: calls of each kind that ``charge`` lets happen; further ones are entered at the mean of these.
        asked: images encoded, points decoded and masks looked at, whether they happened or not.
        made: of these, what happened.
        seconds: of ``asked``.
        elsewhere: seconds of what is not the procedure's own.
    """

    device: torch.device
    most: int = EVERY_CALL
    asked: dict[str, int] = field(default_factory=lambda: dict.fromkeys((ENCODER, DECODER, MASKS), 0))
    made: dict[str, int] = field(default_factory=lambda: dict.fromkeys((ENCODER, DECODER, MASKS), 0))
    seconds: dict[str, float] = field(default_factory=lambda: dict.fromkeys((ENCODER, DECODER, MASKS), 0.0))
    elsewhere: float = 0.0
    _calls: dict[str, int] = field(default_factory=lambda: dict.fromkeys((ENCODER, DECODER, MASKS), 0))
    _taken: dict[str, float] = field(default_factory=lambda: dict.fromkeys((ENCODER, DECODER, MASKS), 0.0))

    def make(self, kind: str, units: int, work: Callable[[], Any]) -> Any:
        """Do some work and enter it."""
        result, seconds = clocked(self.device, work)
        self._calls[kind] += 1
        self._taken[kind] += seconds
        self.made[kind] += units
        self._enter(kind, units, seconds)
        return result

    def charge(self, kind: str, units: int, work: Callable[[], Any]) -> Any:
        """Do some work and enter it; or, after ``most`` calls, only enter it, and return None."""
        if self._calls[kind] < self.most:
            return self.make(kind, units, work)
        self._enter(kind, units, units * self._taken[kind] / self.made[kind])
        return None

    @contextmanager
    def aside(self) -> Iterator[None]:
        """What happens inside is not the procedure's."""
        begun = time.perf_counter()
        yield
        self.elsewhere += time.perf_counter() - begun

    def rest(self, wall: float) -> float:
        """Seconds of the procedure that are not entered, of ``wall`` seconds that passed."""
        return wall - self.elsewhere - sum(self._taken.values())

    def _enter(self, kind: str, units: int, seconds: float) -> None:
        self.asked[kind] += units
        self.seconds[kind] += seconds


@dataclass(frozen=True)
class TimedCandidates:
    """Candidates that enter how long they are looked at; see ``isagrsc2.segmenters.protocol.Candidates``."""

    ledger: Ledger
    real: Candidates

    @property
    def scores(self) -> npt.NDArray[np.float32]:
        """See the protocol."""
        return self.real.scores

    def stability(self, rows: Rows) -> npt.NDArray[np.float32]:
        """See the protocol."""
        return self.ledger.make(MASKS, len(rows[0]), lambda: self.real.stability(rows))

    def pixels(self, point: int, mask: int) -> npt.NDArray[np.int64]:
        """See the protocol."""
        return self.ledger.make(MASKS, 0, lambda: self.real.pixels(point, mask))

    def smallest(self, points: npt.NDArray[np.integer[Any]]) -> list[npt.NDArray[np.int64]]:
        """See the protocol."""
        return self.ledger.make(MASKS, 0, lambda: self.real.smallest(points))

    def enlarge(self, rows: Rows) -> BoolArray:
        """See the protocol."""
        return self.ledger.make(MASKS, 0, lambda: self.real.enlarge(rows))


@dataclass(frozen=True)
class TimedSegmenter:
    """A segmenter that enters what it does."""

    ledger: Ledger
    real: Segmenter

    def embed(self, image: npt.NDArray[np.uint8]) -> Any:
        """See the protocol."""
        return self.ledger.make(ENCODER, 1, lambda: self.real.embed(image))

    def segment(self, embedding: Any, points: FloatArray) -> TimedCandidates:
        """See the protocol."""
        real = self.ledger.make(DECODER, len(points), lambda: self.real.segment(embedding, points))
        return TimedCandidates(self.ledger, real)


@dataclass(frozen=True)
class SubstitutedCandidates(TimedCandidates):
    """Works on its own masks, and gives others."""

    told: Candidates

    @property
    def scores(self) -> npt.NDArray[np.float32]:
        """See the protocol."""
        return self.told.scores

    def stability(self, rows: Rows) -> npt.NDArray[np.float32]:
        """See the protocol."""
        super().stability(rows)
        with self.ledger.aside():
            return self.told.stability(rows)

    def pixels(self, point: int, mask: int) -> npt.NDArray[np.int64]:
        """See the protocol."""
        super().pixels(point, mask)
        with self.ledger.aside():
            return self.told.pixels(point, mask)

    def smallest(self, points: npt.NDArray[np.integer[Any]]) -> list[npt.NDArray[np.int64]]:
        """See the protocol."""
        super().smallest(points)
        with self.ledger.aside():
            return self.told.smallest(points)

    def enlarge(self, rows: Rows) -> BoolArray:
        """See the protocol."""
        super().enlarge(rows)
        with self.ledger.aside():
            return self.told.enlarge(rows)


@dataclass(frozen=True)
class SubstitutedEmbedding:
    """An image as two segmenters see it; the frames are those of the one whose answers count."""

    real: Any
    told: Any

    @property
    def tile_shape(self) -> tuple[int, int]:
        """See the protocol."""
        return self.told.tile_shape

    @property
    def mask_shape(self) -> tuple[int, int]:
        """See the protocol."""
        return self.told.mask_shape

    @property
    def scale(self) -> float:
        """See the protocol."""
        return self.told.scale


@dataclass(frozen=True)
class SubstitutedSegmenter(TimedSegmenter):
    """A segmenter that works, while another one's answers are handed on."""

    told: Segmenter

    def embed(self, image: npt.NDArray[np.uint8]) -> SubstitutedEmbedding:
        """See the protocol."""
        real = super().embed(image)
        with self.ledger.aside():
            return SubstitutedEmbedding(real, self.told.embed(image))

    def segment(self, embedding: SubstitutedEmbedding, points: FloatArray) -> SubstitutedCandidates:
        """See the protocol."""
        real = super().segment(embedding.real, points).real
        with self.ledger.aside():
            return SubstitutedCandidates(self.ledger, real, self.told.segment(embedding.told, points))


class TimedPredictor(SamPredictor):
    """segment-anything's predictor, as its generator uses it."""

    def __init__(self, sam: Sam, ledger: Ledger) -> None:
        super().__init__(sam)
        self.ledger = ledger

    def set_image(self, image: npt.NDArray[np.uint8], image_format: str = "RGB") -> None:
        """Encode an image."""
        work = super().set_image
        self.ledger.charge(ENCODER, 1, lambda: work(image, image_format))

    def predict_torch(self, point_coords: Tensor, point_labels: Tensor, **options: Any) -> Any:
        """Decode points (B, 1, 2), px of the network's input, and enlarge the masks to the image."""
        work = super().predict_torch
        return self.ledger.charge(DECODER, len(point_coords), lambda: work(point_coords, point_labels, **options))


class SubstitutedPredictor(TimedPredictor):
    """Works, while a segmenter's answers are handed on."""

    def __init__(self, sam: Sam, ledger: Ledger, told: Segmenter) -> None:
        super().__init__(sam, ledger)
        self.told = told

    def set_image(self, image: npt.NDArray[np.uint8], image_format: str = "RGB") -> None:
        """Encode an image."""
        super().set_image(image, image_format)
        with self.ledger.aside():
            self.embedding = self.told.embed(image)

    def predict_torch(self, point_coords: Tensor, point_labels: Tensor, **options: Any) -> tuple[Tensor, Tensor, Tensor]:
        """Masks (B, 3, H, W) as logits, scores (B, 3), and once more the masks, which the generator does not look at."""
        super().predict_torch(point_coords, point_labels, **options)  # what it returns is let go before other masks are made
        with self.ledger.aside():
            height, width = self.embedding.tile_shape
            resized = self.transform.get_preprocess_shape(height, width, self.transform.target_length)
            points = point_coords[:, 0].cpu().numpy() * (width / resized[1], height / resized[0])  # (B, 2), px of the image
            candidates = self.told.segment(self.embedding, points)
            rows = tuple(np.indices(candidates.scores.shape).reshape(2, -1))
            # The generator moves the threshold by 1 to measure stability: where a mask is to fail, nothing is above 1.
            sure = np.where(candidates.stability(rows) >= STABLE, 2, 0.5)
            masks = torch.from_numpy(candidates.enlarge(rows)).to(self.device)  # (3 B, H, W)
            logits = torch.where(masks, 1.0, -1.0) * torch.from_numpy(sure.astype(np.float32)).to(self.device)[:, None, None]
            logits = logits.view(*candidates.scores.shape, height, width)
            return logits, torch.from_numpy(candidates.scores).to(self.device), logits

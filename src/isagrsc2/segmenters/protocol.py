"""What every promptable segmenter offers: SAM's contract, as values that are passed.

Two frames occur. The *tile frame* is the image handed to ``embed``: x to the right, y down, integer pixel indices. The
*decoder frame* is the grid on which masks are predicted (256 x 256 for SAM); its origin is the tile's upper left corner and
``Embedding.scale`` decoder pixels make one tile pixel, equal in x and y. A decoder frame may reach beyond the tile (SAM pads
to a square); what lies there is meaningless and never valid.
"""

from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt

BoolArray = npt.NDArray[np.bool_]
FloatArray = npt.NDArray[np.floating[Any]]


class Embedding(Protocol):
    """Everything a segmenter has to remember of one image. A value: the segmenter itself keeps no image."""

    @property
    def tile_shape(self) -> tuple[int, int]:
        """(H, W) of the embedded image, tile px."""
        ...

    @property
    def mask_shape(self) -> tuple[int, int]:
        """(h, w) of predicted masks, decoder px."""
        ...

    @property
    def scale(self) -> float:
        """Decoder px per tile px."""
        ...


@dataclass(frozen=True)
class Candidates:
    """Masks proposed for N points, M nested masks each.

    Attributes:
        logits: (N, M, h, w) real numbers in the decoder frame; the mask is where they are > 0.
        scores: (N, M) float32, the segmenter's own estimate of the mask's IoU with a true object, 0 to 1 (a regression like
            SAM's may leave that range a little).
        stability: (N, M) float32, IoU of the mask with itself between a stricter and a looser threshold, 0 to 1.
    """

    logits: npt.NDArray[Any]
    scores: npt.NDArray[np.float32]
    stability: npt.NDArray[np.float32]

    def __post_init__(self) -> None:
        """Check that the arrays are aligned."""
        pairs = self.logits.shape[:2]
        if self.logits.ndim != 4 or self.scores.shape != pairs or self.stability.shape != pairs:
            raise ValueError(
                f"misaligned candidates: logits {self.logits.shape}, scores {self.scores.shape}, "
                f"stability {self.stability.shape}"
            )

    @property
    def masks(self) -> BoolArray:
        """(N, M, h, w) bool, decoder frame."""
        return np.asarray(self.logits > 0)


class Segmenter(Protocol):
    """A promptable segmentation model."""

    def embed(self, image: npt.NDArray[np.uint8]) -> Embedding:
        """Look at an image once.

        Args:
            image: (H, W, 3) uint8 RGB, tile frame.
        """
        ...

    def segment(self, embedding: Any, points: FloatArray) -> Candidates:
        """Propose masks for foreground points, each point on its own.

        Args:
            embedding: what this segmenter's ``embed`` returned.
            points: (N, 2) float, x and y in the tile frame; N may be 0.
        """
        ...

    def enlarge(self, embedding: Any, logits: npt.NDArray[Any]) -> BoolArray:
        """Bring chosen masks from the decoder frame to the tile frame.

        Args:
            embedding: what this segmenter's ``embed`` returned.
            logits: (K, h, w), rows taken from ``Candidates.logits``; K may be 0.

        Returns:
            (K, H, W) bool, tile frame.
        """
        ...

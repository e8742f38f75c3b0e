"""What every promptable segmenter offers: SAM's contract, as values that are passed.

Two frames occur. The *tile frame* is the image handed to ``embed``: x to the right, y down, integer pixel indices. The
*decoder frame* is the grid on which masks are predicted (256 x 256 for SAM); its origin is the tile's upper left corner and
``Embedding.scale`` decoder pixels make one tile pixel, equal in x and y. A decoder frame may reach beyond the tile (SAM pads
to a square); what lies there is meaningless and never valid.
"""

from typing import Any, Protocol

import numpy as np
import numpy.typing as npt

BoolArray = npt.NDArray[np.bool_]
FloatArray = npt.NDArray[np.floating[Any]]

# Which candidates: numbers of points, and for each the number of one of its masks.
Rows = tuple[npt.NDArray[np.integer[Any]], npt.NDArray[np.integer[Any]]]


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


class Candidates(Protocol):
    """Masks proposed for N points, M nested masks each. Only few of them are ever looked at, so they need not exist before."""

    @property
    def scores(self) -> npt.NDArray[np.float32]:
        """(N, M), the segmenter's own estimate of the mask's IoU with a true object, 0 to 1.

        A regression like SAM's may leave that range a little.
        """
        ...

    def stability(self, rows: Rows) -> npt.NDArray[np.float32]:
        """Say how firm chosen masks are.

        Args:
            rows: (K,) points and (K,) masks, K may be 0.

        Returns:
            (K,), IoU of the mask with itself between a stricter and a looser threshold, 0 to 1.
        """
        ...

    def pixels(self, point: int, mask: int) -> npt.NDArray[np.int64]:
        """(P,) flat indices of the mask's pixels in the decoder frame, each once, in any order."""
        ...

    def smallest(self, points: npt.NDArray[np.integer[Any]]) -> list[npt.NDArray[np.int64]]:
        """Look at the smallest mask of several points at once.

        Args:
            points: (K,) numbers of points, K may be 0.

        Returns:
            K arrays of pixels, see ``pixels``; of equally small masks that of the first.
        """
        ...

    def enlarge(self, rows: Rows) -> BoolArray:
        """Bring chosen masks to the tile frame.

        Args:
            rows: (K,) points and (K,) masks, K may be 0.

        Returns:
            (K, H, W) bool.
        """
        ...


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

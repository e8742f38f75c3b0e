"""What every way to enlarge an image offers."""

from typing import Protocol

import numpy as np
import numpy.typing as npt


class SuperResolution(Protocol):
    """An option of the group ``superres``."""

    @property
    def scale(self) -> int:
        """How many pixels stand for one, along each axis."""
        ...

    @property
    def margin(self) -> int:
        """How far around a pixel its enlargement depends on others, px of the image; 0 if on none."""
        ...

    def enlarge(self, image: npt.NDArray[np.uint8]) -> npt.NDArray[np.uint8]:
        """Enlarge an image; what lies within ``margin`` of its edges can be other than it is where the image goes on.

        Args:
            image: (H, W, 3) uint8 RGB.

        Returns:
            (scale * H, scale * W, 3) uint8 RGB; pixel (r, c) becomes rows scale * r to scale * (r + 1), columns likewise.
        """
        ...

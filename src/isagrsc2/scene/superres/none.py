"""Null object: images stay as they are."""

import numpy as np
import numpy.typing as npt


class NoSuperResolution:
    """``superres=none``; implements ``SuperResolution``."""

    scale = 1
    margin = 0

    def enlarge(self, image: npt.NDArray[np.uint8]) -> npt.NDArray[np.uint8]:
        """Return the image itself."""
        return image

"""Enlargement by a kernel: nothing is learned, nothing invented."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from PIL import Image

from isagrsc2.options import check_choice, check_whole

# Name of a kernel -> Pillow's name of it, and how far it reaches, px of the image.
_KERNELS = {
    "bicubic": (Image.Resampling.BICUBIC, 2),  # Keys 1981, equation 4 with a = -1/2
    "lanczos": (Image.Resampling.LANCZOS, 3),  # sinc windowed by its own middle lobe, three lobes
}


@dataclass(frozen=True)
class ResamplingSuperResolution:
    """``superres=bicubic_x4``, ``superres=lanczos_x4``; implements ``SuperResolution``. Pillow does the work.

    Attributes:
        kernel: ``bicubic`` or ``lanczos``.
        scale: pixels for one, along each axis.
    """

    kernel: str
    scale: int

    def __post_init__(self) -> None:
        """Check kernel and scale."""
        check_choice("superres.kernel", self.kernel, tuple(_KERNELS))
        check_whole("superres.scale", self.scale, 2)

    @property
    def margin(self) -> int:
        """Twice the reach of the kernel: a missing pixel within it takes the value of one that may be as far again."""
        return 2 * _KERNELS[self.kernel][1]

    def enlarge(self, image: npt.NDArray[np.uint8]) -> npt.NDArray[np.uint8]:
        """See ``SuperResolution``; at the edges the kernel's weights inside the image are made to sum to one."""
        height, width = image.shape[:2]
        size = width * self.scale, height * self.scale
        return np.asarray(Image.fromarray(image).resize(size, _KERNELS[self.kernel][0]))

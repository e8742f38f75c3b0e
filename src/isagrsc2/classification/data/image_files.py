"""Chips that lie in image files: reading them, and finding those that are damaged before training starts."""

import logging
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
from PIL import Image, UnidentifiedImageError

from isagrsc2.classification.data.listing import Labelled
from isagrsc2.errors import InputError

# Long side, in px, to which JPEGs are decoded for the check: every byte is read, few pixels are made.
CHECK_SIDE = 32

# Damaged files named in a message; more are counted.
NAMED = 5

# What Pillow raises on damaged files: OSError (truncated), SyntaxError (broken PNG), ValueError, its own two.
_DAMAGE = (OSError, SyntaxError, ValueError, UnidentifiedImageError, Image.DecompressionBombError)

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class ImageReader:
    """Reads an image as a chip.

    Attributes:
        size: side of the chip, px; images that are not square are squeezed.
    """

    size: int

    def __call__(self, path: Path) -> npt.NDArray[np.uint8]:
        """(S, S, 3) uint8 RGB, averaged where it shrinks, bilinear where it grows."""
        with Image.open(path) as image:
            resized = image.convert("RGB").resize((self.size, self.size), Image.Resampling.BILINEAR)
        return np.array(resized)


def drop_damaged(items: Sequence[Labelled], max_share: float, workers: int) -> list[Labelled]:
    """Leave out images that cannot be decoded, with one warning that counts and names them.

    Args:
        items: all images.
        max_share: largest share of damaged images to put up with, 0 to 1.
        workers: threads that decode.

    Raises:
        InputError: there are more.
    """
    with ThreadPoolExecutor(max(1, workers)) as pool:
        sound = list(pool.map(is_sound, [item.path for item in items]))
    damaged = [str(item.path) for item, good in zip(items, sound, strict=True) if not good]
    if not damaged:
        return list(items)
    more = f" and {len(damaged) - NAMED} more" if len(damaged) > NAMED else ""
    finding = f"{len(damaged)} of {len(items)} images are damaged: {', '.join(damaged[:NAMED])}{more}"
    if len(damaged) > max_share * len(items):
        raise InputError(f"{finding}; replace them, or put up with more by data.max_damaged_share (now {max_share:g}).")
    logger.warning("%s; they are left out.", finding)
    return [item for item, good in zip(items, sound, strict=True) if good]


def is_sound(path: Path) -> bool:
    """Whether an image decodes to its end."""
    try:
        with Image.open(path) as image:
            image.draft("RGB", (CHECK_SIDE, CHECK_SIDE))
            image.load()
    except _DAMAGE:
        return False
    return True

"""Chips that lie in image files: reading them, and finding those that cannot be read before training starts."""

import logging
import struct
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageOps, UnidentifiedImageError

from isagrsc2.classification.data.listing import Labelled
from isagrsc2.errors import InputError

# Long side, in px, to which JPEGs are decoded for the check: every byte is read, few pixels are made.
CHECK_SIDE = 32

# Damaged files named in a message; more are counted.
NAMED = 5

# Pillow's modes of 32-bit whole numbers and floats: nothing in the file says which value is white.
_WITHOUT_RANGE = ("I", "F")

# What Pillow raises on damaged files: OSError (truncated), SyntaxError (broken PNG, EXIF), struct.error (EXIF), ValueError
# and its own two.
_DAMAGE = (OSError, SyntaxError, struct.error, ValueError, UnidentifiedImageError, Image.DecompressionBombError)

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class ImageReader:
    """Reads an image as a chip.

    Attributes:
        size: side of the chip, px; images that are not square are squeezed.
    """

    size: int

    def __call__(self, path: Path) -> npt.NDArray[np.uint8]:
        """(S, S, 3) uint8 RGB, averaged where it shrinks, bilinear where it grows.

        The image is turned as its EXIF tag says. Of 16 bits the upper eight are taken. What is transparent becomes black,
        as what lies outside a segment is.
        """
        with Image.open(path) as image:
            resized = _to_rgb(ImageOps.exif_transpose(image)).resize((self.size, self.size), Image.Resampling.BILINEAR)
        return np.array(resized)


def _to_rgb(image: Image.Image) -> Image.Image:
    if image.mode.startswith("I;16"):
        # Pillow's own conversion would clip at 255. It takes the upper byte of 16-bit colours itself.
        values = np.asarray(image)  # (H, W) uint16
        return Image.fromarray((values >> 8).astype(np.uint8)).convert("RGB")
    if image.has_transparency_data:
        opaque = Image.new("RGBA", image.size, (0, 0, 0, 255))
        return Image.alpha_composite(opaque, image.convert("RGBA")).convert("RGB")
    return image.convert("RGB")


def drop_damaged(items: Sequence[Labelled], max_share: float, workers: int) -> list[Labelled]:
    """Leave out images that cannot be read, with one warning that counts and names them.

    Args:
        items: all images.
        max_share: largest share of such images to put up with, 0 to 1.
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
    finding = (
        f"{len(damaged)} of {len(items)} images are damaged or of a kind that cannot be read as RGB: "
        f"{', '.join(damaged[:NAMED])}{more}"
    )
    if len(damaged) > max_share * len(items):
        raise InputError(f"{finding}; replace them, or put up with more by data.max_damaged_share (now {max_share:g}).")
    logger.warning("%s; they are left out.", finding)
    return [item for item, good in zip(items, sound, strict=True) if good]


def is_sound(path: Path) -> bool:
    """Whether an image decodes to its end, and to values that mean colours."""
    try:
        with Image.open(path) as image:
            if image.mode in _WITHOUT_RANGE:
                return False
            image.getexif()
            image.draft("RGB", (CHECK_SIDE, CHECK_SIDE))
            image.load()
    except _DAMAGE:
        return False
    return True

"""Land cover masks of the DeepGlobe Land Cover Classification data set: ``<number>_mask.png`` beside ``<number>_sat.jpg``.

Demir et al. 2018, *DeepGlobe 2018: A Challenge to Parse the Earth through Satellite Images*, section 3.3.
"""

import logging
from pathlib import Path

import numpy as np
import numpy.typing as npt
from PIL import Image

from isagrsc2.errors import InputError

# The official colours, RGB; a class's index is its position.
COLOURS = {
    "urban": (0, 255, 255),
    "agriculture": (255, 255, 0),
    "rangeland": (255, 0, 255),
    "forest": (0, 255, 0),
    "water": (0, 0, 255),
    "barren": (255, 255, 255),
    "unknown": (0, 0, 0),  # clouds and others
}
CLASS_NAMES = tuple(COLOURS)
AGRICULTURE = CLASS_NAMES.index("agriculture")
UNKNOWN = CLASS_NAMES.index("unknown")

IMAGE_ENDING = "_sat"  # of the stem
MASK_ENDING = "_mask.png"

# Masks are not pure 0 and 255, says the data set's own note. What is this far from both, in levels, means neither.
TOLERANCE = 64

logger = logging.getLogger(__name__)


def is_image(path: Path) -> bool:
    """Whether a file is called like an image of the data set."""
    return path.stem.endswith(IMAGE_ENDING)


def is_mask(path: Path) -> bool:
    """Whether a file is called like a mask of the data set."""
    return path.name.lower().endswith(MASK_ENDING)


def mask_of(image: Path, folder: Path) -> Path:
    """Where the mask of an image lies in a folder: of ``12_sat.jpg`` it is ``12_mask.png``."""
    return folder / f"{image.stem.removesuffix(IMAGE_ENDING)}{MASK_ENDING}"


def read_land_cover(path: Path, max_unknown_share: float) -> npt.NDArray[np.uint8]:
    """Read a mask; a pixel whose colour is none of the official ones becomes ``UNKNOWN``.

    Args:
        path: the mask, a colour image.
        max_unknown_share: largest share of pixels of other colours to put up with, 0 to 1; below it they are counted in
            a warning.

    Returns:
        (H, W) uint8, positions in ``CLASS_NAMES``.

    Raises:
        InputError: the mask cannot be read, is no colour image, or has more pixels of other colours.
    """
    pixels = _read_colours(path)  # (H, W, 3)
    level = _LEVELS[pixels]  # (H, W, 3): 0, 1, or 2 for neither
    code = 9 * level[..., 0] + 3 * level[..., 1] + level[..., 2]  # (H, W) 0 to 26
    cover = _CLASSES[code]  # (H, W)
    others = int(np.count_nonzero(cover == len(CLASS_NAMES)))
    if others:
        finding = (
            f"{path}: {others} of {cover.size} px ({100 * others / cover.size:.2g} %) have a colour that is none of "
            f"DeepGlobe's ({', '.join(CLASS_NAMES)})"
        )
        if others > max_unknown_share * cover.size:
            raise InputError(f"{finding}; more than {100 * max_unknown_share:g} %; replace the mask by the official one.")
        logger.warning("%s; they count as unknown.", finding)
        cover[cover == len(CLASS_NAMES)] = UNKNOWN
    return cover


def _read_colours(path: Path) -> npt.NDArray[np.uint8]:
    """(H, W, 3) uint8."""
    try:
        with Image.open(path) as image:
            if image.mode not in ("RGB", "RGBA", "P"):
                raise InputError(
                    f"{path} has no colours (Pillow's mode {image.mode}), so it is no DeepGlobe land cover mask; "
                    "give the official mask."
                )
            return np.asarray(image.convert("RGB"))
    except _UNREADABLE as error:
        raise InputError(f"{path} cannot be read as land cover mask ({_reason(error)}); replace it.") from None


# What Pillow raises on damaged files: OSError (also where it knows no such format), SyntaxError (broken PNG), its own.
_UNREADABLE = (OSError, SyntaxError, Image.DecompressionBombError)


def _reason(error: BaseException) -> str:
    return str(error).splitlines()[0].rstrip(".") if str(error) else type(error).__name__


def _levels() -> npt.NDArray[np.uint8]:
    """Of every value of a channel whether it means 0 (0), 255 (1) or neither (2)."""
    values = np.arange(256)
    return np.select([values <= TOLERANCE, values >= 255 - TOLERANCE], [0, 1], 2).astype(np.uint8)


def _classes() -> npt.NDArray[np.uint8]:
    """Of every code of ``read_land_cover`` the class, or the number of classes where no class has that colour."""
    classes = np.full(27, len(CLASS_NAMES), np.uint8)
    for index, (red, green, blue) in enumerate(COLOURS.values()):
        classes[(9 * red + 3 * green + blue) // 255] = index
    return classes


_LEVELS = _levels()
_CLASSES = _classes()

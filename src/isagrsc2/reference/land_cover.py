"""Land cover masks as reference: the land that is agriculture, not divided into parcels."""

import dataclasses
from pathlib import Path

import numpy as np
from PIL import Image, UnidentifiedImageError

from isagrsc2.errors import InputError
from isagrsc2.reference.deepglobe import AGRICULTURE, UNKNOWN, is_image, is_mask, mask_of, read_land_cover
from isagrsc2.reference.parcels import Reference, reference_from_polygons
from isagrsc2.scene.polygons import polygonise
from isagrsc2.scene.raster import Scene

# Largest share of pixels with a colour of no class.
MAX_UNKNOWN_SHARE = 0.01


def is_land_cover_mask(path: Path) -> bool:
    """Whether a file is called like a DeepGlobe mask and has colours; a label raster may be called so, but has none."""
    if not is_mask(path):
        return False
    try:
        with Image.open(path) as image:
            return image.mode in ("RGB", "RGBA", "P")
    except (UnidentifiedImageError, OSError, SyntaxError):
        return False


def read_land_cover_mask(path: Path, scene: Scene) -> Reference:
    """Read the agriculture of a DeepGlobe mask as reference with areas only; its unknown land is not compared.

    Raises:
        InputError: the mask cannot be read, has colours of no class, belongs to another image, or has another size.
    """
    if is_image(scene.path) and mask_of(scene.path, path.parent).name != path.name:
        raise InputError(
            f"{path} is the mask of another image than {scene.path}, whose mask is {mask_of(scene.path, path.parent).name}; "
            "give the folder of the masks as reference, or that file."
        )
    cover = read_land_cover(path, MAX_UNKNOWN_SHARE)  # (H, W)
    height, width = cover.shape
    if (width, height) != (scene.width, scene.height):
        raise InputError(
            f"{path} is {width} x {height} px, the scene {scene.path} {scene.width} x {scene.height} px; a mask must have "
            "its image's size."
        )
    ids, areas = polygonise((cover == AGRICULTURE).astype(np.int32))
    _, unlabelled = polygonise((cover == UNKNOWN).astype(np.int32))
    reference = reference_from_polygons(areas, ids.tolist(), (height, width), str(path))
    return dataclasses.replace(reference, areas_only=True, unlabelled=tuple(unlabelled))

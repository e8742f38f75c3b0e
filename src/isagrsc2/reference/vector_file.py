"""Reference parcels in vector files, from their CRS to scene px."""

from pathlib import Path

import numpy as np
import numpy.typing as npt

from isagrsc2.errors import InputError
from isagrsc2.scene.raster import Scene
from isagrsc2.scene.vector_file import is_supposed_crs, read_geometries, to_scene_pixels


def read_vector_file(path: Path, scene: Scene) -> npt.NDArray[np.object_]:
    """Read geometries (N,) in scene px; frames as in ``read_reference``.

    Raises:
        InputError: unreadable, without geometries, a CRS where the scene has none, or no overlap with the scene.
    """
    frame = read_geometries(path, "reference")
    if scene.crs is not None:
        return to_scene_pixels(frame, scene, path)
    if frame.crs is not None and not is_supposed_crs(path):
        raise InputError(
            f"{path} has a CRS ({frame.crs.to_string()}) and the scene {scene.path} has none, so where the parcels "
            "lie in the image is not known; georeference the scene, or give the reference in px and without CRS."
        )
    return np.asarray(frame.geometry.to_numpy())

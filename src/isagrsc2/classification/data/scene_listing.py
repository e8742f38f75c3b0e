"""Which scenes there are and which file holds the parcels of each. Names only: no image is opened but by ``open_file``."""

import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from isagrsc2.errors import InputError
from isagrsc2.scene.raster import Scene, StretchMeasure, open_scene
from isagrsc2.scene.sources import SceneFile, distinct_names, find_rasters

Bands = Sequence[int] | str | int

# Value of `data.path` and `data.reference` that stands for "not given".
NONE = "none"


@dataclass(frozen=True)
class LabelledFile:
    """A scene on disk and where its parcels are: a file, or a folder with one file per scene (see ``read_reference``)."""

    scene: SceneFile
    reference: Path


def list_labelled(path: str | Sequence[str], reference: str, bands: Bands, stretch: StretchMeasure) -> list[LabelledFile]:
    """List scenes with their references, in the order of their paths.

    Args:
        path: a file, a folder, a glob, or a list of these.
        reference: see ``read_reference``.
        bands: see ``open_scene``; a single number stands for a list of it.
        stretch: see ``open_scene``.

    Raises:
        InputError: one of both is not given, or there is no image.
    """
    given = [path] if isinstance(path, str) else list(path)
    missing = [name for name, value in (("path", given), ("reference", [reference])) if value in ([], [NONE])]
    if missing:
        options = " and ".join(f"data.{name}" for name in missing)
        raise InputError(
            f"{options} {'is' if len(missing) == 1 else 'are'} missing; give data.path=IMAGES (a folder, a glob or a list of "
            "GeoTIFF, PNG or JPEG) and data.reference=PARCELS (one file for all scenes, or a folder with one per scene: "
            "GeoJSON, GeoPackage, shapefile, GeoParquet, LabelMe or VIA JSON, label raster)."
        )
    with _named_after_data():
        rasters = {raster.absolute(): raster for one in given for raster in find_rasters(one)}
    images = [rasters[key] for key in sorted(rasters) if key != Path(reference).absolute()]
    return [LabelledFile(file, Path(reference)) for file in scene_files(images, bands, stretch)]


def scene_files(images: Sequence[Path], bands: Bands, stretch: StretchMeasure) -> list[SceneFile]:
    """Give images distinct names; arguments as ``list_labelled``."""
    chosen = [bands] if isinstance(bands, int) else bands
    return [SceneFile(name, image, chosen, stretch) for name, image in zip(distinct_names(images), images, strict=True)]


def open_file(file: SceneFile) -> Scene:
    """Open a scene; messages name the options of ``data``."""
    with _named_after_data():
        return open_scene(file.path, file.bands, file.stretch)


@contextmanager
def _named_after_data() -> Iterator[None]:
    """Scenes are read with the code of ``segment.py``, where the same options belong to the group ``scene``."""
    try:
        yield
    except InputError as error:
        raise InputError(re.sub(r"\bscene\.(path|bands|stretch)\b", r"data.\1", str(error))) from None

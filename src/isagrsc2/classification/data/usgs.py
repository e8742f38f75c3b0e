"""Orthophotos of the United States with parcels: NAIP and the other collections of the U.S. Geological Survey."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from isagrsc2.classification.data.listing import count_files
from isagrsc2.classification.data.scene_listing import Bands, LabelledFile, scene_files
from isagrsc2.classification.data.segment_chips import SegmentChips
from isagrsc2.errors import InputError
from isagrsc2.scene.raster import StretchMeasure

IMAGES, PARCELS = "images", "parcels"
IMAGE_SUFFIXES = (".tif", ".tiff", ".png", ".jp2")
PARCEL_SUFFIXES = (".json", ".geojson", ".gpkg", ".shp", ".parquet")

LAYOUT = (
    "images/*.tif (or .png, .jp2) and beside images/ one parcels file (VIA .json, .geojson, .gpkg, .shp), or a folder "
    "parcels/ with <image>.geojson, ..."
)
PAGE = "https://earthexplorer.usgs.gov"


class UsgsOrthophotos(SegmentChips):
    """A folder of orthophotos with parcels: ``images/`` and one parcels file, or ``parcels/`` with one file per image."""

    def __init__(self, root: str, bands: Bands, stretch: StretchMeasure, **others: Any) -> None:
        """Remember where and how.

        Args:
            root: the folder.
            bands: see ``list_labelled``; NAIP's four bands are red, green, blue and near infrared.
            stretch: see ``list_labelled``.
            others: see ``SegmentChips``.
        """
        super().__init__(**others)
        self._root = Path(root)
        self._bands = bands
        self._stretch = stretch

    def files(self) -> list[LabelledFile]:
        """See ``SegmentChips.files``."""
        folder = self._root / IMAGES
        images = _files(folder, IMAGE_SUFFIXES)
        parcels = _files(self._root, PARCEL_SUFFIXES)
        if (self._root / PARCELS).is_dir():
            parcels.append(self._root / PARCELS)
        if not images or not parcels:
            raise InputError(
                f"{self._root} holds {len(images)} orthophotos and {len(parcels)} parcels files "
                f"({count_files(self._root)} files found); download NAIP orthophotos (data set Aerial Imagery) from {PAGE}, "
                f"draw their parcels (VIA, QGIS), lay them out as {LAYOUT}, and give data.root=PATH."
            )
        if len(parcels) > 1:
            names = ", ".join(path.name for path in parcels)
            raise InputError(f"{self._root} holds several parcels files ({names}); leave one, or choose data=labelled_scenes.")
        scenes = scene_files(images, self._bands, self._stretch)
        return [LabelledFile(scene, parcels[0]) for scene in scenes]


def _files(folder: Path, suffixes: Sequence[str]) -> list[Path]:
    """Files of a folder that need not exist, sorted, without hidden ones."""
    found = folder.iterdir() if folder.is_dir() else ()
    return sorted(path for path in found if path.suffix.lower() in suffixes and path.name[0] != ".")

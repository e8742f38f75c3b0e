"""Finished results of ``segment.py``: where they lie, and what is read of them."""

import glob
import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import geopandas as gpd
import numpy as np
from affine import Affine
from rasterio.crs import CRS

from isagrsc2.classification.land_classes import LandClasses
from isagrsc2.errors import InputError
from isagrsc2.export.segments import FILE as SEGMENTS
from isagrsc2.scene.georeference import STORED, Georeference, Placed
from isagrsc2.scene.raster import Scene, StretchMeasure, open_scene
from isagrsc2.scene.region import EVERYWHERE, Region, read_region

COLUMNS = ("class_name", "round", "geometry")
# Of ``metrics.json``: of the scene, and of the run.
_SCENE = ("name", "path", "width", "height", "crs", "transform", "georeference", "bands", "area_of_interest")
_FIGURES = ("parcels", "classes", "land_classes", "tiles", "seconds", "memory_mb")
# Inside an evaluation: the same scenes in shifted tiles. No results of their own.
SHIFTED_TILES = "shifted_tiles"
# Of two transforms of the same image, as a share of a pixel.
_SAME = 1e-6


@dataclass(frozen=True)
class Result:
    """A finished result of one scene.

    Attributes:
        folder: it was read from.
        scene: what its ``metrics.json`` says of the image: name, path, width, height, crs, transform, bands, ...
        figures: everything its ``metrics.json`` says.
        segments: pixel-exact polygons, scene px; at least ``COLUMNS``.
    """

    folder: Path
    scene: Mapping[str, Any]
    figures: Mapping[str, Any]
    segments: gpd.GeoDataFrame

    @property
    def name(self) -> str:
        """Of the scene."""
        return str(self.scene["name"])

    @property
    def classes(self) -> LandClasses:
        """That its parcels can have."""
        return LandClasses(**{name: tuple(listed) for name, listed in self.figures["land_classes"].items()})

    @property
    def compared(self) -> gpd.GeoDataFrame:
        """The segments, of whatever class, as cultivated, not cultivated or unclassified."""
        return self.segments.assign(class_name=self.classes.sides(self.segments["class_name"]))

    @property
    def rounds(self) -> int:
        """The last round that found a segment, at least 1."""
        return int(self.segments["round"].max()) if len(self.segments) else 1

    @contextmanager
    def open(self, stretch: StretchMeasure) -> Iterator[Scene]:
        """Open the image, of which only what was segmented counts.

        Raises:
            InputError: it is gone, or has become another one.
        """
        path = Path(self.scene["path"])
        if not path.exists():
            raise InputError(f"{path}, of which {self.folder} was made, does not exist any more; put it back.")
        with open_scene(path, self.scene["bands"], stretch, self._georeference()) as scene:
            self._check_same(scene)
            yield scene.limited_to(self._region())

    def _georeference(self) -> Georeference:
        """That of the image, or, where it does not say, what was found out when it was segmented."""
        if self.scene["georeference"] == "stored":
            return STORED
        return Placed(Affine(*self.scene["transform"]), CRS.from_user_input(self.scene["crs"]))

    def _region(self) -> Region:
        """The area of interest."""
        if self.scene["area_of_interest"] is None:
            return EVERYWHERE
        try:
            return read_region(self.folder)
        except Exception as error:  # pyarrow and geopandas each raise kinds of their own for damaged files
            reason = str(error).splitlines()[0].rstrip(".")
            file = self.folder / self.scene["area_of_interest"]
            raise InputError(f"{file} cannot be read ({reason}); run `segment.py` again.") from None

    def _check_same(self, scene: Scene) -> None:
        """Check size, georeference and extent."""
        width, height = self.scene["width"], self.scene["height"]
        other = f"{self.folder} belongs to another image than {scene.path}"
        remedy = "segment it again, or put the image back."
        if (scene.width, scene.height) != (width, height):
            raise InputError(f"{other}: it was {width} x {height} px and is {scene.width} x {scene.height} px; {remedy}")
        crs = scene.crs.to_string() if scene.crs else None
        if crs != self.scene["crs"]:
            raise InputError(f"{other}: its CRS was {self.scene['crs']} and is {crs}; {remedy}")
        before, now = np.array(self.scene["transform"], float), np.array(scene.transform[:6], float)
        if not np.allclose(before, now, rtol=0, atol=_SAME * np.abs(now[[0, 1, 3, 4]]).max()):
            raise InputError(f"{other}: it lay elsewhere (transform {before.tolist()}, is {now.tolist()}); {remedy}")
        left, top, right, bottom = self.segments.total_bounds if len(self.segments) else (0, 0, 0, 0)
        if min(left, top) < 0 or right > width or bottom > height:
            raise InputError(
                f"{other}: {SEGMENTS} reaches to {right:.0f}, {bottom:.0f} px, beyond its {width} x {height} px; {remedy}"
            )


def find_results(predictions: str) -> list[Path]:
    """Find the folders of results.

    Args:
        predictions: a result folder of ``segment.py``, a folder that holds some at any depth, or a glob of such folders.

    Raises:
        InputError: there is none.
    """
    roots = sorted(Path(match) for match in glob.glob(predictions))  # noqa: PTH207 - absolute globs too
    # A path may hold the letters of a glob, as Hydra's sweep folders do.
    roots = [Path(predictions)] if Path(predictions).exists() else roots
    if not roots:
        raise InputError(f"{predictions} does not exist; check subject.predictions.")
    files = sorted({file for root in roots for file in root.rglob(SEGMENTS)})
    folders = [file.parent for file in files if SHIFTED_TILES not in file.parts]
    if not folders:
        raise InputError(f"{predictions} holds no result ({SEGMENTS}); give the output folder of a finished `segment.py`.")
    return folders


def read_result(folder: Path) -> Result:
    """Read a result.

    Raises:
        InputError: a file is missing, damaged, or was not written by ``segment.py``; or the scene has gaps.
    """
    path = folder / "metrics.json"
    try:
        figures = json.loads(path.read_text(encoding="utf-8"))
        scene = {name: figures["scene"][name] for name in _SCENE}
    except (OSError, ValueError, KeyError, TypeError):
        raise InputError(
            f"{path} does not say which image was segmented; run `segment.py` again with export metrics."
        ) from None
    if missing := [name for name in _FIGURES if name not in figures]:
        raise InputError(f"{path} has no {missing[0]}; run `segment.py` of this version again.")
    if lost := figures["tiles"].get("lost"):
        raise InputError(
            f"{folder} has gaps: {len(lost)} tiles could not be segmented, so it is not compared; the same command computes "
            "them again."
        )
    try:
        segments = gpd.read_parquet(folder / SEGMENTS)
    except Exception as error:  # pyarrow and geopandas each raise kinds of their own for damaged files
        reason = str(error).splitlines()[0].rstrip(".")
        raise InputError(f"{folder / SEGMENTS} cannot be read ({reason}); run `segment.py` again.") from None
    if missing := [name for name in COLUMNS if name not in segments]:
        raise InputError(f"{folder / SEGMENTS} has no column {missing[0]}; it was not written by `segment.py`.")
    return Result(folder, scene, figures, segments)

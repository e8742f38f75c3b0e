"""The parcels of finished runs, compared with reference parcels."""

import glob
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import geopandas as gpd

from isagrsc2.errors import InputError
from isagrsc2.metrics.rounds import SceneCounts
from isagrsc2.metrics.scoring import count_rounds
from isagrsc2.reference.parcels import Reference
from isagrsc2.reference.reading import read_reference
from isagrsc2.scene.raster import Scene, open_scene
from isagrsc2.scene.stretch import NoStretch

SEGMENTS = "segments.parquet"
COLUMNS = ("class_name", "round", "geometry")


@dataclass(frozen=True)
class Found:
    """A finished result of one scene: pixel-exact segments, scene px, and the image they were found in."""

    folder: Path
    image: Path
    bands: list[int]
    segments: gpd.GeoDataFrame


@dataclass(frozen=True)
class Evaluated:
    """One scene with its counts."""

    folder: Path
    scene: str
    reference: Reference
    counts: SceneCounts

    def report(self) -> dict[str, Any]:
        """The scene's part of ``metrics.json``."""
        reference = {"path": self.reference.source, **self.reference.counts()}
        return {"scene": self.scene, "folder": str(self.folder), "reference": reference, **self.counts.scores()}


class ParcelsSubject:
    """Parcels of finished runs.

    Args:
        predictions: a result folder of ``segment.py``, a folder that holds some at any depth, or a glob of such folders.
        reference: a file with the parcels of every scene, or a folder with one file per scene, named like the image;
            formats as in ``read_reference``.
    """

    def __init__(self, predictions: str, reference: str) -> None:
        self.predictions = predictions
        self.reference = Path(reference)

    def evaluate(self) -> tuple[list[Evaluated], dict[str, str]]:
        """Compare every scene found.

        Returns:
            The scenes that could be compared, all with as many rounds as the longest run had, and for each folder that
            could not the reason.

        Raises:
            InputError: there are no results, or none could be compared.
        """
        for option, value in (("predictions", self.predictions), ("reference", str(self.reference))):
            if value == "none":
                raise InputError(f"subject.{option} is missing; give subject.predictions=FOLDER subject.reference=PATH.")
        results: list[Found] = []
        refused: dict[str, str] = {}
        for folder in self._folders():
            try:
                results.append(_read_result(folder))
            except InputError as error:
                refused[str(folder)] = str(error)
        rounds = max((int(result.segments["round"].max()) for result in results if len(result.segments)), default=1)
        scenes = []
        for result in results:
            try:
                scenes.append(self._compare(result, rounds))
            except InputError as error:
                refused[str(result.folder)] = str(error)
        if not scenes:
            raise InputError(next(iter(refused.values())))
        return scenes, refused

    def _folders(self) -> list[Path]:
        roots = sorted(Path(match) for match in glob.glob(self.predictions))  # noqa: PTH207 - absolute globs too
        # A path may hold the letters of a glob, as Hydra's sweep folders do.
        roots = [Path(self.predictions)] if Path(self.predictions).exists() else roots
        if not roots:
            raise InputError(f"{self.predictions} does not exist; check subject.predictions.")
        folders = sorted(file.parent for root in roots for file in root.rglob(SEGMENTS))
        if not folders:
            raise InputError(
                f"{self.predictions} holds no result ({SEGMENTS}); give the output folder of a finished `segment.py`."
            )
        return folders

    def _compare(self, result: Found, rounds: int) -> Evaluated:
        with open_scene(result.image, result.bands, NoStretch()) as scene:
            left, top, right, bottom = result.segments.total_bounds if len(result.segments) else (0, 0, 0, 0)
            if min(left, top) < 0 or right > scene.width or bottom > scene.height:
                raise InputError(
                    f"{result.folder / SEGMENTS} reaches to {right:.0f}, {bottom:.0f} px, beyond the scene {scene.path} "
                    f"({scene.width} x {scene.height} px); it belongs to another image."
                )
            reference = read_reference(self._reference_of(scene), scene)
            shape = (scene.height, scene.width)
            counts = count_rounds(result.segments, reference, shape, lambda window: scene.read(window)[1], rounds)
            return Evaluated(result.folder, scene.name, reference, counts)

    def _reference_of(self, scene: Scene) -> Path:
        if not self.reference.is_dir() or self.reference.suffix == ".gdb":
            return self.reference
        readable = (".parquet", ".geoparquet", ".gpkg", ".geojson", ".json", ".shp", ".fgb", ".tif", ".png")
        for suffix in readable:
            path = self.reference / f"{scene.name}{suffix}"
            if path.exists() and path.resolve() != scene.path.resolve():
                return path
        raise InputError(f"{self.reference} holds no reference for {scene.name} ({scene.name}.geojson, .gpkg, ...).")


def _read_result(folder: Path) -> Found:
    figures = folder / "metrics.json"
    try:
        scene = json.loads(figures.read_text(encoding="utf-8"))["scene"]
        image, bands = Path(scene["path"]), [int(band) for band in scene["bands"]]
    except (OSError, ValueError, KeyError, TypeError):
        raise InputError(
            f"{figures} does not say which image was segmented; run `segment.py` again with export metrics."
        ) from None
    try:
        segments = gpd.read_parquet(folder / SEGMENTS)
    except Exception as error:  # pyarrow and geopandas each raise kinds of their own for damaged files
        reason = str(error).splitlines()[0].rstrip(".")
        raise InputError(f"{folder / SEGMENTS} cannot be read ({reason}); run `segment.py` again.") from None
    missing = [name for name in COLUMNS if name not in segments]
    if missing:
        raise InputError(f"{folder / SEGMENTS} has no column {missing[0]}; it was not written by `segment.py`.")
    return Found(folder, image, bands, segments)

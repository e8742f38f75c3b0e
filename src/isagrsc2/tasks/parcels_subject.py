"""The parcels of finished runs, compared with reference parcels."""

import glob
import itertools
import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import geopandas as gpd

from isagrsc2.errors import InputError
from isagrsc2.metrics.bootstrap import draw_scenes
from isagrsc2.metrics.last_round import Measures
from isagrsc2.metrics.scoring import DetailedCounts, count_in_detail
from isagrsc2.options import check_choice, check_number, check_whole
from isagrsc2.reference.parcels import Reference
from isagrsc2.reference.reading import read_reference
from isagrsc2.scene.raster import open_scene
from isagrsc2.scene.stretch import NoStretch
from isagrsc2.tasks.evaluation import Evaluation
from isagrsc2.tasks.ground_scale import ground_scale
from isagrsc2.tasks.parcels_summary import INTERVAL, scene_report, summarise
from isagrsc2.tasks.parcels_table import parcels_table

SEGMENTS = "segments.parquet"
COLUMNS = ("class_name", "round", "geometry")

AREAS_ONLY = (
    "{}: the reference says which land is agriculture and not where one parcel ends, and one of its regions holds many "
    "parcels; so only areas are compared, and scores of objects (best IoU, precision, recall, F1, PQ) are undefined."
)


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
    counts: DetailedCounts

    def report(self) -> dict[str, Any]:
        """The scene's part of ``metrics.json``."""
        reference = {"path": self.reference.source, **self.reference.counts()}
        return {"scene": self.scene, "folder": str(self.folder), "reference": reference, **scene_report(self.counts)}


class ParcelsSubject:
    """Parcels of finished runs.

    Args:
        predictions: a result folder of ``segment.py``, a folder that holds some at any depth, or a glob of such folders.
        reference: a file with the parcels of every scene, or a folder with one file per scene; see ``read_reference``.
        size_limits_m2: areas between the size classes, m², ascending; for scenes with a CRS.
        size_limits_px: the same in px, for scenes without.
        boundary_tolerance: greatest distance between boundaries that are the same.
        boundary_unit: of the tolerance: ``px``, or ``m``, which scenes without CRS cannot be compared with.
        bootstrap_resamples: how often scenes are drawn for the intervals.
        bootstrap_seed: of these draws.

    Raises:
        InputError: a number does not fit.
    """

    def __init__(
        self,
        predictions: str,
        reference: str,
        size_limits_m2: Sequence[float],
        size_limits_px: Sequence[float],
        boundary_tolerance: float,
        boundary_unit: str,
        bootstrap_resamples: int,
        bootstrap_seed: int,
    ) -> None:
        _check_limits("subject.size_limits_m2", size_limits_m2)
        _check_limits("subject.size_limits_px", size_limits_px)
        check_number("subject.boundary_tolerance", boundary_tolerance, 0)
        check_choice("subject.boundary_unit", boundary_unit, ["px", "m"])
        check_whole("subject.bootstrap_resamples", bootstrap_resamples, 1)
        check_whole("subject.bootstrap_seed", bootstrap_seed, 0)
        self.predictions = predictions
        self.reference = Path(reference)
        self.measures = Measures(tuple(size_limits_m2), tuple(size_limits_px), boundary_tolerance, boundary_unit)
        self.resamples = bootstrap_resamples
        self.seed = bootstrap_seed

    def evaluate(self, folder: Path) -> Evaluation:  # noqa: ARG002 - everything is in the report
        """See ``Subject``; scenes all get as many rounds as the longest run had."""
        scenes, refused = self._compare_all()
        counts = [scene.counts for scene in scenes]
        without = [scene.scene for scene in scenes if scene.reference.areas_only]
        notes = [AREAS_ONLY.format(", ".join(without))] if without else []
        summaries = summarise(counts, draw_scenes(len(counts), self.resamples, self.seed))
        tolerance = f"{self.measures.tolerance:g} {self.measures.tolerance_unit}"
        report = {
            "subject": {
                "predictions": self.predictions,
                "reference": str(self.reference),
                "boundary_tolerance": tolerance,
                "bootstrap": {"resamples": self.resamples, "seed": self.seed},
            },
            "scenes": [scene.report() for scene in scenes],
            **summaries,
            "notes": notes,
            "refused": refused,
        }
        mean = summaries["mean"]
        return Evaluation(
            report=report,
            table=parcels_table([scene.scene for scene in scenes], counts, summaries, tolerance),
            notes=notes,
            pictures={},
            figures=_figures({**mean["rounds"][-1], **mean["last_round"]}),
            refused=refused,
            score=mean["rounds"][-1]["object_f1"],
        )

    def _compare_all(self) -> tuple[list[Evaluated], dict[str, str]]:
        """The scenes that could be compared, and for each folder that could not the reason."""
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
            scale = ground_scale(scene)
            if self.measures.tolerance_unit == "m" != scale.unit:
                raise InputError(
                    f"{scene.path} has no CRS, so its boundaries cannot be compared in m; "
                    "give subject.boundary_tolerance in px, subject.boundary_unit=px."
                )
            reference = read_reference(self.reference, scene)
            shape = (scene.height, scene.width)
            counts = count_in_detail(
                result.segments, reference, shape, lambda window: scene.read(window)[1], rounds, scale, self.measures
            )
            return Evaluated(result.folder, scene.name, reference, counts)


def _check_limits(option: str, limits: Any) -> None:
    if isinstance(limits, str) or not isinstance(limits, Sequence):
        raise InputError(f"{option}={limits} does not fit; give a list of areas, such as [1000,5000].")
    for limit in limits:
        check_number(option, limit, 0)
    if any(upper <= lower for lower, upper in itertools.pairwise([0, *limits])):
        raise InputError(f"{option}={list(limits)} does not fit; give areas above 0 in ascending order.")


def _figures(scores: dict[str, Any]) -> dict[str, float]:
    """The scores that are defined, as dashboards name them."""
    apart = {"round", "by_size", INTERVAL}
    return {f"parcels/{name}": value for name, value in scores.items() if name not in apart and value is not None}


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

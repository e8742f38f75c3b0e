"""The parcels of finished runs, compared with reference parcels."""

import glob
import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import geopandas as gpd

from isagrsc2.errors import InputError
from isagrsc2.metrics.pooling import Scores, mean_scores, pooled_scores
from isagrsc2.metrics.rounds import RoundCounts, SceneCounts
from isagrsc2.metrics.scoring import count_rounds
from isagrsc2.reference.parcels import Reference
from isagrsc2.reference.reading import read_reference
from isagrsc2.scene.raster import open_scene
from isagrsc2.scene.stretch import NoStretch
from isagrsc2.tasks.evaluation import Evaluation
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
    counts: SceneCounts

    def report(self) -> dict[str, Any]:
        """The scene's part of ``metrics.json``."""
        reference = {"path": self.reference.source, **self.reference.counts()}
        return {"scene": self.scene, "folder": str(self.folder), "reference": reference, **self.counts.scores()}


class ParcelsSubject:
    """Parcels of finished runs.

    Args:
        predictions: a result folder of ``segment.py``, a folder that holds some at any depth, or a glob of such folders.
        reference: a file with the parcels of every scene, or a folder with one file per scene; see ``read_reference``.
    """

    def __init__(self, predictions: str, reference: str) -> None:
        self.predictions = predictions
        self.reference = Path(reference)

    def evaluate(self, folder: Path) -> Evaluation:  # noqa: ARG002 - everything is in the report
        """See ``Subject``; scenes all get as many rounds as the longest run had."""
        scenes, refused = self._compare_all()
        counts = [scene.counts for scene in scenes]
        without = [scene.scene for scene in scenes if scene.reference.areas_only]
        notes = [AREAS_ONLY.format(", ".join(without))] if without else []
        report = {
            "subject": {"predictions": self.predictions, "reference": str(self.reference)},
            "scenes": [scene.report() for scene in scenes],
            **_summaries(counts),
            "notes": notes,
            "refused": refused,
        }
        means = mean_scores([one.rounds[-1] for one in counts])
        return Evaluation(
            report=report,
            table=parcels_table([scene.scene for scene in scenes], counts),
            notes=notes,
            pictures={},
            figures={f"parcels/{name}": value for name, value in means.items() if value is not None},
            refused=refused,
            score=means["object_f1"],
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
            reference = read_reference(self.reference, scene)
            shape = (scene.height, scene.width)
            counts = count_rounds(result.segments, reference, shape, lambda window: scene.read(window)[1], rounds)
            return Evaluated(result.folder, scene.name, reference, counts)


def _summaries(scenes: Sequence[SceneCounts]) -> dict[str, Any]:
    """Mean and pooled scores after every round."""
    kinds: dict[str, Callable[[Sequence[RoundCounts]], Scores]] = {"mean": mean_scores, "pooled": pooled_scores}
    return {
        kind: {
            "rounds": _each_round([scene.rounds for scene in scenes], score),
            "oracle_class": {"rounds": _each_round([scene.oracle_class for scene in scenes], score)},
        }
        for kind, score in kinds.items()
    }


def _each_round(
    scenes: Sequence[tuple[RoundCounts, ...]], score: Callable[[Sequence[RoundCounts]], Scores]
) -> list[dict[str, Any]]:
    return [{"round": number, **score(counts)} for number, counts in enumerate(zip(*scenes, strict=True), start=1)]


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

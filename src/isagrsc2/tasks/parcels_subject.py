"""Parcels, compared with reference parcels: of finished runs, or of scenes that are segmented first."""

import itertools
import logging
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from hydra.utils import instantiate
from omegaconf import DictConfig

from isagrsc2.errors import InputError
from isagrsc2.metrics.bootstrap import draw_scenes
from isagrsc2.metrics.last_round import Measures
from isagrsc2.metrics.scoring import count_in_detail
from isagrsc2.metrics.tile_consistency import ConsistencyCounts
from isagrsc2.options import check_choice, check_number, check_whole
from isagrsc2.reference.parcels import NoReferenceError
from isagrsc2.reference.reading import read_reference
from isagrsc2.scene.sources import SceneFile
from isagrsc2.scene.stretch import NoStretch
from isagrsc2.tasks.evaluation import Evaluation
from isagrsc2.tasks.ground_scale import ground_scale
from isagrsc2.tasks.parcels_pictures import FOLDER, Evaluated, draw_pictures
from isagrsc2.tasks.parcels_results import Result, find_results, read_result
from isagrsc2.tasks.parcels_scenes import of_run, write_scenes
from isagrsc2.tasks.parcels_shown import compared_scenes
from isagrsc2.tasks.parcels_summary import INTERVAL, scene_report, summarise, summarise_consistency
from isagrsc2.tasks.parcels_table import parcels_table
from isagrsc2.tasks.tile_consistency import TileConsistency
from isagrsc2.tasks.tracking.no_tracker import NoTracker
from isagrsc2.tasks.tracking.scene_figures import coverage_figures, figures_of_scenes, parcel_figures

logger = logging.getLogger(__name__)

# Where a path may stand and does not.
NONE = "none"

AREAS_ONLY = (
    "{}: the reference says which land is agriculture and not where one parcel ends, and one of its regions holds many "
    "parcels; so only areas are compared, and scores of objects (best IoU, precision, recall, F1, PQ) are undefined."
)
CONSISTENCY = "tile consistency, mean over {} of {} scenes: F1 {}, best IoU {}, by area {}; other scenes have one tile."
ONE_TILE = "tile consistency is undefined: no scene is larger than a tile; lower tiling.size."


class ParcelsSubject:
    """Parcels of finished runs, or of scenes segmented now.

    Args:
        predictions: see ``find_results``; ``none``: the scenes of ``segmentation`` are segmented into the output folder, and
            what is finished there is taken from its parts.
        reference: a file with the parcels of every scene, or a folder with one file per scene, see ``read_reference``;
            ``none``: that with which every run was compared by ``segment.py``, as synthetic scenes always are.
        size_limits_m2: areas between the size classes, m², ascending; for scenes with a CRS.
        size_limits_px: the same in px, for scenes without.
        boundary_tolerance: greatest distance between boundaries that are the same.
        boundary_unit: of the tolerance: ``px``, or ``m``, which scenes without CRS cannot be compared with.
        bootstrap_resamples: how often scenes are drawn for the intervals.
        bootstrap_seed: of these draws.
        picture_size: long side of the map in the picture of a scene, px.
        worst_scenes: scenes in the picture of the worst, at most.
        stretch: configuration of the stretch of images in pictures.
        tile_consistency: configuration of a ``TileConsistency``.
        segmentation: configuration of ``segment_scenes``, but for ``reference``.

    Raises:
        InputError: a number does not fit, or finished runs shall be segmented again.
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
        picture_size: int,
        worst_scenes: int,
        stretch: DictConfig,
        tile_consistency: DictConfig,
        segmentation: DictConfig,
    ) -> None:
        _check_limits("subject.size_limits_m2", size_limits_m2)
        _check_limits("subject.size_limits_px", size_limits_px)
        check_number("subject.boundary_tolerance", boundary_tolerance, 0)
        check_choice("subject.boundary_unit", boundary_unit, ["px", "m"])
        check_whole("subject.bootstrap_resamples", bootstrap_resamples, 1)
        check_whole("subject.bootstrap_seed", bootstrap_seed, 0)
        check_whole("subject.picture_size", picture_size, 1)
        check_whole("subject.worst_scenes", worst_scenes, 1)
        self.predictions = str(predictions)
        self.reference = str(reference)
        self.measures = Measures(tuple(size_limits_m2), tuple(size_limits_px), boundary_tolerance, boundary_unit)
        self.resamples = bootstrap_resamples
        self.seed = bootstrap_seed
        self.picture_size = picture_size
        self.worst_scenes = worst_scenes
        self.stretch = instantiate(stretch)
        self.tile_consistency: TileConsistency = instantiate(tile_consistency)
        self.segmentation = segmentation.copy()
        self.segmentation.reference = self.reference
        if self.predictions != NONE and self.tile_consistency.segments_again:
            raise InputError(
                "tile_consistency segments the scenes once more, so it cannot be measured on finished runs; "
                "leave out subject.predictions and give scene.path."
            )

    def evaluate(self, folder: Path) -> Evaluation:
        """See ``Subject``; scenes all get as many rounds as the longest run had."""
        results, refused, skipped = self._results(folder)
        scenes = self._compare_all(results, refused, skipped)
        if not scenes:
            raise InputError(next(iter((refused | skipped).values())))
        draws = draw_scenes(len(scenes), self.resamples, self.seed)
        counts = [scene.counts for scene in scenes]
        summaries = summarise(counts, draws)
        measured = self.tile_consistency.measure([scene.result for scene in scenes], self.segmentation, folder)
        consistency = {name: one.scores() for name, one in measured.items()}
        if measured:
            having = [number for number, scene in enumerate(scenes) if scene.result.name in measured]
            ordered: list[ConsistencyCounts] = [measured[scenes[number].result.name] for number in having]
            for kind, summary in summarise_consistency(ordered, draws[:, having]).items():
                summaries[kind]["tile_consistency"] = summary
        notes = _notes(scenes, skipped)
        notes += self._consistency_note(summaries["mean"], len(measured), len(scenes))
        tolerance = f"{self.measures.tolerance:g} {self.measures.tolerance_unit}"
        report = {
            "subject": {
                "predictions": self.predictions,
                "reference": self.reference,
                "boundary_tolerance": tolerance,
                "bootstrap": {"resamples": self.resamples, "seed": self.seed},
            },
            "scenes": [_report(scene, consistency) for scene in scenes],
            **summaries,
            "notes": notes,
            "skipped": skipped,
            "refused": refused,
        }
        table = write_scenes(scenes, consistency, folder)
        pictures = draw_pictures(scenes, folder, self.stretch, self.picture_size, self.worst_scenes)
        return Evaluation(
            report=report,
            table=parcels_table([scene.result.name for scene in scenes], counts, summaries, tolerance),
            notes=[*notes, f"scores, scene by scene: {table}", f"pictures, scene by scene: {folder / FOLDER}/"],
            pictures=pictures,
            figures=_figures(summaries["mean"], scenes),
            refused=refused,
            score=summaries["mean"]["rounds"][-1]["object_f1"],
            tables={"scenes": table},
            scenes=compared_scenes(scenes, folder, self.stretch),
        )

    def _consistency_note(self, mean: Mapping[str, Any], measured: int, scenes: int) -> list[str]:
        if not self.tile_consistency.segments_again:
            return []
        if not measured:
            return [ONE_TILE]
        scores = mean["tile_consistency"]
        texts = [_text(scores[name]) for name in ("consistency_f1", "consistency_iou", "consistency_iou_by_area")]
        return [CONSISTENCY.format(measured, scenes, *texts)]

    def _results(self, folder: Path) -> tuple[list[Result], dict[str, str], dict[str, str]]:
        """Finished results; what cannot be used, and what has no reference, with the reasons."""
        refused: dict[str, str] = {}
        skipped: dict[str, str] = {}
        segmenting = self.predictions == NONE
        folders = self._segment(folder, refused, skipped) if segmenting else find_results(self.predictions)
        results = []
        for one in folders:
            try:
                results.append(read_result(one))
            except InputError as error:
                refused[str(one)] = str(error)
        return results, refused, skipped

    def _segment(self, folder: Path, refused: dict[str, str], skipped: dict[str, str]) -> list[Path]:
        """Segment the scenes; returns the folders of those that could be."""
        from isagrsc2.tasks.segment import segment_scenes  # imports the whole pipeline

        sources = instantiate(self.segmentation.scene, _convert_="all").sources()
        files = [source for source in sources if isinstance(source, SceneFile)]
        if self.reference == NONE and files:
            raise InputError(
                f"subject.reference is missing: {files[0].path} brings none; give subject.reference=PATH of its parcels."
            )
        if self.reference != NONE and not files:
            raise InputError(
                "there is nothing to compare with subject.reference: synthetic scenes bring their own; give "
                "subject.predictions=FOLDER of finished runs, or scene.path=PATH of images to segment."
            )
        segmented = segment_scenes(self.segmentation, folder, NoTracker())
        for origin, error in segmented.failed.items():
            (skipped if isinstance(error, NoReferenceError) else refused)[origin] = str(error)
        without = segmented.failed.keys() | segmented.outside.keys()
        return [folder / source.name for source in sources if source.origin not in without]

    def _compare_all(self, results: Sequence[Result], refused: dict[str, str], skipped: dict[str, str]) -> list[Evaluated]:
        """The scenes that can be compared; the others are added to ``refused`` or ``skipped``."""
        rounds = max((result.rounds for result in results), default=1)
        scenes = []
        for result in results:
            try:
                scenes.append(self._compare(result, rounds))
            except NoReferenceError as error:
                skipped[str(result.folder)] = str(error)
            except InputError as error:
                refused[str(result.folder)] = str(error)
        return scenes

    def _compare(self, result: Result, rounds: int) -> Evaluated:
        with result.open(NoStretch()) as scene:
            scale = ground_scale(scene)
            if self.measures.tolerance_unit == "m" != scale.unit:
                raise InputError(
                    f"{scene.path} has no CRS, so its boundaries cannot be compared in m; "
                    "give subject.boundary_tolerance in px, subject.boundary_unit=px."
                )
            reference = read_reference(self._reference_of(result), scene)
            shape = (scene.height, scene.width)
            counts = count_in_detail(
                result.compared,
                reference,
                shape,
                lambda window: scene.read(window)[1],
                rounds,
                scale,
                self.measures,
            )
            return Evaluated(result, reference, counts)

    def _reference_of(self, result: Result) -> Path:
        if self.reference != NONE:
            return Path(self.reference)
        if "reference" not in result.figures:
            raise NoReferenceError(
                f"{result.folder} was segmented without reference; give subject.reference=PATH of the parcels of {result.name}."
            )
        return Path(result.figures["reference"]["path"])


def _check_limits(option: str, limits: Any) -> None:
    if isinstance(limits, str) or not isinstance(limits, Sequence):
        raise InputError(f"{option}={limits} does not fit; give a list of areas, such as [1000,5000].")
    for limit in limits:
        check_number(option, limit, 0)
    if any(upper <= lower for lower, upper in itertools.pairwise([0, *limits])):
        raise InputError(f"{option}={list(limits)} does not fit; give areas above 0 in ascending order.")


def _text(value: float | None) -> str:
    return "undefined" if value is None else f"{value:.3f}"


def _report(scene: Evaluated, consistency: Mapping[str, Any]) -> dict[str, Any]:
    """A scene's part of ``metrics.json``."""
    name = scene.result.name
    report = {
        "scene": name,
        "folder": str(scene.result.folder),
        "reference": {"path": scene.reference.source, **scene.reference.counts()},
        **scene_report(scene.counts),
    }
    return report | ({"tile_consistency": consistency[name]} if name in consistency else {})


def _notes(scenes: Sequence[Evaluated], skipped: Mapping[str, str]) -> list[str]:
    """What a reader of the table has to know."""
    without = [scene.result.name for scene in scenes if scene.reference.areas_only]
    notes = [AREAS_ONLY.format(", ".join(without))] if without else []
    faults = {
        "were invalid and are repaired": [scene.reference.repaired for scene in scenes],
        "lie partly on an earlier one, which keeps what both cover": [scene.reference.overlapping for scene in scenes],
        "lie outside of the image and are left out": [scene.reference.outside for scene in scenes],
    }
    notes += [
        f"{sum(numbers)} reference parcels of {sum(map(bool, numbers))} scenes {words}."
        for words, numbers in faults.items()
        if any(numbers)
    ]
    if skipped:
        notes.append(f"{len(skipped)} without reference and skipped: {'; '.join(skipped.values())}")
    return notes


def _figures(mean: Mapping[str, Any], scenes: Sequence[Evaluated]) -> dict[str, float]:
    """Mean figures, those that are defined, as dashboards name them."""

    def last(summary: Mapping[str, Any]) -> dict[str, float]:
        scores = {**summary["rounds"][-1], **summary["last_round"]}
        return parcel_figures({name: value for name, value in scores.items() if name not in ("by_size", INTERVAL)})

    perfect = {f"oracle_class/{name.removeprefix('parcels/')}": value for name, value in last(mean["oracle_class"]).items()}
    consistency = {name: value for name, value in mean.get("tile_consistency", {}).items() if name != INTERVAL}
    return {
        **figures_of_scenes(of_run(scene.result.figures) for scene in scenes),
        **coverage_figures([scores["coverage"] for scores in mean["rounds"]]),
        **last(mean),
        **perfect,
        **{f"tiles/{name}": value for name, value in consistency.items() if value is not None},
    }

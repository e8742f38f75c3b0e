"""Segment scenes: sources, pipeline, classes, reference, exports, one result folder a scene."""

import logging
import shutil
import sys
from collections.abc import Iterator, Mapping
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import geopandas
import numpy as np
import pandas
from hydra.utils import instantiate
from omegaconf import DictConfig, OmegaConf

from isagrsc2 import __version__
from isagrsc2.classification.land_classes import LandClasses
from isagrsc2.classification.predictor import UNCLASSIFIED, Classifier
from isagrsc2.engines.engine import Engine, EngineError, Lost
from isagrsc2.engines.local import LocalEngine
from isagrsc2.errors import InputError
from isagrsc2.export.result import Exporter, SceneResult
from isagrsc2.export.segments import FILE as SEGMENTS
from isagrsc2.export.segments import write_segments
from isagrsc2.export.selection import Selected, Selection
from isagrsc2.files import scratch
from isagrsc2.memory import give_back
from isagrsc2.metrics.scoring import count_rounds
from isagrsc2.options import check_number, check_whole
from isagrsc2.parcels.row_groups import Batches, write_row_groups
from isagrsc2.parcels.table import to_parcels
from isagrsc2.parts import PartStore
from isagrsc2.pipeline import Parts, classify, coverage_by_round, segment_tiles, stitch_parts, tiles_of
from isagrsc2.reference.reading import read_reference
from isagrsc2.scene.area_of_interest import OutsideAreaError
from isagrsc2.scene.raster import Scene
from isagrsc2.scene.sources import Source
from isagrsc2.scene.tiling import Tile
from isagrsc2.stopwatch import Stopwatch
from isagrsc2.tasks.configured_method import ConfiguredMethod, configure_method
from isagrsc2.tasks.progress import TileProgress, count_parcels
from isagrsc2.tasks.smallest_area import smallest_area
from isagrsc2.tasks.summary import lost_line, print_summary
from isagrsc2.tasks.tracking import Tracker
from isagrsc2.weights.identity import identities_of_weights

logger = logging.getLogger(__name__)

# What a shell reports for a program ended by Ctrl-C.
_INTERRUPTED = 130

# Everything the parts of a scene depend on, besides its pixels.
_PART_OPTIONS = ("tiling", "superres", "segmenter", "prompting", "refinement", "merging", "parcels")


@dataclass(frozen=True)
class _Run:
    """What all scenes of a run share."""

    cfg: DictConfig
    method: ConfiguredMethod
    classifier: Classifier
    engine: Engine
    classes: LandClasses
    selection: Selection
    exporters: Mapping[str, Exporter]
    tracker: Tracker


@dataclass(frozen=True)
class Segmented:
    """What became of the scenes of a run.

    Attributes:
        coverage: share of the valid pixels that is covered after the last round, of every scene that could be segmented.
        failed: of the others, by what a person would call them, the reason.
        gaps: of those with lost tiles, by what a person would call them, one line for each lost tile.
        outside: of those the area of interest does not touch, by what a person would call them, what was said.
    """

    coverage: list[float]
    failed: dict[str, InputError]
    gaps: dict[str, list[str]]
    outside: dict[str, InputError]


def segment(cfg: DictConfig) -> float:
    """Segment every scene; one bad scene does not stop the others.

    Args:
        cfg: composed from ``conf/segment.yaml``.

    Returns:
        Share of the valid pixels that is covered after the last round, mean over scenes.

    Raises:
        InputError: the only scene cannot be used, or an option does not fit.
        SystemExit: with 1, when some of several scenes failed, or tiles were lost; they are listed. With 130, when
            interrupted by Ctrl-C.
    """
    segmented = segment_scenes(cfg, Path(cfg.output_dir), instantiate(cfg.logger, _convert_="all"))
    scenes = len(segmented.coverage) + len(segmented.failed)
    if segmented.gaps:
        logger.error(
            "%d of %d scenes have gaps; the same command with output_dir=%s computes these tiles again:",
            len(segmented.gaps),
            scenes,
            cfg.output_dir,
        )
        for origin, lines in segmented.gaps.items():
            for line in lines:
                logger.error("  %s: %s", origin, line)
    if segmented.failed:
        logger.error("%d of %d scenes could not be segmented:", len(segmented.failed), scenes)
        for origin, error in segmented.failed.items():
            logger.error("  %s", error if origin in str(error) else f"{origin}: {error}")
    if segmented.gaps or segmented.failed:
        sys.exit(1)
    return float(np.mean(segmented.coverage))


def segment_scenes(cfg: DictConfig, output: Path, tracker: Tracker) -> Segmented:
    """Segment every scene into a folder of its own.

    Args:
        cfg: ``scene``, ``reference``, ``parcels``, ``export`` and every stage, as ``conf/segment.yaml`` has them; its
            ``output_dir`` is what a user would name to go on.
        output: takes the folders.
        tracker: is started, told of every scene, and finished.

    Raises:
        InputError: the only scene cannot be used, an option does not fit, or the area of interest touches no scene.
        EngineError: nothing more can be computed.
        SystemExit: with 130, when interrupted by Ctrl-C.
    """
    _check(cfg)
    sources = instantiate(cfg.scene, _convert_="all").sources()
    run = _prepare(cfg, tracker)
    segmented = Segmented([], {}, {}, {})
    try:
        with closing(run.engine):
            for source in sources:
                _add_scene(source, run, output / source.name, segmented, only=len(sources) == 1)
        if len(segmented.outside) == len(sources):
            raise InputError(f"scene.aoi={cfg.scene.aoi} touches none of {len(sources)} scenes; check that its CRS is right.")
    except KeyboardInterrupt:
        logger.error("interrupted; the same command with output_dir=%s goes on.", cfg.output_dir)
        sys.exit(_INTERRUPTED)
    finally:
        run.tracker.finish(failed=len(segmented.failed) + len(segmented.gaps))
    return segmented


def _add_scene(source: Source, run: _Run, folder: Path, segmented: Segmented, *, only: bool) -> None:
    """Segment a scene and note what became of it; one that cannot be used is an error where it is the only one."""
    try:
        metrics = _segment_scene(source, run, folder)
    except OutsideAreaError as error:
        segmented.outside[source.origin] = error
        if only:
            raise
        logger.info("%s: skipped, the area of interest does not touch it", source.name)
        return
    except InputError as error:
        segmented.failed[source.origin] = error
        if only or isinstance(error, EngineError):
            raise
        logger.error("%s", error)
        return
    segmented.coverage.append(metrics["coverage"][-1])
    if lost := metrics["tiles"]["lost"]:
        segmented.gaps[source.origin] = [lost_line(tile) for tile in lost]


def _check(cfg: DictConfig) -> None:
    """Check what no constructor sees, before anything else is done."""
    for name in ("min_area_m2", "min_area_px", "simplify_px"):
        check_number(f"parcels.{name}", cfg.parcels[name], 0)
    check_whole("parcels.chips_in_memory", cfg.parcels.chips_in_memory, 1)
    if cfg.reference != "none" and not Path(str(cfg.reference)).exists():
        raise InputError(f"{cfg.reference} does not exist; check reference=.")


def _prepare(cfg: DictConfig, tracker: Tracker) -> _Run:
    """Instantiate everything that serves all scenes, before the first is touched."""
    method = configure_method(cfg)
    classifier, engine = instantiate(cfg.classifier, _convert_="all"), instantiate(cfg.engine, _convert_="all")
    classes = LandClasses.of(classifier.class_names, classifier.cultivated)
    threshold = None if set(classifier.class_names) == {UNCLASSIFIED} else cfg.classifier.threshold
    wanted = cfg.export
    selection = Selection.of(wanted.min_area_m2, wanted.class_filter, wanted.most_uncertain, classes, threshold)
    options = {name: option for name, option in cfg.export.items() if isinstance(option, DictConfig)}
    exporters = {name: instantiate(option, _convert_="all") for name, option in options.items()}
    tracker.start(OmegaConf.to_container(cfg, resolve=True))
    return _Run(cfg, method, classifier, engine, classes, selection, exporters, tracker)


def _segment_scene(source: Source, run: _Run, folder: Path) -> dict[str, Any]:
    """One scene from source to files; returns its metrics. What cannot be used leaves no folder, finished parts stay."""
    was_there = folder.exists()
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise InputError(f"{folder} cannot be made ({error.strerror}); choose another output_dir=.") from None
    try:
        return _fill(source, run, folder)
    except EngineError:
        raise
    except InputError:
        if not was_there:
            shutil.rmtree(folder)
        raise


def _fill(source: Source, run: _Run, folder: Path) -> dict[str, Any]:
    """One scene from source to files, in a folder that exists; returns its metrics."""
    cfg, watch = run.cfg, Stopwatch()
    with watch.stage("open"):
        scene, own_reference = source.open(folder)
    with scene:
        reference = str(cfg.reference) if cfg.reference != "none" else own_reference
        # Read before the long work, so that a mistake shows at once.
        parcels_of_reference = read_reference(Path(reference), scene) if reference != "none" else None
        min_area = smallest_area(scene, cfg.parcels.min_area_m2, cfg.parcels.min_area_px)
        store = PartStore.open(folder / "parts", _fingerprint(cfg, source, min_area))
        if len(tiles_of(scene, run.method)) > 1:
            logger.info(
                "%s: should this run be stopped, the same command with output_dir=%s goes on", source.name, cfg.output_dir
            )
        with TileProgress(source.name, scene, folder) as progress:
            parts = segment_tiles(scene, run.method, min_area, store, run.engine, progress.begin)
        watch.add(parts.seconds, parts.memory_mb)
        # Whatever computes tiles, what they found comes together on this machine.
        spread = LocalEngine(cfg.engine.workers).map
        stitched = stitch_parts(scene, run.method, min_area, store, parts, spread)
        segments = write_segments(count_parcels(source.name, _classified(stitched, scene, run, watch)), folder)
        metrics = _metrics(source, scene, parts, segments, len(run.method.prompting.rounds))
        metrics["land_classes"] = run.classes.plain()
        if parcels_of_reference is not None:
            with watch.stage("reference"):
                shape, rounds = (scene.height, scene.width), len(metrics["coverage"])
                together = pandas.concat(segments, ignore_index=True)
                together = together.assign(class_name=run.classes.sides(together["class_name"]))
                counts = count_rounds(together, parcels_of_reference, shape, lambda w: scene.read(w)[1], rounds)
            metrics["reference"] = {"path": reference, **parcels_of_reference.counts(), **counts.scores()}
        if parts.valid_pixels == 0:
            logger.warning("%s holds no valid pixel (all nodata): its parcels file is empty.", source.origin)
        give_back()  # of the tiles that were joined nothing is needed any more
        with scratch(folder / "parcels_working.parquet") as working:
            with watch.stage("parcels"):
                drawn = to_parcels(segments, scene.transform, scene.crs, cfg.parcels.simplify_px)
                parcels = write_row_groups(drawn, working, "lz4", boxes=False)
            metrics |= _areas(parcels) | {"seconds": watch.seconds, "memory_mb": watch.memory_mb}
            chosen = run.selection.chosen(parcels)
            metrics["written"] = int(sum(rows.sum() for rows in chosen))
            selected = Selected(segments, chosen), Selected(parcels, chosen)
            result = SceneResult(scene, *selected, run.classes, metrics, parcels_of_reference)
            with watch.stage("export"):
                written = {"segments": folder / SEGMENTS, **_export(run.exporters, result, folder)}
            run.tracker.scene(source.name, result, written)
    print_summary(source, metrics, written)
    return metrics


def _classified(
    stitched: Iterator[geopandas.GeoDataFrame], scene: Scene, run: _Run, watch: Stopwatch
) -> Iterator[geopandas.GeoDataFrame]:
    """Give the segments their classes, batch by batch as they come."""
    while True:
        give_back()
        with watch.stage("stitch"):
            batch = next(stitched, None)
        if batch is None:
            return
        with watch.stage("classify"):
            batch = classify(scene, batch, run.classifier, run.cfg.parcels.chips_in_memory)
        yield batch


def _export(exporters: Mapping[str, Exporter], result: SceneResult, folder: Path) -> dict[str, Path]:
    """Write every format, the figures last, so that they hold the seconds of the others."""
    last_metrics = sorted(exporters, key=lambda name: name == "metrics")
    written = {}
    for name in last_metrics:
        give_back()  # what a format needed is of no use to the next
        written[name] = exporters[name].write(result, folder)
    return written


def _fingerprint(cfg: DictConfig, source: Source, min_area: float) -> dict[str, object]:
    options: dict[str, Any] = {name: OmegaConf.to_container(cfg[name], resolve=True) for name in _PART_OPTIONS}
    weights = identities_of_weights(options)
    return {
        "version": __version__,
        "scene": source.identity(),
        "min_area": min_area,
        "options": options,
        "weights": weights,
    }


def _metrics(source: Source, scene: Scene, parts: Parts, segments: Batches, rounds: int) -> dict[str, Any]:
    return {
        "scene": {
            "name": source.name,
            "path": str(scene.path.resolve()),
            "width": scene.width,
            "height": scene.height,
            "crs": scene.crs.to_string() if scene.crs else None,
            "transform": list(scene.transform)[:6],
            "georeference": "stored" if scene.georeference.is_stored else "found",
            "bands": list(scene.bands),
            "area_of_interest": scene.region.file,
            "valid_pixels": parts.valid_pixels,
        },
        "parcels": sum(map(len, segments)),
        "coverage": coverage_by_round(segments, parts.valid_pixels, rounds),
        "tiles": {"computed": parts.computed, "reused": parts.reused, "lost": _lost(parts.lost)},
    }


def _lost(lost: Mapping[str, Lost[Tile]]) -> list[dict[str, Any]]:
    """Lost tiles as they stand in ``metrics.json``; the window is x0, y0, x1, y1, scene px, the last two exclusive."""
    return [{"tile": name, "window": list(one.item.bounds), "reason": one.reason} for name, one in sorted(lost.items())]


def _areas(parcels: Batches) -> dict[str, Any]:
    """Parcels and area of each class that occurs, m² with a CRS, else px."""
    unit = "area_m2" if "area_m2" in parcels[0] else "area_px"
    numbers = pandas.concat([batch[["class_name", unit]] for batch in parcels])
    sums = numbers.groupby("class_name")[unit].agg(["size", "sum"])
    classes = {str(name): {"parcels": int(row["size"]), unit: float(row["sum"])} for name, row in sums.iterrows()}
    return {"classes": classes}

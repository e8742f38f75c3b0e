"""Cut chips from scenes with reference parcels, as ``data=labelled_scenes`` cuts them, into class folders."""

import logging
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from hydra.utils import instantiate
from omegaconf import DictConfig, OmegaConf

from isagrsc2 import __version__
from isagrsc2.classification.chips import cut_chip
from isagrsc2.classification.data.closed_scene import ClosedScene
from isagrsc2.classification.data.scene_split import SIDES, TRAIN, check_shares, split_scenes
from isagrsc2.classification.data.segment_choice import ChosenPolygon, SegmentChoice, SegmentFinder
from isagrsc2.engines.engine import EngineError
from isagrsc2.errors import InputError
from isagrsc2.options import check_whole
from isagrsc2.reference.parcels import NoReferenceError, Reference
from isagrsc2.scene.area_of_interest import OutsideAreaError
from isagrsc2.scene.raster import Scene
from isagrsc2.scene.sources import Source
from isagrsc2.tasks.label_chips.chip_folder import CLASS_FOLDERS, MANIFEST, ChipFolder, PlannedChip
from isagrsc2.weights.identity import identities_of_weights

logger = logging.getLogger(__name__)

# Value of `reference` that stands for "not given".
_NONE = "none"
# Where scenes that have to be made first are written, below the output folder.
_SCENES = "scenes"
# Options that chips depend on.
_RECORDED = ("scene", "reference", "seed", "data")
# Scenes named in a message; more are counted.
_NAMED = 3


class _NotGivenError(InputError):
    """There is no reference, and no other scene will have one."""


@dataclass(frozen=True)
class _Labelled:
    """A scene with its reference."""

    source: Source
    scene: ClosedScene
    reference: Reference


@dataclass(frozen=True)
class _Chosen:
    """A scene with what becomes chips."""

    labelled: _Labelled
    polygons: Sequence[ChosenPolygon]

    @property
    def cultivated(self) -> float:
        """Share of the chips, 0 where there are none."""
        return sum(one.label for one in self.polygons) / max(1, len(self.polygons))


@dataclass(frozen=True)
class _Scenes:
    """Scenes that are labelled; of the others, by what a person would call them, why not."""

    labelled: list[_Labelled]
    without: dict[str, NoReferenceError | OutsideAreaError]
    failed: dict[str, InputError]


def label_chips(cfg: DictConfig) -> int:
    """Cut chips of every scene that has a reference; one bad scene does not stop the others.

    Args:
        cfg: composed from ``conf/label_chips.yaml``.

    Returns:
        Number of chips.

    Raises:
        InputError: no scene has a reference, none gives a chip, the only scene cannot be used, an option does not fit, or
            the output folder holds files of somebody else.
        SystemExit: with 1, when some of several scenes failed; they are listed, the others are written.
    """
    check_whole("data.chip_size", cfg.data.chip_size, 1)
    shares = cfg.data.val_share, cfg.data.test_share
    if any(shares):
        check_shares(*shares)
    choice = SegmentChoice(*(cfg.data[name] for name in SegmentChoice.__dataclass_fields__))
    finder: SegmentFinder = instantiate(cfg.data.finder)
    folder = ChipFolder.open(Path(cfg.output_dir))
    scenes = _open_all(cfg, choice)
    chosen = _choose_all(scenes, choice, finder, cfg.seed)
    if not any(one.polygons for one in chosen):
        raise InputError(
            f"no chips: none of the parcels and segments of {_listed([one.source.origin for one in scenes.labelled])} fits; "
            "check reference=, or change data.max_inside, data.min_inside or data.min_area."
        )
    sides = _split(chosen, shares, cfg.seed)
    planned = [_planned(one, side) for one, side in zip(chosen, sides, strict=True)]
    chips = [chip for own in planned for chip in own]
    folder.begin(chips, _record(cfg, chosen, sides, scenes))
    for one, own in zip(chosen, planned, strict=True):
        with one.labelled.scene.open() as scene:
            for chip in own:
                folder.write(chip, cut_chip(scene, chip.chosen.polygon, cfg.data.chip_size))
    _tell(chips, folder.root)
    if scenes.failed:
        logger.error("%d of %d scenes could not be used:", len(scenes.failed), len(scenes.failed) + len(chosen))
        for origin, error in scenes.failed.items():
            logger.error("  %s", error if origin in str(error) else f"{origin}: {error}")
        sys.exit(1)
    return len(chips)


def _open_all(cfg: DictConfig, choice: SegmentChoice) -> _Scenes:
    """Open every scene and read its reference, all of them before the first is segmented: a mistake shows at once."""
    given = str(cfg.reference)
    if given != _NONE and not Path(given).exists():
        raise InputError(f"{given} does not exist; check reference=.")
    # A reference that is a raster may lie among the images.
    sources = [one for one in instantiate(cfg.scene, _convert_="all").sources() if not _is_file(one.origin, given)]
    if not sources:
        raise InputError(f"{given} is all that scene.path names; give the image as scene.path and its parcels as reference.")
    found = _Scenes([], {}, {})
    for source in sources:
        try:
            found.labelled.append(_open(source, given, choice, Path(cfg.output_dir, _SCENES, source.name)))
        except InputError as error:
            if len(sources) == 1 or isinstance(error, _NotGivenError):
                raise
            if isinstance(error, NoReferenceError | OutsideAreaError):
                found.without[source.origin] = error
            else:
                logger.error("%s", error)
                found.failed[source.origin] = error
    if not found.labelled:
        origin, reason = next(iter((found.failed or found.without).items()))
        raise InputError(f"none of {len(sources)} scenes can be used; {origin}: {reason}")
    if found.without:
        logger.info("without reference, or outside the area of interest, left out: %s", _listed(list(found.without)))
    return found


def _is_file(origin: str, given: str) -> bool:
    return given != _NONE and Path(origin).absolute() == Path(given).absolute()


def _open(source: Source, given: str, choice: SegmentChoice, folder: Path) -> _Labelled:
    scene, own = _open_in(source, folder)
    with scene:
        reference = own if given == _NONE else given
        if reference == _NONE:
            raise _NotGivenError(
                "reference is missing; give reference=PARCELS, one file for all scenes or a folder with one per scene, named "
                "like the image: LabelMe, GeoJSON, GeoPackage, shapefile, GeoParquet, VIA JSON or a label raster."
            )
        return _Labelled(source, ClosedScene.of(source.name, scene), choice.read_reference(Path(reference), scene))


def _open_in(source: Source, folder: Path) -> tuple[Scene, str]:
    """Open a scene with a folder for what has to be made first; the folder stays only if something was."""
    folder.mkdir(parents=True, exist_ok=True)
    try:
        return source.open(folder)
    finally:
        for empty in (folder, folder.parent):
            if not any(empty.iterdir()):
                empty.rmdir()


def _choose_all(scenes: _Scenes, choice: SegmentChoice, finder: SegmentFinder, seed: int) -> list[_Chosen]:
    """Find the segments of every labelled scene and draw its chips; scenes where that fails join those that failed."""
    chosen: list[_Chosen] = []
    for one in scenes.labelled:
        try:
            with one.scene.open() as scene:
                segments = finder.find(one.source, scene)
                polygons = choice.choose(scene, one.reference, segments, one.scene.generator(seed))
        except InputError as error:
            if (one is scenes.labelled[-1] and not chosen) or isinstance(error, EngineError):
                raise
            logger.error("%s", error)
            scenes.failed[one.source.origin] = error
        else:
            chosen.append(_Chosen(one, polygons))
    return chosen


def _split(chosen: Sequence[_Chosen], shares: tuple[float, float], seed: int) -> list[str]:
    """The side of every scene: that of ``data=labelled_scenes`` with the same shares, or training without any."""
    if not any(shares):
        return [TRAIN] * len(chosen)
    return split_scenes([one.labelled.scene.name for one in chosen], [one.cultivated for one in chosen], *shares, seed)


def _planned(chosen: _Chosen, side: str) -> list[PlannedChip]:
    scene = chosen.labelled.scene
    return [PlannedChip(side, scene.name, scene.image, polygon) for polygon in chosen.polygons]


def _record(cfg: DictConfig, chosen: Sequence[_Chosen], sides: Sequence[str], scenes: _Scenes) -> dict[str, Any]:
    """What the chips were made from and with."""
    everything: Any = OmegaConf.to_container(cfg, resolve=True)
    options = {name: everything[name] for name in _RECORDED}
    stages = {name: stage for name, stage in options["data"]["finder"].items() if isinstance(stage, dict)}
    return {
        "version": __version__,
        "options": options,
        "weights": identities_of_weights(stages),
        "scenes": [_described(one, side) for one, side in zip(chosen, sides, strict=True)],
        "left_out": list(scenes.without),
        "failed": {origin: str(error) for origin, error in scenes.failed.items()},
    }


def _described(chosen: _Chosen, side: str) -> dict[str, Any]:
    labels = [one.label for one in chosen.polygons]
    own = chosen.labelled
    return {
        "name": own.scene.name,
        "split": side,
        "identity": own.source.identity(),
        "reference": {"path": own.reference.source, **own.reference.counts()},
        "chips": {name: labels.count(label) for label, name in enumerate(CLASS_FOLDERS)},
    }


def _tell(chips: Sequence[PlannedChip], root: Path) -> None:
    for side in SIDES:
        folders = [chip.class_folder for chip in chips if chip.split == side]
        counts: Mapping[str, int] = {name: folders.count(name) for name in CLASS_FOLDERS[::-1]}
        if folders:
            logger.info("%s: %s", root / side, ", ".join(f"{count} {name}" for name, count in counts.items()))
        if folders and not all(counts.values()):
            (missing,) = (name for name, count in counts.items() if count == 0)
            logger.warning("%s has no %s chips; data=image_folder needs both classes on every side.", root / side, missing)
    logger.info("where each comes from: %s", root / MANIFEST)
    logger.info("python train.py data=image_folder data.root=%s", root)


def _listed(names: Sequence[str]) -> str:
    more = f" and {len(names) - _NAMED} more" if len(names) > _NAMED else ""
    return f"{', '.join(names[:_NAMED])}{more}"

"""Pictures of an evaluation of parcels: where every scene agrees with its reference, and the worst scenes together."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyproj
from PIL import Image

from isagrsc2.export.sheet import DOT, LegendEntry, compose_sheet
from isagrsc2.figures.agreement import Agreement, area_legend, draw_agreement, outcome_legend
from isagrsc2.figures.worst_scenes import SIDE, ScenePanel, draw_worst_scenes
from isagrsc2.files import replacing
from isagrsc2.metrics.rounds import RoundCounts
from isagrsc2.metrics.scoring import DetailedCounts
from isagrsc2.reference.parcels import Reference
from isagrsc2.scene.raster import StretchMeasure
from isagrsc2.tasks.ground_scale import ground_scale
from isagrsc2.tasks.parcels_results import Result

FOLDER = "agreement"
WORST = "worst_scenes.png"
PERFECT = "segments a perfect classifier would keep"


@dataclass(frozen=True)
class Evaluated:
    """One scene with its counts."""

    result: Result
    reference: Reference
    counts: DetailedCounts

    @property
    def shown(self) -> RoundCounts:
        """Counts after the last round of what pictures show."""
        scene = self.counts.scene
        return (scene.oracle_class if self.counts.shown.perfect else scene.rounds)[-1]


def draw_pictures(scenes: Sequence[Evaluated], folder: Path, stretch: StretchMeasure, size: int, worst: int) -> dict[str, Path]:
    """Draw ``agreement/<scene>.png`` of every scene, and ``worst_scenes.png``.

    Args:
        scenes: at least one.
        folder: takes them.
        stretch: of the images.
        size: long side of the map in the picture of a scene, px.
        worst: scenes on the sheet, at most.

    Returns:
        The sheet by its name in dashboards; the pictures of scenes are many.
    """
    (folder / FOLDER).mkdir(exist_ok=True)
    panels: list[ScenePanel] = []
    names = picture_names([scene.result.name for scene in scenes])
    for number in worst_first(scenes):
        one = scenes[number]
        agreement = _agreement(one)
        with one.result.open(stretch) as raster:
            scale = ground_scale(raster)
            picture = draw_agreement(raster, agreement, size)
            crs = "no CRS" if raster.crs is None else pyproj.CRS.from_user_input(raster.crs).name
            metres = None if scale.unit == "px" else scale.width * raster.width / picture.shape[1]
            if len(panels) < worst:
                panels.append(ScenePanel(names[number], _scores(one), draw_agreement(raster, agreement, SIDE)))
        subtitle = f" {DOT} ".join([_scores(one), *([PERFECT] if one.counts.shown.perfect else []), crs])
        sheet = compose_sheet(picture, one.result.name, subtitle, _legend(one), metres)
        with replacing(folder / FOLDER / f"{names[number]}.png") as temporary:
            Image.fromarray(sheet).save(temporary, format="PNG")
    perfect = any(scene.counts.shown.perfect for scene in scenes)
    draw_worst_scenes(panels, len(scenes), PERFECT if perfect else "", folder / WORST)
    return {"parcels/worst_scenes": folder / WORST}


def worst_first(scenes: Sequence[Evaluated]) -> list[int]:
    """Positions of the scenes by object F1; by area IoU where the reference has areas only; undefined ones last."""

    def score(number: int) -> float:
        scores = scenes[number].shown.scores()
        value = scores["area_iou"] if scenes[number].reference.areas_only else scores["object_f1"]
        return math.inf if value is None else value

    return sorted(range(len(scenes)), key=score)


def picture_names(names: Sequence[str]) -> list[str]:
    """Names of files, different where several results are of one scene."""
    seen: dict[str, int] = {}
    distinct = []
    for name in names:
        seen[name] = seen.get(name, 0) + 1
        distinct.append(name if seen[name] == 1 else f"{name}_{seen[name]}")
    return distinct


def _agreement(scene: Evaluated) -> Agreement:
    geometries = scene.result.segments.geometry.to_numpy()
    shown = scene.counts.shown
    # Ids of parcels are positions from 1.
    return Agreement(
        np.asarray(geometries[shown.segments], dtype=object),
        np.asarray(geometries[shown.outcomes.invented - 1], dtype=object),
        scene.reference,
        shown.outcomes,
    )


def _legend(scene: Evaluated) -> list[LegendEntry]:
    if not scene.reference.areas_only:
        return outcome_legend(scene.counts.shown.outcomes)
    area = scene.shown.area
    return area_legend(area.true_positive, area.false_negative, area.false_positive)


def _scores(scene: Evaluated) -> str:
    scores = scene.shown.scores()
    area = f"area IoU {_text(scores['area_iou'])}"
    if scene.reference.areas_only:
        return area
    found = f"{scores['matched_parcels']} of {scores['reference_parcels']} found"
    return f" {DOT} ".join([f"F1 {_text(scores['object_f1'])}", area, found])


def _text(value: float | None) -> str:
    return "undefined" if value is None else f"{value:.3f}"

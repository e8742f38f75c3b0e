"""Scenes of an evaluation of parcels, as dashboards show them: opened again, and only when they are asked for."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from pathlib import Path

import geopandas
import pyproj
import shapely

from isagrsc2.export.result import SceneResult
from isagrsc2.export.segments import FILE as SEGMENTS
from isagrsc2.parcels import area_and_perimeter, move
from isagrsc2.scene.raster import Scene, StretchMeasure
from isagrsc2.tasks.evaluation import ComparedScene
from isagrsc2.tasks.parcels_pictures import FOLDER, Evaluated, picture_names


def compared_scenes(scenes: Sequence[Evaluated], folder: Path, stretch: StretchMeasure) -> list[ComparedScene]:
    """Make the scenes ready to be shown.

    Args:
        scenes: those that were compared.
        folder: holds their pictures.
        stretch: of the images.
    """
    names = picture_names([scene.result.name for scene in scenes])
    return [
        ComparedScene(
            name,
            partial(_open, scene, stretch),
            {
                "overlay": folder / FOLDER / f"{name}.png",
                "segments": scene.result.folder / SEGMENTS,
                "metrics": scene.result.folder / "metrics.json",
            },
        )
        for name, scene in zip(names, scenes, strict=True)
    ]


@contextmanager
def _open(compared: Evaluated, stretch: StretchMeasure) -> Iterator[SceneResult]:
    result = compared.result
    with result.open(stretch) as scene:
        measured = _measured(result.segments, scene)
        yield SceneResult(scene, [result.segments], [measured], result.classes, dict(result.figures), compared.reference)


def _measured(segments: geopandas.GeoDataFrame, scene: Scene) -> geopandas.GeoDataFrame:
    """The segments with their sizes on the ground, else in px; their shape stays as it was compared."""
    geometries = segments.geometry.to_numpy()
    if scene.crs is None:
        return segments.assign(area_px=shapely.area(geometries), perimeter_px=shapely.length(geometries))
    areas, perimeters = area_and_perimeter(move(geometries, scene.transform), pyproj.CRS.from_user_input(scene.crs))
    return segments.assign(area_m2=areas, perimeter_m=perimeters)

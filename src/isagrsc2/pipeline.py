"""The way of the data, on one page: raster, tiles, rounds, refinement, merging, stitching, classes, parcels."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache, partial
from typing import Protocol

import geopandas
import numpy as np
import numpy.typing as npt
import shapely

from isagrsc2.classification.predictor import Classifier
from isagrsc2.classification.segments import classify_segments
from isagrsc2.delineation.merging import Merging
from isagrsc2.delineation.rounds import Prompting, find_segments
from isagrsc2.delineation.segments import Segments
from isagrsc2.delineation.stitching import Part, Stitching, stitch
from isagrsc2.engines.local import Engine
from isagrsc2.parcels.table import SEGMENT_COLUMNS, empty_segments
from isagrsc2.parts import PartStore
from isagrsc2.scene.polygons import polygonise
from isagrsc2.scene.raster import Scene
from isagrsc2.scene.tiling import Tile, Tiling
from isagrsc2.segmenters.protocol import Segmenter
from isagrsc2.stopwatch import Stopwatch


class Refinement(Protocol):
    """Splits segments that hold several parcels."""

    def refine(self, segments: Segments, image: npt.NDArray[np.uint8], segmenter: Segmenter, min_area: float) -> Segments:
        """Return the segments of one tile, some of them replaced by their pieces."""
        ...


@dataclass(frozen=True)
class Method:
    """How a scene is delineated.

    Attributes:
        tiling: how the raster is cut.
        segmenter: finds masks at points.
        prompting: where it is asked, round by round.
        refinement: what is segmented again.
        merging: how the segments of a tile become a partition.
        stitching: how the partitions of tiles become one.
    """

    tiling: Tiling
    segmenter: Segmenter
    prompting: Prompting
    refinement: Refinement
    merging: Merging
    stitching: Stitching


@dataclass(frozen=True)
class TileDone:
    """News of a finished tile.

    Attributes:
        parcels: segments found in its window.
        seconds: per stage.
        memory_mb: peak per stage; see ``Stopwatch``.
    """

    parcels: int
    seconds: dict[str, float]
    memory_mb: dict[str, float]


@dataclass(frozen=True)
class Delineated:
    """A scene without classes.

    Attributes:
        segments: table with ``SEGMENT_COLUMNS``, all unclassified; pixel-exact polygons, scene px.
        valid_pixels: px of the scene that hold data.
        computed: tiles segmented now.
        reused: tiles whose parts were there.
        seconds: per stage, summed over tiles.
        memory_mb: peak per stage, that of the worst tile.
    """

    segments: geopandas.GeoDataFrame
    valid_pixels: int
    computed: int
    reused: int
    seconds: dict[str, float]
    memory_mb: dict[str, float]


def segment_tile(scene: Scene, method: Method, min_area: float, store: PartStore, tile: Tile) -> TileDone:
    """Segment one tile and write its part."""
    watch = Stopwatch()
    with watch.stage("read"):
        image, valid = scene.read(tile.window)  # (H, W, 3), (H, W)
    segments = Segments.empty((image.shape[0], image.shape[1]))
    if valid.any():
        with watch.stage("segment"):
            segments = find_segments(image, valid, method.segmenter, method.prompting, min_area)
        with watch.stage("refine"):
            segments = method.refinement.refine(segments, image, method.segmenter, min_area)
    with watch.stage("merge"):
        partition = method.merging.merge(segments, valid, min_area)
        ids, polygons = polygonise(partition.labels, tile.bounds[:2])
        rows = ids - 1
        part = Part(
            tile.bounds,
            tile.core_bounds,
            valid,
            polygons,
            partition.scores[rows],
            partition.stability[rows],
            partition.rounds[rows],
        )
        store.write(tile, part)
    return TileDone(len(polygons), watch.seconds, watch.memory_mb)


def delineate(
    scene: Scene,
    method: Method,
    min_area: float,
    store: PartStore,
    engine: Engine,
    announce: Callable[[list[Tile], list[Tile]], Callable[[TileDone], None]],
) -> Delineated:
    """Find the segments of a scene.

    Args:
        scene: the raster, open.
        method: how.
        min_area: minimum mapping unit, px.
        store: where parts lie; tiles whose part is there are not computed again.
        engine: where tiles are computed.
        announce: is told the tiles to compute and those done before; what it returns is told of every finished tile.
    """
    watch = Stopwatch()
    tiles = method.tiling.tiles(scene.width, scene.height)
    todo = [tile for tile in tiles if not store.holds(tile)]
    tell = announce(todo, [tile for tile in tiles if store.holds(tile)])
    for done in engine.map(partial(segment_tile, scene, method, min_area, store), todo):
        watch.add(done.seconds, done.memory_mb)
        tell(done)

    # A tile and the eight around it, and those of the next one.
    @lru_cache(maxsize=12)
    def load(number: int) -> Part:
        return store.read(tiles[number])

    with watch.stage("stitch"):
        size = scene.width, scene.height
        stitched = stitch([tile.bounds for tile in tiles], load, size, min_area, method.stitching)
        valid_pixels = sum(_valid_in_core(load(number)) for number in range(len(tiles)))
    columns = {
        "parcel_id": np.arange(1, len(stitched) + 1),
        "class_name": ["unclassified"] * len(stitched),
        "p_cultivated": np.full(len(stitched), np.nan),
        "score": [parcel.score for parcel in stitched],
        "round": [parcel.round for parcel in stitched],
    }
    segments = empty_segments()
    if stitched:
        polygons = [parcel.polygon for parcel in stitched]
        segments = geopandas.GeoDataFrame(columns, geometry=polygons).astype(SEGMENT_COLUMNS)
    computed, reused = len(todo), len(tiles) - len(todo)
    return Delineated(segments, valid_pixels, computed, reused, watch.seconds, watch.memory_mb)


def classify(scene: Scene, segments: geopandas.GeoDataFrame, classifier: Classifier, batch: int) -> geopandas.GeoDataFrame:
    """Give every segment its class; ``batch`` chips are in memory at a time."""
    names, p_cultivated = classify_segments(scene, segments.geometry.to_list(), classifier, batch)
    return segments.assign(class_name=names, p_cultivated=p_cultivated).astype(SEGMENT_COLUMNS)


def coverage_by_round(segments: geopandas.GeoDataFrame, valid_pixels: int, rounds: int) -> list[float]:
    """Share of the valid pixels covered after round 1, after rounds 1 and 2, ...; 0 where nothing is valid."""
    areas = shapely.area(segments.geometry.to_numpy())
    found = segments["round"].to_numpy()
    total = max(valid_pixels, 1)
    return [float(areas[found <= number].sum() / total) for number in range(1, rounds + 1)]


def _valid_in_core(part: Part) -> int:
    x0, y0, x1, y1 = part.core
    dx, dy = part.bounds[:2]
    return int(np.count_nonzero(part.valid[y0 - dy : y1 - dy, x0 - dx : x1 - dx]))

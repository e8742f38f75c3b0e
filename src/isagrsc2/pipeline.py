"""The way of the data, on one page: raster, tiles, rounds, refinement, merging, stitching, classes, parcels."""

import logging
import time
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
from isagrsc2.engines.engine import Engine, EngineError, Lost
from isagrsc2.parcels.table import SEGMENT_COLUMNS, empty_segments
from isagrsc2.parts import PartStore
from isagrsc2.scene.polygons import polygonise
from isagrsc2.scene.raster import Scene
from isagrsc2.scene.tiling import Tile, Tiling
from isagrsc2.segmenters.protocol import Segmenter
from isagrsc2.stopwatch import Stopwatch

logger = logging.getLogger(__name__)

# Parts in memory while tiles are stitched; one of 1024 px takes some 1.3 MB.
_PARTS_AT_HAND = 128

# How long a part that another machine wrote may stay unseen, s: network file systems remember for a minute what was not there.
_UNSEEN = 120.0


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
        tile: which.
        parcels: segments found in its window.
        seconds: per stage.
        memory_mb: peak per stage; see ``Stopwatch``.
    """

    tile: Tile
    parcels: int
    seconds: dict[str, float]
    memory_mb: dict[str, float]


@dataclass(frozen=True)
class Delineated:
    """A scene without classes.

    Attributes:
        segments: table with ``SEGMENT_COLUMNS``, all unclassified; pixel-exact polygons, scene px.
        valid_pixels: px of the scene that hold data, without those that only lost tiles answer for.
        computed: tiles segmented now.
        reused: tiles whose parts were there.
        lost: tiles that could not be segmented, row by row; where they are, there are gaps.
        seconds: per stage, summed over tiles.
        memory_mb: peak per stage, that of the worst tile.
    """

    segments: geopandas.GeoDataFrame
    valid_pixels: int
    computed: int
    reused: int
    lost: list[Lost[Tile]]
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
    return TileDone(tile, len(polygons), watch.seconds, watch.memory_mb)


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

    Raises:
        InputError: the scene cannot be read.
        EngineError: the engine cannot go on; the parts of finished tiles are there.
    """
    watch = Stopwatch()
    tiles = method.tiling.tiles(scene.width, scene.height)
    todo = [tile for tile in tiles if not store.holds(tile)]
    tell = announce(todo, [tile for tile in tiles if store.holds(tile)])
    lost: dict[str, Lost[Tile]] = {}
    for done in engine.map(partial(segment_tile, scene, method, min_area, store), todo):
        if isinstance(done, Lost):
            logger.error("%s could not be segmented: %s", done.item.name, done.reason)
            lost[done.item.name] = done
            continue
        _await_part(store, done.tile)
        watch.add(done.seconds, done.memory_mb)
        tell(done)

    # A tile, those around it and all between are at hand; of very wide scenes parts are read again for the next row.
    width = sum(tile.bounds[1] == 0 for tile in tiles)

    @lru_cache(maxsize=min(2 * width + 3, _PARTS_AT_HAND))
    def load(number: int) -> Part:
        tile = tiles[number]
        return _gap(tile) if tile.name in lost else store.read(tile)

    with watch.stage("stitch"):
        size = scene.width, scene.height
        stitched = list(stitch([tile.bounds for tile in tiles], load, size, min_area, method.stitching))
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
    computed, reused = len(todo) - len(lost), len(tiles) - len(todo)
    gaps = [lost[name] for name in sorted(lost)]
    return Delineated(segments, valid_pixels, computed, reused, gaps, watch.seconds, watch.memory_mb)


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


def _await_part(store: PartStore, tile: Tile) -> None:
    """See that a finished part is here too: where workers write elsewhere, there would be holes."""
    give_up = time.monotonic() + _UNSEEN
    while not store.holds(tile):
        if time.monotonic() > give_up:
            raise EngineError(
                f"{store.path(tile)} was written, but is not here; choose an output_dir= that workers and this machine share."
            )
        time.sleep(1)


def _gap(tile: Tile) -> Part:
    """The part of a lost tile: nothing in it is valid."""
    valid = np.zeros((int(tile.window.height), int(tile.window.width)), bool)
    none = np.zeros(0, np.float32)
    return Part(tile.bounds, tile.core_bounds, valid, none.astype(object), none, none, none.astype(np.int16))


def _valid_in_core(part: Part) -> int:
    x0, y0, x1, y1 = part.core
    dx, dy = part.bounds[:2]
    return int(np.count_nonzero(part.valid[y0 - dy : y1 - dy, x0 - dx : x1 - dx]))

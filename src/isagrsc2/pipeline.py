"""The way of the data, on one page: raster, tiles, rounds, refinement, merging, stitching, classes, parcels."""

import logging
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property, lru_cache, partial
from itertools import islice
from typing import Any, Protocol

import geopandas
import numpy as np
import numpy.typing as npt
import shapely

from isagrsc2.classification.predictor import Classifier
from isagrsc2.classification.segments import classify_segments
from isagrsc2.delineation.merging import Merging, fill_gaps
from isagrsc2.delineation.part import Part
from isagrsc2.delineation.rounds import Prompting, find_segments
from isagrsc2.delineation.segments import Segments
from isagrsc2.delineation.stitching import Spread, Stitched, Stitching, stitch
from isagrsc2.engines.engine import Engine, EngineError, Lost
from isagrsc2.parcels.row_groups import Batches
from isagrsc2.parcels.table import SEGMENT_COLUMNS, empty_segments
from isagrsc2.parts import PartStore
from isagrsc2.scene.polygons import polygonise
from isagrsc2.scene.raster import Scene
from isagrsc2.scene.read_ahead import ReadAhead
from isagrsc2.scene.superres.protocol import SuperResolution
from isagrsc2.scene.superres.reduction import reduce_mask, reduce_partition
from isagrsc2.scene.superres.surroundings import WindowReader, enlarge_surrounded, read_surrounded, surroundings
from isagrsc2.scene.tiling import Tile, Tiling
from isagrsc2.segmenters.protocol import Segmenter
from isagrsc2.stopwatch import Stopwatch

logger = logging.getLogger(__name__)

# Parts in memory while tiles are stitched: those around a tile and around the next; one of 1024 px takes 1 to 3 MB.
_PARTS_AT_HAND = 16

# From so many tiles on it pays to start processes that join them.
_MANY_TILES = 64

# Segments that are classified, simplified and written together; some 10 MB.
_ROWS = 2048

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
        tiling: how large tiles are when they are segmented.
        superres: how they are enlarged before.
        segmenter: finds masks at points.
        prompting: where it is asked, round by round.
        refinement: what is segmented again.
        merging: how the segments of a tile become a partition.
        stitching: how the partitions of tiles become one.
    """

    tiling: Tiling
    superres: SuperResolution
    segmenter: Segmenter
    prompting: Prompting
    refinement: Refinement
    merging: Merging
    stitching: Stitching

    @property
    def scene_tiling(self) -> Tiling:
        """How the raster is cut, scene px: enlarged, tiles have the size that ``tiling`` says."""
        return self.tiling.enlarged_by(self.superres.scale)


def tiles_of(scene: Scene, method: Method) -> list[Tile]:
    """The tiles that answer for any of the scene's region, row by row."""
    return [tile for tile in method.scene_tiling.tiles(scene.width, scene.height) if scene.region.touches(tile.core)]


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
class Parts:
    """A scene whose tiles are done; what they found lies in the store.

    Attributes:
        valid_pixels: px of the scene that hold data, without those that only lost tiles answer for.
        computed: tiles segmented now.
        reused: tiles whose parts were there.
        lost: tiles that could not be segmented, by name; where they are, there are gaps.
        seconds: per stage, summed over tiles.
        memory_mb: peak per stage, that of the worst tile.
    """

    valid_pixels: int
    computed: int
    reused: int
    lost: dict[str, Lost[Tile]]
    seconds: dict[str, float]
    memory_mb: dict[str, float]


def segment_tile(
    reader: WindowReader, size: tuple[int, int], method: Method, min_area: float, store: PartStore, tile: Tile
) -> TileDone:
    """Segment one tile, enlarged, and write its part in scene px; ``size`` is width and height of the scene."""
    watch = Stopwatch()
    scale = method.superres.scale
    with watch.stage("read"):
        surrounded = read_surrounded(reader, tile.window, method.superres.margin, size)
    with watch.stage("superres"):
        image, valid = enlarge_surrounded(*surrounded, method.superres)  # (s H, s W, 3), (s H, s W)
    segments = Segments.empty((image.shape[0], image.shape[1]))
    if valid.any():
        with watch.stage("segment"):
            segments = find_segments(image, valid, method.segmenter, method.prompting, min_area * scale**2)
        with watch.stage("refine"):
            segments = method.refinement.refine(segments, image, method.segmenter, min_area * scale**2)
    with watch.stage("merge"):
        partition = method.merging.merge(segments, valid, min_area * scale**2)
        labels, rows = reduce_partition(partition.labels, scale, min_area)  # (H, W), (N,)
        valid = reduce_mask(valid, scale)
        # Crumbs of what fell apart are gaps now; without enlargement there are none.
        ids, polygons = polygonise(fill_gaps(labels, valid, min_area), tile.bounds[:2])
        rows = rows[ids - 1]
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


def segment_tiles(
    scene: Scene,
    method: Method,
    min_area: float,
    store: PartStore,
    engine: Engine,
    announce: Callable[[list[Tile], list[Tile]], Callable[[TileDone], None]],
) -> Parts:
    """Segment the tiles of a scene.

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
    tiles = tiles_of(scene, method)
    todo = [tile for tile in tiles if not store.holds(tile)]
    tell = announce(todo, [tile for tile in tiles if store.holds(tile)])
    lost: dict[str, Lost[Tile]] = {}
    size = scene.width, scene.height
    with ReadAhead(scene, [surroundings(tile.window, method.superres.margin, size) for tile in todo]) as reader:
        for done in engine.map(partial(segment_tile, reader, size, method, min_area, store), todo):
            if isinstance(done, Lost):
                logger.error("%s could not be segmented: %s", done.item.name, done.reason)
                lost[done.item.name] = done
                continue
            _await_part(store, done.tile)
            watch.add(done.seconds, done.memory_mb)
            tell(done)
    valid_pixels = sum(_valid_in_core(tile, store.valid(tile)) for tile in tiles if tile.name not in lost)
    return Parts(valid_pixels, len(todo) - len(lost), len(tiles) - len(todo), lost, watch.seconds, watch.memory_mb)


def stitch_parts(
    scene: Scene, method: Method, min_area: float, store: PartStore, parts: Parts, spread: Spread
) -> Iterator[geopandas.GeoDataFrame]:
    """Join what the tiles of a scene found.

    Args:
        scene: the raster.
        method: how.
        min_area: minimum mapping unit, px.
        store: where the parts lie.
        parts: of all tiles.
        spread: see ``stitch``; where there are few tiles they are joined in this process.

    Yields:
        Tables with ``SEGMENT_COLUMNS``, all unclassified; pixel-exact polygons, scene px, from the scene's top to its bottom.
        At least one; only the sole one may be without rows.
    """
    tiles = tiles_of(scene, method)
    load = _PartLoader(tiles, store, frozenset(parts.lost))
    bounds = [(tile.bounds, tile.core_bounds) for tile in tiles]
    size = scene.width, scene.height
    stitched = stitch(bounds, load, size, min_area, method.stitching, spread if len(tiles) >= _MANY_TILES else map)
    found = 0
    while batch := list(islice(stitched, _ROWS)):
        yield _table(batch, found + 1)
        found += len(batch)
    if not found:
        yield empty_segments()


def classify(scene: Scene, segments: geopandas.GeoDataFrame, classifier: Classifier, batch: int) -> geopandas.GeoDataFrame:
    """Give every segment its class; ``batch`` chips are in memory at a time."""
    names, p_cultivated = classify_segments(scene, segments.geometry.to_list(), classifier, batch)
    return segments.assign(class_name=names, p_cultivated=p_cultivated).astype(SEGMENT_COLUMNS)


def coverage_by_round(segments: Batches, valid_pixels: int, rounds: int) -> list[float]:
    """Share of the valid pixels covered after round 1, after rounds 1 and 2, ...; 0 where nothing is valid."""
    areas = np.zeros(rounds + 1)
    for table in segments:
        found = table["round"].to_numpy()
        known = found <= rounds
        areas += np.bincount(found[known], shapely.area(table.geometry.to_numpy()[known]), rounds + 1)
    return [float(share) for share in np.cumsum(areas)[1:] / max(valid_pixels, 1)]


def _table(stitched: Sequence[Stitched], first_id: int) -> geopandas.GeoDataFrame:
    """Stitched parcels as a table; ids go up from the first one."""
    columns = {
        "parcel_id": np.arange(first_id, first_id + len(stitched)),
        "class_name": ["unclassified"] * len(stitched),
        "p_cultivated": np.full(len(stitched), np.nan),
        "score": [parcel.score for parcel in stitched],
        "round": [parcel.round for parcel in stitched],
    }
    return geopandas.GeoDataFrame(columns, geometry=[parcel.polygon for parcel in stitched]).astype(SEGMENT_COLUMNS)


def _await_part(store: PartStore, tile: Tile) -> None:
    """See that a finished part is here too: where workers write elsewhere, there would be holes."""
    give_up = time.monotonic() + _UNSEEN
    while not store.holds(tile):
        if time.monotonic() > give_up:
            raise EngineError(
                f"{store.path(tile)} was written, but is not here; choose an output_dir= that workers and this machine share."
            )
        time.sleep(1)


@dataclass(frozen=True)
class _PartLoader:
    """Reads parts of tiles, and remembers the last ones; another process remembers its own.

    Attributes:
        tiles: all of the scene.
        store: where the parts lie.
        lost: names of tiles without one.
    """

    tiles: Sequence[Tile]
    store: PartStore
    lost: frozenset[str]

    def __call__(self, number: int) -> Part:
        return self._read(number)

    @cached_property
    def _read(self) -> Callable[[int], Part]:
        # A tile, those around it and all between are at hand; of wide scenes parts are read again for the next row.
        width = max(Counter(tile.row for tile in self.tiles).values())

        @lru_cache(maxsize=min(2 * width + 3, _PARTS_AT_HAND))
        def read(number: int) -> Part:
            tile = self.tiles[number]
            return _gap(tile) if tile.name in self.lost else self.store.read(tile)

        return read

    def __reduce__(self) -> tuple[Callable[..., "_PartLoader"], tuple[Any, ...]]:
        return _PartLoader, (self.tiles, self.store, self.lost)


def _gap(tile: Tile) -> Part:
    """The part of a lost tile: nothing in it is valid."""
    valid = np.zeros((int(tile.window.height), int(tile.window.width)), bool)
    none = np.zeros(0, np.float32)
    return Part(tile.bounds, tile.core_bounds, valid, none.astype(object), none, none, none.astype(np.int16))


def _valid_in_core(tile: Tile, valid: npt.NDArray[np.bool_]) -> int:
    x0, y0, x1, y1 = tile.core_bounds
    dx, dy = tile.bounds[:2]
    return int(np.count_nonzero(valid[y0 - dy : y1 - dy, x0 - dx : x1 - dx]))

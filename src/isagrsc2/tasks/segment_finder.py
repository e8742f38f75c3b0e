"""Segments of scenes for training a classifier: found as ``segment.py`` finds them, and kept for the next run."""

import hashlib
import json
import logging
from collections.abc import Callable, Mapping
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from filelock import FileLock
from hydra.utils import instantiate

from isagrsc2 import __version__
from isagrsc2.engines.engine import Engine, EngineError
from isagrsc2.errors import InputError
from isagrsc2.options import check_number
from isagrsc2.parts import PartStore
from isagrsc2.pipeline import Method, TileDone, segment_tiles, stitch_parts
from isagrsc2.scene.raster import Scene
from isagrsc2.scene.sources import Source
from isagrsc2.scene.tiling import Tile
from isagrsc2.tasks.smallest_area import smallest_area
from isagrsc2.weights.identity import identities_of_weights

logger = logging.getLogger(__name__)

# Letters of the hash in a folder's name: 48 bits.
_HASH = 12


class CachedSegmentFinder:
    """Finds segments tile by tile; a scene that was segmented with the same numbers before is read from the cache.

    Stages arrive as configuration and are made when the first scene is asked for: the configuration is what the cache is
    found by, and a finder can be sent to another process without the weights of its segmenter.
    """

    def __init__(self, cache: str, min_area_m2: float, min_area_px: float, engine: Mapping[str, Any], **stages: Any) -> None:
        """Remember how.

        Args:
            cache: folder of the parts, one folder inside for every scene and method.
            min_area_m2: minimum mapping unit of scenes with a CRS, m².
            min_area_px: of scenes without, px.
            engine: configuration of where tiles are computed.
            stages: configurations of the attributes of ``Method``.

        Raises:
            InputError: a number does not fit.
        """
        check_number("data.finder.min_area_m2", min_area_m2, 0)
        check_number("data.finder.min_area_px", min_area_px, 0)
        self._cache = Path(cache)
        self._min_area = (min_area_m2, min_area_px)
        self._engine = engine
        self._stages = stages

    def find(self, file: Source, scene: Scene) -> npt.NDArray[np.object_]:
        """(N,) pixel-exact polygons, scene px.

        Args:
            file: where the scene comes from.
            scene: the scene, open.

        Raises:
            InputError: the cache cannot be written, or the scene cannot be read.
        """
        min_area = smallest_area(scene, *self._min_area)
        options = {name: option for name, option in self._stages.items() if name != "stitching"}  # stitching is not kept
        made_of = {
            "version": __version__,
            "scene": file.identity(),
            "min_area": min_area,
            "options": options,
            "weights": identities_of_weights(options),
        }
        digest = hashlib.sha256(json.dumps(made_of, sort_keys=True).encode()).hexdigest()[:_HASH]
        folder = self._cache / f"{file.name}_{digest}"
        try:
            self._cache.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise InputError(f"{self._cache} cannot be made ({error.strerror}); choose another data.finder.cache.") from None
        # The jobs of a sweep want the same scenes at the same time.
        with FileLock(folder.with_name(f"{folder.name}.lock")):
            store = PartStore.open(folder, made_of)
            parts = segment_tiles(scene, self._method, min_area, store, self._made_engine, _announce(file.name))
            if parts.lost:  # a classifier would take the gap for a place without segments
                reason = next(iter(parts.lost.values())).reason
                raise EngineError(
                    f"{file.origin}: {len(parts.lost)} tiles could not be segmented ({reason}); the same command tries again."
                )
            batches = stitch_parts(scene, self._method, min_area, store, parts, map)
            return np.concatenate([batch.geometry.to_numpy() for batch in batches])

    @cached_property
    def _method(self) -> Method:
        return Method(**{name: instantiate(option, _convert_="all") for name, option in self._stages.items()})

    @cached_property
    def _made_engine(self) -> Engine:
        engine: Engine = instantiate(self._engine, _convert_="all")
        return engine


def _announce(name: str) -> Callable[[list[Tile], list[Tile]], Callable[[TileDone], None]]:
    def begin(todo: list[Tile], done: list[Tile]) -> Callable[[TileDone], None]:
        if todo:
            logger.info("%s: finding segments in %d of %d tiles", name, len(todo), len(todo) + len(done))
        return _pass_over

    return begin


def _pass_over(tile: TileDone) -> None:
    """Tiles of scenes to learn from take seconds; only the scene is announced."""

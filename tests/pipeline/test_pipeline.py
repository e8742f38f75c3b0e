"""The way of the data with a segmenter that knows the answer."""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import geopandas
import numpy as np
import pandas
import pytest
import shapely

from isagrsc2.delineation.merging import Merging
from isagrsc2.delineation.painting import Unpainted
from isagrsc2.delineation.prompts import ResidualPoints
from isagrsc2.delineation.refinement import NoRefinement
from isagrsc2.delineation.rounds import Prompting, Round
from isagrsc2.delineation.searching import ResidualSearch
from isagrsc2.delineation.stitching import Stitching
from isagrsc2.engines.engine import EngineError, Lost
from isagrsc2.engines.local import LocalEngine
from isagrsc2.parts import PartStore
from isagrsc2.pipeline import Method, Parts, TileDone, coverage_by_round, segment_tiles, stitch_parts
from isagrsc2.scene.polygons import rasterise
from isagrsc2.scene.raster import Scene, open_scene
from isagrsc2.scene.stretch import NoStretch
from isagrsc2.scene.superres.none import NoSuperResolution
from isagrsc2.scene.tiling import Tile, Tiling
from isagrsc2.segmenters.dense_candidates import DenseCandidates


@dataclass(frozen=True)
class ColourEmbedding:
    image: np.ndarray
    scale: float = 1.0

    @property
    def tile_shape(self) -> tuple[int, int]:
        return self.image.shape[0], self.image.shape[1]

    mask_shape = tile_shape


@dataclass
class ColourSegmenter:
    """The mask of a point is everything of its colour: exact on images of flat fields."""

    embedded: list[tuple[int, int]] = field(default_factory=list)

    def embed(self, image: np.ndarray) -> ColourEmbedding:
        self.embedded.append(image.shape[:2])
        return ColourEmbedding(image.astype(np.int32) @ np.array([65536, 256, 1]))

    def segment(self, embedding: ColourEmbedding, points: np.ndarray) -> DenseCandidates:
        colours = embedding.image[points[:, 1].astype(int), points[:, 0].astype(int)]
        masks = embedding.image[None] == colours[:, None, None]
        ones = np.ones((len(points), 1), np.float32)
        logits = masks[:, None].astype(np.float32)
        return DenseCandidates(logits, ones, lambda some: np.ones(len(some), np.float32), lambda some: some > 0)


def method(segmenter: Any, size: int, overlap: int = 16) -> Method:
    search = ResidualSearch(ResidualPoints(8, 1), batch=16, min_score=0.5, min_stability=0.5, max_overlap=0.5, reach=8)
    rounds = {f"round_{number}": Round(Unpainted(), search) for number in (1, 2)}
    return Method(
        Tiling(size, overlap),
        NoSuperResolution(),
        segmenter,
        Prompting(rounds, max_rounds=2, min_residual=0.0),
        NoRefinement(),
        Merging(duplicate_iou=0.8, overlap="finer", min_width=1),
        Stitching(min_iou=0.5, min_contained=0.8),
    )


def silent(todo: list[Any], done: list[Any]) -> Callable[[TileDone], None]:
    return lambda tile: None


@pytest.fixture
def fields(write_raster: Callable[..., Path]) -> tuple[Scene, np.ndarray]:
    """A 100 x 80 px scene of 4 x 3 flat fields, each of its own colour; the upper left corner is nodata."""
    labels = np.add.outer(np.arange(80) // 27 * 4, np.arange(100) // 25) + 1
    image = np.stack([labels * 20, 255 - labels * 20, labels * 7 + 30], axis=-1).astype(np.uint8)
    labels[:6, :10] = 0
    image[:6, :10] = 0
    path = write_raster("fields.tif", image, crs="EPSG:32632", nodata=0)
    return open_scene(path, "auto", NoStretch()), labels


@dataclass(frozen=True)
class Found:
    """What both halves of the way give."""

    parts: Parts
    batches: list[geopandas.GeoDataFrame]

    @property
    def segments(self) -> geopandas.GeoDataFrame:
        return pandas.concat(self.batches, ignore_index=True)


def find(scene: Scene, method: Method, folder: Path, engine: Any) -> Found:
    store = PartStore.open(folder, {})
    parts = segment_tiles(scene, method, 4.0, store, engine, silent)
    return Found(parts, list(stitch_parts(scene, method, 4.0, store, parts, map)))


def run(scene: Scene, method: Method, folder: Path, workers: int = 1) -> Found:
    return find(scene, method, folder, LocalEngine(workers))


@pytest.mark.parametrize("size", [200, 48, 33])
def test_fields_come_back_exactly_whatever_the_tiles(fields: tuple[Scene, np.ndarray], size: int, tmp_path: Path) -> None:
    scene, labels = fields
    found = run(scene, method(ColourSegmenter(), size), tmp_path).segments
    burnt = rasterise(found["parcel_id"].to_numpy(), found.geometry.to_numpy(), labels.shape)
    pairs = np.unique(np.stack([burnt.ravel(), labels.ravel()]), axis=1)
    assert pairs.shape[1] == 13  # 12 fields and the nodata corner, one to one
    assert (burnt[:6, :10] == 0).all()


class Repeated:
    """Pixels repeated three times, along each axis; looks two pixels around, and uses none of it."""

    scale, margin = 3, 2

    def enlarge(self, image: np.ndarray) -> np.ndarray:
        return image.repeat(3, axis=0).repeat(3, axis=1)


@pytest.mark.parametrize(("size", "overlap"), [(600, 48), (144, 48)])
def test_enlarged_tiles_give_the_same_fields_in_scene_px(
    fields: tuple[Scene, np.ndarray], size: int, overlap: int, tmp_path: Path
) -> None:
    scene, _ = fields
    segmenter = ColourSegmenter()
    enlarged = run(scene, replace(method(segmenter, size, overlap), superres=Repeated()), tmp_path / "enlarged")
    plain = run(scene, method(ColourSegmenter(), size // 3, overlap // 3), tmp_path / "plain")
    assert enlarged.parts.computed == plain.parts.computed
    assert enlarged.parts.valid_pixels == plain.parts.valid_pixels
    assert enlarged.segments.geometry.equals(plain.segments.geometry)
    assert {max(shape) for shape in segmenter.embedded} == {min(size, 300)}


def test_coverage_counts_valid_pixels_only(fields: tuple[Scene, np.ndarray], tmp_path: Path) -> None:
    scene, _ = fields
    found = run(scene, method(ColourSegmenter(), 48), tmp_path)
    assert found.parts.valid_pixels == 100 * 80 - 60
    assert coverage_by_round(found.batches, found.parts.valid_pixels, 2) == [1.0, 1.0]


def test_every_tile_is_embedded_once_in_two_rounds(fields: tuple[Scene, np.ndarray], tmp_path: Path) -> None:
    segmenter = ColourSegmenter()
    found = run(fields[0], method(segmenter, 48), tmp_path)
    assert len(segmenter.embedded) == found.parts.computed == len(Tiling(48, 16).tiles(100, 80))


def test_finished_tiles_are_not_computed_again(fields: tuple[Scene, np.ndarray], tmp_path: Path) -> None:
    first = run(fields[0], method(ColourSegmenter(), 48), tmp_path)
    lost = sorted(tmp_path.glob("tile_*"))[2]
    lost.unlink()
    segmenter = ColourSegmenter()
    second = run(fields[0], method(segmenter, 48), tmp_path)
    assert len(segmenter.embedded) == second.parts.computed == 1
    assert second.parts.reused == first.parts.computed - 1
    assert second.segments.equals(first.segments)


def test_several_processes_give_the_same(fields: tuple[Scene, np.ndarray], tmp_path: Path) -> None:
    from isagrsc2.segmenters.regions import RegionSegmenter

    regions = RegionSegmenter(1.0, 1.0, 0.0, 15, 0.1, 20, (1.0, 2.0, 4.0), 3.0, 1.1, 1)
    one = run(fields[0], method(regions, 48), tmp_path / "one")
    two = run(fields[0], method(regions, 48), tmp_path / "two", workers=2)
    assert two.segments.equals(one.segments)


def test_segments_are_one_valid_region_each_and_do_not_overlap(fields: tuple[Scene, np.ndarray], tmp_path: Path) -> None:
    polygons = run(fields[0], method(ColourSegmenter(), 48), tmp_path).segments.geometry.to_numpy()
    assert shapely.is_valid(polygons).all()
    assert {polygon.geom_type for polygon in polygons} == {"Polygon"}
    assert shapely.area(polygons).sum() == shapely.union_all(polygons).area


def test_without_a_valid_pixel_nothing_is_embedded(write_raster: Callable[..., Path], tmp_path: Path) -> None:
    scene = open_scene(write_raster("none.tif", np.zeros((40, 40, 3), np.uint8), nodata=0), "auto", NoStretch())
    segmenter = ColourSegmenter()
    found = run(scene, method(segmenter, 32), tmp_path / "parts")
    assert (len(found.segments), found.parts.valid_pixels, segmenter.embedded) == (0, 0, [])
    assert coverage_by_round(found.batches, 0, 2) == [0.0, 0.0]


@dataclass(frozen=True)
class LosingEngine:
    """Gives up the tiles with these names; computes nothing at all where ``elsewhere`` is set."""

    names: tuple[str, ...]
    elsewhere: bool = False

    def map(self, function: Callable[[Tile], TileDone], items: Iterable[Tile]) -> Iterator[TileDone | Lost[Tile]]:
        for tile in reversed(list(items)):
            if tile.name in self.names:
                yield Lost(tile, "it was too hard")
            else:
                yield TileDone(tile, 0, {}, {}) if self.elsewhere else function(tile)

    def close(self) -> None: ...


def test_lost_tiles_are_gaps_and_computed_the_next_time(fields: tuple[Scene, np.ndarray], tmp_path: Path) -> None:
    scene, labels = fields
    tiles = Tiling(48, 16).tiles(100, 80)
    gap, other = tiles[5], tiles[0]
    engine = LosingEngine((gap.name, other.name))
    found = find(scene, method(ColourSegmenter(), 48), tmp_path, engine)
    assert found.parts.lost == {tile.name: Lost(tile, "it was too hard") for tile in (other, gap)}
    assert (found.parts.computed, found.parts.reused) == (len(tiles) - 2, 0)
    burnt = rasterise(found.segments["parcel_id"].to_numpy(), found.segments.geometry.to_numpy(), labels.shape)
    elsewhere = np.ones(labels.shape, bool)
    for tile in (gap, other):
        x0, y0, x1, y1 = tile.bounds
        elsewhere[y0:y1, x0:x1] = False
        x0, y0, x1, y1 = tile.core_bounds
        assert (burnt[y0 + 16 : y1 - 16, x0 + 16 : x1 - 16] == 0).all()  # beyond what the neighbours see
    assert ((burnt > 0) == (labels > 0))[elsewhere].all()
    answered = sum((tile.core.width * tile.core.height) for tile in (gap, other))
    assert found.parts.valid_pixels == 100 * 80 - answered  # the nodata corner lies in a lost tile

    again = run(scene, method(ColourSegmenter(), 48), tmp_path)
    assert (again.parts.computed, again.parts.reused, again.parts.lost) == (2, len(tiles) - 2, {})
    whole = run(scene, method(ColourSegmenter(), 48), tmp_path / "whole")
    assert again.segments.equals(whole.segments)


def test_all_tiles_lost_leave_an_empty_map(fields: tuple[Scene, np.ndarray], tmp_path: Path) -> None:
    engine = LosingEngine(tuple(tile.name for tile in Tiling(48, 16).tiles(100, 80)))
    found = find(fields[0], method(ColourSegmenter(), 48), tmp_path, engine)
    assert (len(found.segments), found.parts.valid_pixels, found.parts.computed) == (0, 0, 0)


def test_parts_that_were_written_elsewhere_end_it(
    fields: tuple[Scene, np.ndarray], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("isagrsc2.pipeline._UNSEEN", -1.0)
    store = PartStore.open(tmp_path, {})
    with pytest.raises(EngineError, match=r"tile_r.*\.parquet was written, but is not here; choose an output_dir="):
        segment_tiles(fields[0], method(ColourSegmenter(), 48), 4.0, store, LosingEngine((), elsewhere=True), silent)

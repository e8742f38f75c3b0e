"""Stitching: hand cases of two tiles, and partitions cut into tiles and put together again."""

from collections.abc import Sequence

import numpy as np
import pytest
import shapely
from hypothesis import given
from hypothesis import strategies as st

from isagrsc2.delineation.components import label_components
from isagrsc2.delineation.part import Part, cut_by_edge
from isagrsc2.delineation.stitching import Stitched, Stitching, links, stitch
from isagrsc2.scene.polygons import polygonise, rasterise
from isagrsc2.scene.tiling import Tile, Tiling

RULE = Stitching(min_iou=0.5, min_contained=0.8)

# A scene of 20 x 10 px in two tiles of 12 px: windows 0..12 and 8..20, overlap 8..12, cores meet at 10.
SIZE = (20, 10)
TILES = Tiling(size=12, overlap=4).tiles(*SIZE)


def part(tile: Tile, labels: np.ndarray, scores: Sequence[float] = (), rounds: Sequence[int] = ()) -> Part:
    """A part of the whole scene's labels (H, W), cut by the tile's window and numbered anew."""
    x0, y0, x1, y1 = tile.bounds
    pieces, _ = label_components(np.ascontiguousarray(labels[y0:y1, x0:x1], np.int32))
    ids, polygons = polygonise(pieces, (x0, y0))
    score = np.resize(np.array(scores or [0.9], np.float32), len(ids))
    number = np.resize(np.array(rounds or [1], np.int16), len(ids))
    return Part(tile.bounds, tile.core_bounds, np.ones((y1 - y0, x1 - x0), bool), polygons, score, score, number)


def join(parts: Sequence[Part], size: tuple[int, int] = SIZE, min_area: float = 1.0) -> list[Stitched]:
    return list(stitch([(one.bounds, one.core) for one in parts], lambda number: parts[number], size, min_area, RULE, map))


def burnt(parcels: Sequence[Stitched], size: tuple[int, int]) -> np.ndarray:
    polygons = np.array([parcel.polygon for parcel in parcels], object)
    return rasterise(np.arange(1, len(parcels) + 1), polygons, (size[1], size[0]))


def same_partition(one: np.ndarray, two: np.ndarray) -> bool:
    """Whether two label rasters differ in numbering only."""
    pairs = np.unique(np.stack([one.ravel(), two.ravel()]), axis=1)
    return len(np.unique(pairs[0])) == pairs.shape[1] == len(np.unique(pairs[1]))


def test_the_tiles_of_the_hand_cases() -> None:
    assert [tile.bounds for tile in TILES] == [(0, 0, 12, 10), (8, 0, 20, 10)]
    assert [tile.core_bounds for tile in TILES] == [(0, 0, 10, 10), (10, 0, 20, 10)]


def test_a_field_larger_than_a_tile_becomes_one_parcel() -> None:
    labels = np.zeros((10, 20), int)
    labels[2:8, 1:19] = 1  # 18 x 6 px, cut by both tiles
    (parcel,) = join([part(tile, labels) for tile in TILES])
    assert parcel.polygon.equals(shapely.box(1, 2, 19, 8))


def test_a_field_in_the_overlap_is_not_counted_twice() -> None:
    labels = np.zeros((10, 20), int)
    labels[3:6, 9:11] = 1  # seen whole by both
    (parcel,) = join([part(tile, labels) for tile in TILES])
    assert parcel.polygon.area == 6


def test_a_parcel_is_drawn_as_the_tile_drew_it_that_saw_it_whole() -> None:
    left, right = np.zeros((10, 20), int), np.zeros((10, 20), int)
    left[2:8, 2:11] = 1  # whole in the left tile, reaching 1 px beyond its core
    right[2:7, 8:11] = 1  # the right tile sees its end only, and 1 px shorter
    (parcel,) = join([part(TILES[0], left), part(TILES[1], right)])
    assert parcel.polygon.equals(shapely.box(2, 2, 11, 8))  # no step where the cores meet at x = 10


def test_the_better_seen_of_two_disagreeing_parcels_keeps_the_pixels() -> None:
    left, right = np.zeros((10, 20), int), np.zeros((10, 20), int)
    left[0:10, 2:11] = 1  # 3 columns (8, 9, 10) of the overlap
    right[0:10, 10:18] = 1  # 2 columns (10, 11): shared 10 px of 40, IoU 0.25
    parcels = join([part(TILES[0], left, [0.9]), part(TILES[1], right, [0.8])])
    assert sorted(parcel.polygon.bounds for parcel in parcels) == [(2, 0, 11, 10), (11, 0, 18, 10)]
    parcels = join([part(TILES[0], left, [0.8]), part(TILES[1], right, [0.9])])
    assert sorted(parcel.polygon.bounds for parcel in parcels) == [(2, 0, 10, 10), (10, 0, 18, 10)]


def test_scores_are_weighted_by_area_and_the_first_round_counts() -> None:
    labels = np.zeros((10, 20), int)
    labels[0:10, 2:19] = 1  # 10 columns of the left window, 11 of the right one
    (parcel,) = join([part(TILES[0], labels, [0.9], [3]), part(TILES[1], labels, [0.6], [2])])
    assert parcel.score == pytest.approx((100 * 0.9 + 110 * 0.6) / 210)
    assert parcel.round == 2


def test_disagreement_links_a_segment_to_one_partner_only() -> None:
    left, right = np.zeros((10, 20), int), np.zeros((10, 20), int)
    left[0:10, 0:10] = 1  # one large field, seen whole; 20 px of it in the overlap
    right[0:6, 8:20] = 1  # the right tile sees two fields, cut by its edge: 24 and 16 px in the overlap, of which 12 and 8
    right[6:10, 8:20] = 2  # lie in the left field: IoU 12 / 32 and 8 / 28, and less than 0.8 of the smaller one
    parts = [part(TILES[0], left), part(TILES[1], right)]
    assert links(*parts, SIZE, RULE) == []
    right[6:10, 10:20] = 0  # now all of the lower one does: it is its end
    parts = [part(TILES[0], left), part(TILES[1], right)]
    assert links(*parts, SIZE, RULE) == [(0, 1)]


def test_what_both_tiles_cut_is_one_parcel_where_one_of_them_sees_no_border() -> None:
    left, right = np.zeros((10, 20), int), np.zeros((10, 20), int)
    left[0:10, 0:12] = 1  # one large field, cut by its tile's edge
    right[0:6, 8:20] = 1  # the right tile cuts two fields, both wholly inside the other's one
    right[6:10, 8:20] = 2
    parts = [part(TILES[0], left), part(TILES[1], right)]
    assert sorted(links(*parts, SIZE, RULE)) == [(0, 0), (0, 1)]
    assert len(join(parts)) == 1  # two would meet the large one along the seam


def test_a_small_whole_does_not_stand_for_a_large_part() -> None:
    left, right = np.zeros((10, 20), int), np.zeros((10, 20), int)
    left[2:8, 9:11] = 1  # 12 px, seen whole by the left tile
    right[0:10, 8:20] = 1  # 120 px, cut by the right tile's edge, hold all of it
    parcels = join([part(TILES[0], left), part(TILES[1], right)])
    assert max(parcel.polygon.area for parcel in parcels) >= 100  # the right tile's core


def test_only_inner_edges_cut() -> None:
    labels = np.zeros((10, 20), int)
    labels[0:3, 0:3] = 1  # touches the scene's own corner
    labels[5:8, 6:14] = 2  # crosses both windows' edges
    assert cut_by_edge(part(TILES[0], labels), SIZE).tolist() == [False, True]
    assert cut_by_edge(part(TILES[1], labels), SIZE).tolist() == [True]


def test_without_segments_there_is_no_parcel() -> None:
    assert join([part(tile, np.zeros((10, 20), int)) for tile in TILES]) == []


@given(st.integers(0, 10_000), st.integers(20, 70), st.integers(20, 70), st.integers(16, 40), st.integers(0, 12))
def test_a_partition_cut_into_tiles_comes_back_whole(seed: int, width: int, height: int, size: int, overlap: int) -> None:
    """Tiles that agree give the partition of the scene, whatever the tiling; without overlap nothing can be linked."""
    rng = np.random.default_rng(seed)
    # Rectangles of a grid with random lines: each label is one 4-connected region.
    columns = np.searchsorted(np.sort(rng.choice(np.arange(4, width), 3, replace=False)), np.arange(width), "right")
    rows = np.searchsorted(np.sort(rng.choice(np.arange(4, height), 2, replace=False)), np.arange(height), "right")
    labels = rows[:, None] * 4 + columns[None] + 1
    parts = [part(tile, labels) for tile in Tiling(size, max(overlap, 4)).tiles(width, height)]
    parcels = join(parts, (width, height))
    assert same_partition(burnt(parcels, (width, height)), labels)
    assert sum(parcel.polygon.area for parcel in parcels) == width * height


@given(st.integers(0, 10_000), st.floats(1, 12))
def test_tiles_that_disagree_still_give_a_partition(seed: int, min_area: float) -> None:
    """Whatever tiles say: no overlap, valid geometry, one region each, and nothing below the minimum mapping unit."""
    rng = np.random.default_rng(seed)
    size = (40, 30)
    tiles = Tiling(18, 6).tiles(*size)
    parts = []
    for tile in tiles:
        noise = np.kron(rng.integers(0, 4, (8, 11)), np.ones((4, 4), int))[: size[1], : size[0]]
        parts.append(part(tile, noise, rng.uniform(0.1, 1, 5).tolist(), rng.integers(1, 5, 3).tolist()))
    parcels = join(parts, size, min_area)
    polygons = [parcel.polygon for parcel in parcels]
    assert all(polygon.is_valid and polygon.geom_type == "Polygon" for polygon in polygons)
    assert sum(polygon.area for polygon in polygons) == shapely.union_all(polygons).area
    assert min((polygon.area for polygon in polygons), default=min_area) >= min_area
    assert join(parts, size, min_area) == parcels


def test_parcels_come_while_later_tiles_are_not_painted_yet() -> None:
    """Only neighbours of what is not finished are held: a scene of many rows of tiles is not in memory at any time."""
    size = (20, 400)
    labels = np.kron(np.arange(1, 101).reshape(50, 2), np.ones((8, 10), int))  # two parcels in every 8 rows
    tiles = Tiling(24, 4).tiles(*size)
    parts = [part(tile, labels) for tile in tiles]
    painted: list[int] = []

    def load(number: int) -> Part:
        painted.append(number)
        return parts[number]

    found = []
    for parcel in stitch([(one.bounds, one.core) for one in parts], load, size, 1.0, RULE, map):
        # What lies more than two rows of tiles above the one painted last is known; eight tiles are painted in one go.
        assert parcel.polygon.bounds[3] > parts[painted[-1]].bounds[1] - 48 - 8 * 20
        found.append(parcel)
    assert same_partition(burnt(found, size), labels)
    tops = [parcel.polygon.bounds[1] for parcel in found]
    assert tops == sorted(tops)

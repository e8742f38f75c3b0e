from itertools import pairwise

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from rasterio.windows import Window

from isagrsc2.errors import InputError
from isagrsc2.scene.tiling import ShiftedTiling, Tile, Tiling, window_bounds


def test_a_raster_that_fits_is_one_tile():
    (tile,) = Tiling(10, 4).tiles(10, 3)
    assert tile == Tile(0, 0, Window(0, 0, 10, 3), Window(0, 0, 10, 3))


def test_two_tiles_meet_in_the_middle_of_their_overlap():
    # 16 px in tiles of 10 that overlap by at least 4: 0..10 and 6..16; they share 6..10, whose middle is 8.
    tiles = Tiling(10, 4).tiles(16, 10)
    assert [tile.bounds for tile in tiles] == [(0, 0, 10, 10), (6, 0, 16, 10)]
    assert [tile.core_bounds for tile in tiles] == [(0, 0, 8, 10), (8, 0, 16, 10)]


def test_a_pixel_more_is_another_tile_and_they_spread_evenly():
    # 17 px: steps of at most 6 px need three tiles; starts 0, 3.5, 7, rounded to even.
    assert [tile.bounds[::2] for tile in Tiling(10, 4).tiles(17, 5)] == [(0, 10), (4, 14), (7, 17)]


def test_tiles_come_row_by_row_and_are_named_by_row_and_column():
    tiles = Tiling(4, 0).tiles(8, 8)
    assert [(tile.row, tile.column) for tile in tiles] == [(0, 0), (0, 1), (1, 0), (1, 1)]
    assert tiles[2].name == "tile_r00001_c00000"
    assert tiles[2].bounds == (0, 4, 4, 8)


@given(st.integers(1, 300), st.integers(1, 300), st.integers(1, 120), st.integers(0, 119))
def test_tiles_cover_and_cores_partition(width, height, size, overlap):
    assume(overlap < size)
    assume(width * height / (size - overlap) ** 2 < 2000)
    tiles = Tiling(size, overlap).tiles(width, height)
    owners = np.zeros((height, width), int)
    for tile in tiles:
        x0, y0, x1, y1 = tile.bounds
        cx0, cy0, cx1, cy1 = tile.core_bounds
        assert 0 <= x0 <= cx0 < cx1 <= x1 <= width
        assert 0 <= y0 <= cy0 < cy1 <= y1 <= height
        assert x1 - x0 == min(size, width)
        assert y1 - y0 == min(size, height)
        owners[cy0:cy1, cx0:cx1] += 1
    assert (owners == 1).all()
    assert len({tile.name for tile in tiles}) == len(tiles)
    placed = {(tile.row, tile.column): tile.bounds for tile in tiles}
    for (row, column), bounds in placed.items():
        if (row, column + 1) in placed:
            assert bounds[2] - placed[row, column + 1][0] >= overlap
        if (row + 1, column) in placed:
            assert bounds[3] - placed[row + 1, column][1] >= overlap


@given(st.integers(1, 100_000), st.integers(2, 2000), st.integers(0, 1999))
def test_there_are_no_more_tiles_than_needed(length, size, overlap):
    assume(overlap < size)
    assume(length / (size - overlap) < 5000)
    count = len(Tiling(size, overlap).tiles(length, 1))
    # n tiles reach size + (n - 1) * (size - overlap) px at most; one fewer does not reach the end.
    assert size + (count - 1) * (size - overlap) >= length
    assert count == 1 or size + (count - 2) * (size - overlap) < length


def test_bounds_of_a_window():
    assert window_bounds(Window(3, 5, 7, 11)) == (3, 5, 10, 16)


@pytest.mark.parametrize(
    ("size", "overlap", "message"),
    [
        (0, 0, "tiling.size=0"),
        (-8, 0, "tiling.size=-8"),
        (8.5, 0, "tiling.size=8.5"),
        ("large", 0, "tiling.size=large"),
        (True, 0, "tiling.size=True"),
        (8, -1, "tiling.overlap=-1"),
        (8, 8, "tiling.size=8 must be larger than tiling.overlap=8"),
        (8, 9, "tiling.size=8 must be larger than tiling.overlap=9"),
    ],
)
def test_sizes_that_do_not_fit_are_refused(size, overlap, message):
    with pytest.raises(InputError, match=message):
        Tiling(size, overlap)


def test_shifted_tiles_begin_elsewhere():
    # Even starts of 17 px are 0, 4, 7; three to the right 3, 7 and the far edge again, and one more at 0.
    assert [tile.bounds[::2] for tile in ShiftedTiling(10, 4, 3).tiles(17, 5)] == [(0, 10), (3, 13), (7, 17)]
    assert [tile.bounds[::2] for tile in ShiftedTiling(10, 4, 3).tiles(10, 5)] == [(0, 10)]


@given(st.integers(1, 300), st.integers(2, 60), st.data())
def test_shifted_tiles_overlap_and_their_cores_partition_the_raster(length, size, data):
    overlap = data.draw(st.integers(0, size - 1))
    shift = data.draw(st.integers(1, size - overlap))
    tiles = ShiftedTiling(size, overlap, shift).tiles(length, 7)
    row = [tile for tile in tiles if tile.row == 0]
    assert (row[0].bounds[0], row[-1].bounds[2]) == (0, length)
    for left, right in pairwise(row):
        assert left.bounds[0] < right.bounds[0]
        assert left.bounds[2] - right.bounds[0] >= overlap
        assert left.core_bounds[2] == right.core_bounds[0]
    assert all(tile.bounds[2] - tile.bounds[0] == min(size, length) for tile in row)


@pytest.mark.parametrize("shift", [0, 7])
def test_shifts_that_do_not_fit(shift):
    with pytest.raises(InputError, match=r"tile_consistency\.tiling\.shift"):
        ShiftedTiling(10, 4, shift)


def test_tiles_that_are_enlarged_are_smaller_in_the_scene():
    assert Tiling(1024, 256).enlarged_by(4) == Tiling(256, 64)
    assert Tiling(11, 3).enlarged_by(4) == Tiling(2, 1)
    assert Tiling(11, 3).enlarged_by(1) == Tiling(11, 3)


@given(st.integers(1, 2000), st.integers(0, 1999), st.integers(1, 8), st.data())
def test_enlarged_tiles_are_not_larger_than_asked_and_overlap_no_less(size, overlap, scale, data):
    assume(overlap < size)
    assume(-(-overlap // scale) < size // scale)
    cut = Tiling(size, overlap).enlarged_by(scale)
    assert size - scale < cut.size * scale <= size
    assert overlap <= cut.overlap * scale < overlap + scale
    shifted = ShiftedTiling(size, overlap, data.draw(st.integers(1, size - overlap))).enlarged_by(scale)
    assert (shifted.size, shifted.overlap) == (cut.size, cut.overlap)


def test_the_shift_is_made_smaller_with_the_tiles():
    assert ShiftedTiling(1024, 256, 256).enlarged_by(4) == ShiftedTiling(256, 64, 64)
    assert ShiftedTiling(11, 1, 10).enlarged_by(4) == ShiftedTiling(2, 1, 1)  # 10 / 4 would be beyond its limit
    assert ShiftedTiling(1024, 256, 3).enlarged_by(4) == ShiftedTiling(256, 64, 1)


@pytest.mark.parametrize(("size", "overlap"), [(3, 0), (8, 6)])
def test_tiles_too_small_to_be_enlarged(size, overlap):
    message = rf"tiling\.size={size} and tiling\.overlap={overlap} are \d and \d scene px .* enlarged 4 times; .*superres=none"
    with pytest.raises(InputError, match=message):
        Tiling(size, overlap).enlarged_by(4)

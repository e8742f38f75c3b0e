import numpy as np
import shapely
from rasterio.windows import Window

from isagrsc2.scene.burning import Burner, blocks


def test_the_first_of_overlapping_polygons_wins_in_every_window():
    burner = Burner([shapely.box(0, 0, 3, 1), shapely.box(2, 0, 5, 1)], [9, 4])
    assert burner.burn(Window(0, 0, 6, 1)).tolist() == [[9, 9, 9, 4, 4, 0]]
    assert burner.burn(Window(2, 0, 2, 1)).tolist() == [[9, 4]]


def test_values_may_be_as_large_as_int32():
    largest = np.iinfo(np.int32).max
    assert Burner([shapely.box(0, 0, 1, 1)], [largest]).burn(Window(0, 0, 2, 1)).tolist() == [[largest, 0]]


def test_no_polygons_burn_nothing():
    assert not Burner([], []).burn(Window(0, 0, 4, 3)).any()
    assert Burner([], []).burn(Window(0, 0, 4, 3)).shape == (3, 4)


def test_blocks_partition_the_raster():
    counts = np.zeros((7, 11), int)
    for window in blocks((7, 11), 4):
        assert max(window.width, window.height) <= 4
        counts[window.toslices()] += 1
    assert (counts == 1).all()

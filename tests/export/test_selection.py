import geopandas
import numpy as np
import pytest
import shapely

from isagrsc2.classification.land_classes import BINARY
from isagrsc2.errors import InputError
from isagrsc2.export.selection import Selected, Selection


def batch(areas, names, column="area_m2"):
    boxes = [shapely.box(number, 0, number + 1, 1) for number in range(len(areas))]
    return geopandas.GeoDataFrame({column: areas, "class_name": names}, geometry=boxes)


BATCHES = [
    batch([100.0, 900.0, 900.0], ["cultivated", "cultivated", "not_cultivated"]),
    batch([50.0, 60.0], ["cultivated", "unclassified"]),
    batch([np.nan, 899.9], ["cultivated", "cultivated"]),
]


@pytest.mark.parametrize(
    ("min_area", "classes", "kept"),
    [
        (0, "all", [[True] * 3, [True] * 2, [True] * 2]),
        (900, "all", [[False, True, True], [False] * 2, [True, False]]),
        (0, "cultivated", [[True, True, False], [True, False], [True, True]]),
        (60, ["unclassified", "not_cultivated"], [[False, False, True], [False, True], [False, False]]),
    ],
)
def test_small_parcels_and_other_classes_are_left_out(min_area, classes, kept):
    chosen = Selection.of(min_area, classes, BINARY).chosen(BATCHES)
    assert [rows.tolist() for rows in chosen] == kept
    selected = Selected(BATCHES, chosen)
    assert len(selected) == sum(any(rows) for rows in kept)
    assert [len(table) for table in selected] == [sum(rows) for rows in kept if any(rows)]
    assert len(selected[0:]) == len(selected)
    with pytest.raises(IndexError):
        selected[len(selected)]


def test_nothing_left_is_one_table_without_rows():
    selected = Selected(BATCHES, Selection.of(10_000, ["not_cultivated"], BINARY).chosen(BATCHES))
    assert [len(table) for table in selected] == [0]
    assert list(selected[0].columns) == list(BATCHES[0].columns)


def test_without_a_crs_areas_are_pixels():
    assert Selection.of(5, "all", BINARY).chosen([batch([4, 5], ["cultivated"] * 2, "area_px")])[0].tolist() == [False, True]


def test_options_that_do_not_fit():
    with pytest.raises(
        InputError, match=r"export\.class_filter=rice is no class of this classifier \(cultivated, not_cultivated,"
    ):
        Selection.of(0, ["cultivated", "rice"], BINARY)
    with pytest.raises(InputError, match=r"export\.min_area_m2=-1 does not fit"):
        Selection.of(-1, "all", BINARY)

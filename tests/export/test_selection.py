import geopandas
import numpy as np
import pytest
import shapely
from hypothesis import given
from hypothesis import strategies as st

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
    chosen = Selection.of(min_area, classes, 0, BINARY, None).chosen(BATCHES)
    assert [rows.tolist() for rows in chosen] == kept
    selected = Selected(BATCHES, chosen)
    assert len(selected) == sum(any(rows) for rows in kept)
    assert [len(table) for table in selected] == [sum(rows) for rows in kept if any(rows)]
    assert len(selected[0:]) == len(selected)
    with pytest.raises(IndexError):
        selected[len(selected)]


def test_nothing_left_is_one_table_without_rows():
    selected = Selected(BATCHES, Selection.of(10_000, ["not_cultivated"], 0, BINARY, 0.5).chosen(BATCHES))
    assert [len(table) for table in selected] == [0]
    assert list(selected[0].columns) == list(BATCHES[0].columns)


def test_without_a_crs_areas_are_pixels():
    assert Selection.of(5, "all", 0, BINARY, 0.5).chosen([batch([4, 5], ["cultivated"] * 2, "area_px")])[0].tolist() == [
        False,
        True,
    ]


def judged(*probabilities):
    """Two batches, the first of two rows, whose classes follow from the probabilities."""
    names = ["unclassified" if np.isnan(p) else "cultivated" if p >= 0.5 else "not_cultivated" for p in probabilities]
    table = batch([100.0 + number for number in range(len(names))], names).assign(p_cultivated=probabilities)
    return [table.iloc[:2].reset_index(drop=True), table.iloc[2:].reset_index(drop=True)]


@pytest.mark.parametrize(
    ("most_uncertain", "threshold", "kept"),
    [
        (1, 0.5, [2]),
        (2, 0.5, [2, 4]),
        (3, 0.5, [0, 2, 4]),  # 0.25 and 0.75 are as far: the first
        (1, 0.9, [5]),
        (3, 0.9, [2, 3, 5]),
        (6, 0.5, [0, 1, 2, 3, 4, 5]),
        (100, 0.5, [0, 1, 2, 3, 4, 5]),
    ],
)
def test_the_most_uncertain_are_those_nearest_to_the_threshold(most_uncertain, threshold, kept):
    chosen = Selection.of(0, "all", most_uncertain, BINARY, threshold).chosen(judged(0.25, 0.01, 0.51, 0.75, 0.4, 0.95))
    assert [len(rows) for rows in chosen] == [2, 4]
    assert np.flatnonzero(np.concatenate(chosen)).tolist() == kept


def test_what_has_no_probability_is_least_certain():
    chosen = Selection.of(0, "all", 2, BINARY, 0.5).chosen(judged(0.5, 0.6, np.nan, 0.9))
    assert np.concatenate(chosen).tolist() == [True, False, True, False]


def test_the_most_uncertain_are_chosen_among_those_that_are_written():
    chosen = Selection.of(101, "cultivated", 2, BINARY, 0.5).chosen(judged(0.5, 0.49, 0.9, 0.6, 0.7, 0.3))
    assert np.concatenate(chosen).tolist() == [False, False, False, True, True, False]


@given(st.lists(st.floats(0, 1), max_size=12), st.integers(1, 14), st.floats(0, 1), st.integers(1, 5))
def test_the_choice_does_not_depend_on_batches(probabilities, most_uncertain, threshold, rows):
    table = batch([1.0] * len(probabilities), ["cultivated"] * len(probabilities)).assign(p_cultivated=probabilities)
    batches = [table.iloc[start : start + rows] for start in range(0, max(len(table), 1), rows)]
    selection = Selection.of(0, "all", most_uncertain, BINARY, threshold)
    (whole,) = selection.chosen([table])
    assert np.array_equal(np.concatenate(selection.chosen(batches)), whole)
    assert whole.sum() == min(most_uncertain, len(table))
    distances = np.abs(np.array(probabilities) - threshold)
    assert max(distances[whole], default=0) <= min(distances[~whole], default=1)


def test_options_that_do_not_fit():
    with pytest.raises(
        InputError, match=r"export\.class_filter=rice is no class of this classifier \(cultivated, not_cultivated,"
    ):
        Selection.of(0, ["cultivated", "rice"], 0, BINARY, 0.5)
    with pytest.raises(InputError, match=r"export\.min_area_m2=-1 does not fit"):
        Selection.of(-1, "all", 0, BINARY, 0.5)
    for number in (-1, 2.5, True):
        with pytest.raises(InputError, match=rf"export\.most_uncertain={number} does not fit; give a whole number from 0"):
            Selection.of(0, "all", number, BINARY, 0.5)
    with pytest.raises(InputError, match=r"export\.most_uncertain=20 needs probabilities, and nothing classifies"):
        Selection.of(0, "all", 20, BINARY, None)

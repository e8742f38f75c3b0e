import numpy as np
import pytest
import shapely

from isagrsc2.metrics.bootstrap import draw_scenes, mean_intervals, pooled_intervals
from isagrsc2.metrics.overlaps import count_overlaps
from isagrsc2.metrics.tile_consistency import count_consistency, overlay_segmentations

FIRST = np.array([[1, 1, 1, 1, 2, 2]])
SECOND = np.array([[7, 7, 7, 8, 8, 8]])  # IoUs: 1 and 7 3/4, 2 and 8 2/3, 1 and 8 1/6


def test_by_hand():
    scores = count_consistency(count_overlaps(FIRST, SECOND)).scores()
    assert scores["consistency_f1"] == 1
    assert scores["consistency_iou"] == pytest.approx((3 / 4 + 2 / 3) / 2)
    assert scores["consistency_iou_by_area"] == pytest.approx((3 * 3 / 4 + 3 * 2 / 3 + 4 * 3 / 4 + 2 * 2 / 3) / 12)


def test_the_same_twice_is_one_and_nothing_is_undefined():
    assert set(count_consistency(count_overlaps(FIRST, FIRST + 4)).scores().values()) == {1}
    nothing = np.zeros((1, 6), int)
    assert set(count_consistency(count_overlaps(nothing, nothing)).scores().values()) == {None}
    assert set(count_consistency(count_overlaps(FIRST, nothing)).scores().values()) == {0}


def test_neither_is_the_truth(label_pairs):
    for first, second, valid in label_pairs[:30]:
        forth = count_consistency(count_overlaps(first, second, valid))
        back = count_consistency(count_overlaps(second, first, valid))
        assert forth.scores() == pytest.approx(back.scores(), abs=1e-12)
        assert (forth + back).scores() == pytest.approx(forth.scores(), abs=1e-12)


def test_polygons_are_compared_as_the_labels_they_are():
    first = [shapely.box(0, 0, 4, 1), shapely.box(4, 0, 6, 1)]
    second = [shapely.box(0, 0, 3, 1), shapely.box(3, 0, 6, 1)]
    scores = count_consistency(overlay_segmentations(first, second, (1, 6))).scores()
    assert scores == count_consistency(count_overlaps(FIRST, SECOND)).scores()
    assert set(count_consistency(overlay_segmentations([], [], (1, 6))).scores().values()) == {None}


def test_scenes_have_intervals():
    scenes = [count_consistency(count_overlaps(FIRST, other)) for other in (FIRST, SECOND)]
    draws = draw_scenes(2, 200, 0)
    low = scenes[1].scores()["consistency_iou"]
    for intervals in (mean_intervals(scenes, draws), pooled_intervals(scenes, draws)):
        assert intervals["consistency_iou"] == pytest.approx((low, 1.0))

import numpy as np
import pytest

from isagrsc2.metrics.overlaps import count_overlaps
from isagrsc2.metrics.tile_consistency import count_consistency

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

import numpy as np
import pytest

from isagrsc2.metrics.objects import count_matches
from isagrsc2.metrics.overlaps import count_overlaps
from isagrsc2.metrics.thresholds import NO_THRESHOLDS, THRESHOLDS, ThresholdCounts, count_thresholds


def test_thresholds_are_those_of_coco():
    assert list(THRESHOLDS) == pytest.approx(np.linspace(0.5, 0.95, 10).tolist(), abs=1e-15)


def test_by_hand():
    # IoU 3/4, and 11/20 = 0.55, which is not above 0.55.
    reference = np.repeat([1, 2, 3], [4, 20, 1])[None]
    predicted = np.repeat([1, 0, 2, 0, 0], [3, 1, 11, 9, 1])[None]
    counts = count_thresholds(count_overlaps(predicted, reference))
    assert counts == ThresholdCounts(2, 3, (2, 1, 1, 1, 1, 0, 0, 0, 0, 0))  # 3/4 is not above 0.75
    assert counts.ratios()["object_f1_50"] == (4, 5)
    assert counts.mean_ratio() == {"object_f1_50_95": (1.2, 5)}  # F1: 0.8, four times 0.4, then 0
    assert counts + counts == ThresholdCounts(4, 6, (4, 2, 2, 2, 2, 0, 0, 0, 0, 0))
    assert counts + NO_THRESHOLDS == counts


def test_every_threshold_matches_as_one_does(label_pairs):
    for pair in label_pairs[:20]:
        overlaps = count_overlaps(*pair)
        single = [count_matches(overlaps, threshold).matched for threshold in THRESHOLDS]
        assert list(count_thresholds(overlaps).matched) == single

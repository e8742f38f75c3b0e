import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from sklearn.metrics import confusion_matrix, f1_score, jaccard_score, precision_score, recall_score

from isagrsc2.metrics.overlaps import count_overlaps
from isagrsc2.metrics.pixels import AreaCounts, count_area

labels = arrays(np.int32, (6, 8), elements=st.integers(0, 3))


def test_areas_are_counted_whatever_the_parcel():
    predicted = np.array([[1, 2, 0, 0]])
    reference = np.array([[5, 5, 5, 0]])
    counts = count_area(count_overlaps(predicted, reference))
    assert counts == AreaCounts(true_positive=2, false_positive=0, false_negative=1, true_negative=1)
    assert (counts.iou, counts.precision, counts.recall, counts.f1) == (2 / 3, 1.0, 2 / 3, 0.8)  # f1 = 4 / 5


def test_counts_add():
    assert AreaCounts(1, 2, 3, 4) + AreaCounts(10, 20, 30, 40) == AreaCounts(11, 22, 33, 44)


def test_scores_of_nothing_are_undefined():
    nothing = AreaCounts(0, 0, 0, 9)
    assert (nothing.iou, nothing.precision, nothing.recall, nothing.f1) == (None, None, None, None)
    nothing_predicted = AreaCounts(0, 0, 4, 5)
    assert (nothing_predicted.iou, nothing_predicted.precision, nothing_predicted.recall) == (0, None, 0)


@settings(max_examples=40, deadline=None)
@given(labels, labels)
def test_scikit_learn_says_the_same(predicted, reference):
    counts = count_area(count_overlaps(predicted, reference))
    truth, guess = reference.ravel() > 0, predicted.ravel() > 0
    (tn, fp), (fn, tp) = confusion_matrix(truth, guess, labels=[False, True])
    assert counts == AreaCounts(tp, fp, fn, tn)
    for score, oracle in [
        (counts.iou, jaccard_score),
        (counts.f1, f1_score),
        (counts.precision, precision_score),
        (counts.recall, recall_score),
    ]:
        lowest, highest = (oracle(truth, guess, zero_division=value) for value in (0, 1))
        undefined = lowest != highest  # scikit-learn puts the given value only where it divides by zero
        assert score is None if undefined else score == pytest.approx(lowest, abs=1e-12)


@settings(deadline=None)
@given(labels, labels)
def test_swapping_the_rasters_swaps_precision_and_recall(predicted, reference):
    forth, back = count_area(count_overlaps(predicted, reference)), count_area(count_overlaps(reference, predicted))
    assert (forth.iou, forth.f1, forth.precision, forth.recall) == (back.iou, back.f1, back.recall, back.precision)

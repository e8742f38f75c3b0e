import numpy as np
import pytest
import shapely
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from isagrsc2.metrics.objects import BestIoUCounts, MatchCounts, count_best_ious, count_matches, mostly_inside
from isagrsc2.metrics.overlaps import count_overlaps

# Coarse blocks make labels that often match.
labels = arrays(np.int32, (3, 4), elements=st.integers(0, 3)).map(lambda coarse: coarse.repeat(2, 0).repeat(2, 1))

# Parcel 1 has 4 px, 2 has 3 px, 3 has 1 px; prediction 5 has 3 px, all in parcel 1; 6 has 3 px, two of them in parcel 2.
REFERENCE = np.array([[1, 1, 1, 1, 0, 2, 2, 2, 3]])
PREDICTED = np.array([[0, 5, 5, 5, 6, 6, 6, 0, 0]])


def test_matching_by_hand():
    # 5 and 1: 3/4, matched. 6 and 2: 2 / (3 + 3 - 2) = 1/2, not above 0.5.
    counts = count_matches(count_overlaps(PREDICTED, REFERENCE), 0.5)
    assert counts == MatchCounts(predicted=2, reference=3, matched=1, matched_iou=0.75)
    assert (counts.precision, counts.recall, counts.f1) == (1 / 2, 1 / 3, 2 / 5)
    assert (counts.segmentation_quality, counts.recognition_quality) == (0.75, 2 / 5)
    assert counts.panoptic_quality == 0.75 / (1 + 1 / 2 + 2 / 2)  # TP + FP / 2 + FN / 2 = 2.5


def test_best_ious_by_hand():
    # Best: 3/4 of 4 px, 1/2 of 3 px, 0 of 1 px.
    counts = count_best_ious(count_overlaps(PREDICTED, REFERENCE))
    assert counts == BestIoUCounts(reference=3, area=8, best_iou=1.25, best_iou_area=4.5)
    assert (counts.mean, counts.mean_by_area) == (1.25 / 3, 4.5 / 8)


def test_a_parcel_is_mostly_inside_above_one_half():
    predicted = np.array([[1, 1, 2, 2, 2, 3]])
    reference = np.array([[1, 0, 1, 2, 0, 0]])  # 1: a half; 2: two thirds, in two parcels; 3: nothing
    assert mostly_inside(count_overlaps(predicted, reference)) == [2]


def test_counts_add():
    assert MatchCounts(1, 2, 1, 0.5) + MatchCounts(3, 4, 2, 1.25) == MatchCounts(4, 6, 3, 1.75)
    assert BestIoUCounts(1, 10, 0.5, 5.0) + BestIoUCounts(2, 6, 1.0, 3.0) == BestIoUCounts(3, 16, 1.5, 8.0)


def test_scores_of_nothing_are_undefined():
    nothing = np.zeros((2, 2), int)
    something = np.ones((2, 2), int)
    matches = count_matches(count_overlaps(nothing, nothing), 0.5)
    assert {matches.precision, matches.recall, matches.f1, matches.panoptic_quality} == {None}
    assert matches.segmentation_quality is None
    best = count_best_ious(count_overlaps(something, nothing))
    assert (best.mean, best.mean_by_area) == (None, None)
    missed = count_matches(count_overlaps(nothing, something), 0.5)
    assert (missed.precision, missed.recall, missed.f1, missed.panoptic_quality) == (None, 0, 0, 0)


@settings(deadline=None)
@given(labels, labels, st.sampled_from([0.5, 0.6, 0.75, 0.9]))
def test_brute_force_matches_the_same(predicted, reference, threshold):
    left = [predicted == number for number in np.unique(predicted) if number]
    right = [reference == number for number in np.unique(reference) if number]
    ious = np.array([[(a & b).sum() / (a | b).sum() for b in right] for a in left]).reshape(len(left), len(right))
    counts = count_matches(count_overlaps(predicted, reference), threshold)
    assert (counts.predicted, counts.reference, counts.matched) == (len(left), len(right), (ious > threshold).sum())
    assert counts.matched_iou == pytest.approx(ious[ious > threshold].sum(), abs=1e-12)
    best = ious.max(axis=0, initial=0.0)
    areas = np.array([mask.sum() for mask in right])
    found = count_best_ious(count_overlaps(predicted, reference))
    assert found.best_iou == pytest.approx(best.sum(), abs=1e-12)
    assert found.best_iou_area == pytest.approx((best * areas).sum(), abs=1e-12)


@settings(deadline=None)
@given(labels, labels)
def test_scores_keep_their_bounds(predicted, reference):
    overlaps = count_overlaps(predicted, reference)
    counts, best = count_matches(overlaps, 0.5), count_best_ious(overlaps)
    assert counts.matched <= min(counts.predicted, counts.reference)  # nobody has two partners
    for score in (counts.precision, counts.recall, counts.f1, counts.panoptic_quality, best.mean, best.mean_by_area):
        assert score is None or 0 <= score <= 1
    assert counts.segmentation_quality is None or 0.5 < counts.segmentation_quality <= 1
    if counts.matched:
        product = counts.segmentation_quality * counts.recognition_quality
        assert counts.panoptic_quality == pytest.approx(product, abs=1e-12)


@settings(deadline=None)
@given(labels, labels)
def test_swapping_the_rasters_swaps_precision_and_recall(predicted, reference):
    forth = count_matches(count_overlaps(predicted, reference), 0.5)
    back = count_matches(count_overlaps(reference, predicted), 0.5)
    assert (forth.precision, forth.recall, forth.f1) == (back.recall, back.precision, back.f1)
    assert forth.matched_iou == pytest.approx(back.matched_iou, abs=1e-12)


@settings(deadline=None)
@given(labels)
def test_a_raster_agrees_with_itself(same):
    overlaps = count_overlaps(same, same)
    counts, best = count_matches(overlaps, 0.5), count_best_ious(overlaps)
    parcels = len(set(np.unique(same)) - {0})
    assert counts == MatchCounts(parcels, parcels, parcels, float(parcels))
    assert (best.best_iou, best.best_iou_area) == (parcels, best.area)


def test_shapely_says_the_same_of_rectangles():
    rng = np.random.default_rng(0)
    for _ in range(20):
        corners = rng.integers(0, 20, (2, 4))  # two rectangles: left, top, width, height
        boxes = [shapely.box(x, y, x + w + 1, y + h + 1) for x, y, w, h in corners.tolist()]
        rasters = []
        for x, y, w, h in corners.tolist():
            raster = np.zeros((40, 40), int)
            raster[y : y + h + 1, x : x + w + 1] = 1
            rasters.append(raster)
        expected = boxes[0].intersection(boxes[1]).area / boxes[0].union(boxes[1]).area
        assert count_best_ious(count_overlaps(*rasters)).best_iou == pytest.approx(expected, abs=1e-12)


def test_thresholds_below_one_half_are_refused():
    with pytest.raises(ValueError, match=r"at least 0\.5"):
        count_matches(count_overlaps(PREDICTED, REFERENCE), 0.4)

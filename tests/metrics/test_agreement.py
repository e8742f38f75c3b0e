"""Every figure of 100 random pairs of label rasters against plain loops over masks, which share nothing with the package."""

import numpy as np
import pytest
from scipy.ndimage import binary_dilation, binary_erosion, distance_transform_edt
from scipy.spatial.distance import cdist

from isagrsc2.metrics.last_round import Measures, count_last_round
from isagrsc2.metrics.objects import count_best_ious, count_matches
from isagrsc2.metrics.outlines import find_outlines
from isagrsc2.metrics.overlaps import count_overlaps
from isagrsc2.metrics.pixels import count_area
from isagrsc2.metrics.scale import Scale
from isagrsc2.metrics.segmentation_errors import count_segmentation_errors
from isagrsc2.metrics.thresholds import count_thresholds

SCALE = Scale("m", height=2.0, width=3.0, area=6.0)
MEASURES = Measures(limits_m2=(120.0, 600.0), limits_px=(1.0,), tolerance=3.0, tolerance_unit="m")


def masks(labels, valid):
    return [(labels == number) & valid for number in np.unique(labels[valid]) if number]


def share(part, whole):
    return part / whole if whole else None


def f1(matched, predicted, reference):
    return share(2 * matched, len(predicted) + len(reference))


def brute_force(predicted, reference, valid):
    left, right = masks(predicted, valid), masks(reference, valid)
    ious = np.array([[(a & b).sum() / (a | b).sum() for b in right] for a in left]).reshape(len(left), len(right))
    areas = np.array([mask.sum() for mask in right])
    any_left, any_right = (predicted > 0) & valid, (reference > 0) & valid
    best = ious.max(axis=0, initial=0.0)
    matched = ious[ious > 0.5]
    scores = {
        "area_iou": share((any_left & any_right).sum(), (any_left | any_right).sum()),
        "object_precision": share(len(matched), len(left)),
        "object_recall": share(len(matched), len(right)),
        "object_f1": f1(len(matched), left, right),
        "panoptic_quality": share(matched.sum(), len(matched) + (len(left) + len(right) - 2 * len(matched)) / 2),
        "segmentation_quality": share(matched.sum(), len(matched)),
        "mean_best_iou": share(best.sum(), len(right)),
        "mean_best_iou_by_area": share((best * areas).sum(), areas.sum()),
    }
    by_threshold = [f1((ious > k / 100).sum(), left, right) for k in range(50, 100, 5)]
    scores |= {f"object_f1_{k}": value for k, value in zip(range(50, 100, 5), by_threshold, strict=True)}
    scores["object_f1_50_95"] = None if by_threshold[0] is None else sum(by_threshold) / 10
    return scores | brute_force_errors(left, right) | brute_force_boundaries(left, right, valid, ious)


def brute_force_errors(left, right):
    rows = []
    for mask in right:
        touching = [(-(mask & other).sum(), other.sum()) for other in left if (mask & other).any()]
        if touching:
            shared, area = min(touching)
            over, under = 1 + shared / mask.sum(), 1 + shared / area
            rows.append((over, under, ((over**2 + under**2) / 2) ** 0.5, mask.sum()))
    names = ("over_segmentation", "under_segmentation", "segmentation_error")
    table = np.array(rows, float).reshape(-1, 4)
    plain = {name: share(table[:, k].sum(), len(table)) for k, name in enumerate(names)}
    by_area = {f"{name}_by_area": share((table[:, k] * table[:, 3]).sum(), table[:, 3].sum()) for k, name in enumerate(names)}
    return plain | by_area


def brute_force_boundaries(left, right, valid, ious):
    sides = []
    for parcels in (left, right):
        edge = np.zeros(valid.shape, int)
        for mask in parcels:
            edge += mask & binary_dilation(~mask & valid)
        sides.append(edge > 0)
    near = []
    for one, other in (sides, sides[::-1]):
        distances = distance_transform_edt(~other, sampling=(2, 3)) if other.any() else np.full(valid.shape, np.inf)
        near.append(share((distances[one] <= 3 + 1e-9).sum(), one.sum()))
    precision, recall = near
    distances = [hausdorff(left[a], right[b]) for a, b in zip(*np.nonzero(ious > 0.5), strict=True)]
    return {
        "boundary_precision": precision,
        "boundary_recall": recall,
        "boundary_f1": harmonic(precision, recall),
        "hausdorff_95_m": share(sum(distances), len(distances)),
        "hausdorff_95_px": None,
    }


def harmonic(precision, recall):
    if precision is None and recall is None:
        return None
    return 2 / (1 / precision + 1 / recall) if precision and recall else 0


def hausdorff(one, other):
    edges = [np.argwhere(mask & ~binary_erosion(mask)) * (2, 3) for mask in (one, other)]
    between = cdist(*edges)
    return max(np.percentile(between.min(axis=axis), 95) for axis in (0, 1))


def package(predicted, reference, valid):
    overlaps = count_overlaps(predicted, reference, valid)
    outlines = find_outlines(predicted, valid), find_outlines(reference, valid)
    no_scores = np.full(len(overlaps.predicted_areas()[0]), np.nan)
    ratios = (
        count_area(overlaps).ratios()
        | count_matches(overlaps, 0.5).ratios()
        | count_best_ious(overlaps).ratios()
        | count_thresholds(overlaps).mean_ratio()
        | count_segmentation_errors(overlaps).ratios()
    )
    scores = {name: share(*parts) for name, parts in ratios.items()}
    return scores | count_last_round(overlaps, outlines, no_scores, SCALE, MEASURES).scores()


def test_plain_loops_say_the_same(label_pairs):
    compared = 0
    for pair in label_pairs:
        found = package(*pair)
        for name, value in brute_force(*pair).items():
            assert found[name] == (None if value is None else pytest.approx(value, abs=1e-9)), name
            compared += value is not None
    assert compared > 2500  # of 29 figures, most defined


def test_size_classes_are_a_partition(label_pairs):
    for predicted, reference, valid in label_pairs:
        overlaps = count_overlaps(predicted, reference, valid)
        outlines = find_outlines(predicted, valid), find_outlines(reference, valid)
        no_scores = np.full(len(overlaps.predicted_areas()[0]), np.nan)
        small, middle, large = count_last_round(overlaps, outlines, no_scores, SCALE, MEASURES).sizes.values()
        total = small + middle + large
        matches, best = count_matches(overlaps, 0.5), count_best_ious(overlaps)
        assert (total.matches.predicted, total.matches.reference) == (matches.predicted, matches.reference)
        assert total.matches.matched == matches.matched
        assert total.matches.matched_iou == pytest.approx(matches.matched_iou, abs=1e-9)
        assert total.best_ious.best_iou == pytest.approx(best.best_iou, abs=1e-9)
        areas = [mask.sum() * 6 for mask in masks(reference, valid)]
        assert small.matches.reference == sum(area < 120 for area in areas)
        assert large.best_ious.area * 6 == sum(area for area in areas if area >= 600)


def test_torchmetrics_says_the_same_of_panoptic_quality(label_pairs):
    import torch
    from torchmetrics.detection import PanopticQuality

    for predicted, reference, _ in label_pairs[:4]:
        matches = count_matches(count_overlaps(predicted, reference), 0.5)
        if not matches.reference:
            continue  # torchmetrics has no word for undefined
        oracle = PanopticQuality(things={1}, stuffs={0}, return_sq_and_rq=True, return_per_class=True)
        both = [np.stack([labels > 0, labels], axis=-1).astype(np.int64)[None] for labels in (predicted, reference)]
        quality = oracle(*map(torch.from_numpy, both))[0].double().tolist()  # (classes, 3), things first
        found = (matches.panoptic_quality, matches.segmentation_quality or 0.0, matches.recognition_quality)
        assert found == pytest.approx(quality, abs=1e-6)  # it counts in single precision

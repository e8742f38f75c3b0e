import contextlib
import io

import faster_coco_eval
import numpy as np
import pytest
from pycocotools import mask as rle
from pycocotools.coco import COCO
from pycocotools.cocoeval import COCOeval

from isagrsc2.metrics.average_precision import NO_DETECTIONS, count_detections
from isagrsc2.metrics.overlaps import count_overlaps

NAMES = ("average_precision", "average_precision_50", "average_precision_75")


def count(predicted, reference, scores):
    return count_detections(count_overlaps(np.array(predicted), np.array(reference)), np.array(scores, float))


def test_by_hand():
    # Parcel 1 is found exactly, 2 by nobody; the wrong parcel has the better score.
    counts = count([[1, 1, 0, 3]], [[1, 1, 2, 0]], [0.8, 0.9])
    # Precision 1/2 at recall 1/2, which are 51 of the 101 recalls; nothing beyond.
    assert counts.average_precisions() == dict.fromkeys(NAMES, pytest.approx(51 / 101 / 2))
    better = count([[1, 1, 0, 3]], [[1, 1, 2, 0]], [0.9, 0.8])
    assert better.average_precisions() == dict.fromkeys(NAMES, pytest.approx(51 / 101))


def test_a_loose_outline_counts_at_loose_thresholds_only():
    counts = count([[1, 1, 1, 0, 0]], [[1, 1, 1, 1, 1]], [0.5])  # IoU 0.6: reached at 0.50, 0.55 and 0.60
    found = counts.average_precisions()
    assert found["average_precision"] == pytest.approx(0.3)
    assert (found["average_precision_50"], found["average_precision_75"]) == (1.0, 0.0)


def test_of_two_halves_only_the_better_one_counts():
    counts = count([[1, 1, 2, 2]], [[5, 5, 5, 5]], [0.4, 0.6])  # both have IoU 1/2, which COCO takes
    assert counts.matched[0].tolist() == [False, True]
    assert not counts.matched[1:].any()


def test_undefined_and_zero():
    assert count([[0, 0]], [[0, 0]], []).average_precisions() == dict.fromkeys(NAMES)
    assert count([[1, 1]], [[0, 0]], [0.5]).average_precisions() == dict.fromkeys(NAMES)  # no reference
    assert count([[0, 0]], [[1, 1]], []).average_precisions() == dict.fromkeys(NAMES, 0.0)  # nothing found
    without = count([[1, 1]], [[1, 1]], [np.nan])
    assert without.average_precisions() == dict.fromkeys(NAMES)
    scored = count([[1, 1]], [[1, 1]], [0.5])
    assert (scored + without).average_precisions() == dict.fromkeys(NAMES)  # the order of some is not known
    assert (scored + NO_DETECTIONS).average_precisions() == dict.fromkeys(NAMES, 1.0)


def test_a_score_for_every_parcel():
    with pytest.raises(ValueError, match="1 scores were given for 2 predicted parcels"):
        count([[1, 2]], [[1, 2]], [0.5])


def annotations(labels, image, scores=None):
    for row, number in enumerate(np.unique(labels[labels > 0])):
        mask = rle.encode(np.asfortranarray(labels == number, np.uint8))
        shape = {"segmentation": mask | {"counts": mask["counts"].decode()}, "image_id": image, "category_id": 1}
        yield shape | ({"area": int((labels == number).sum()), "iscrowd": 0} if scores is None else {"score": scores[row]})


def coco(pairs, scores, loader, evaluator):
    """Mean over thresholds, at 0.50 and at 0.75 as COCO's own code has them, with no limit to the number of parcels."""
    truth = [shape for image, (_, reference) in enumerate(pairs, 1) for shape in annotations(reference, image)]
    found = [
        shape for image, (predicted, _) in enumerate(pairs, 1) for shape in annotations(predicted, image, scores[image - 1])
    ]
    height, width = pairs[0][0].shape
    images = [{"id": image, "height": height, "width": width} for image in range(1, len(pairs) + 1)]
    with contextlib.redirect_stdout(io.StringIO()):
        data = loader()
        data.dataset = {
            "images": images,
            "annotations": [shape | {"id": number} for number, shape in enumerate(truth, 1)],
            "categories": [{"id": 1, "name": "parcel"}],
        }
        data.createIndex()
        run = evaluator(data, data.loadRes(found), "segm")
        run.params.maxDets = [10_000]
        run.evaluate()
        run.accumulate()
    precision = run.eval["precision"][:, :, 0, 0, 0].mean(axis=1)  # (10,)
    return precision.mean(), precision[0], precision[5]


def scored(pairs, seed):
    rng = np.random.default_rng(seed)
    return [rng.integers(0, 30, len(np.unique(predicted[predicted > 0]))) / 30 for predicted, _ in pairs]  # with ties


@pytest.mark.parametrize(("loader", "evaluator"), [(COCO, COCOeval), (faster_coco_eval.COCO, faster_coco_eval.COCOeval_faster)])
def test_coco_says_the_same(label_pairs, loader, evaluator):
    pairs = [(predicted, reference) for predicted, reference, _ in label_pairs if predicted.any() and reference.any()]
    scores = scored(pairs, seed=0)
    every = []
    for pair, own in zip(pairs, scores, strict=True):
        every.append(count(*pair, own))
        expected = coco([pair], [own.tolist()], loader, evaluator)
        assert list(every[-1].average_precisions().values()) == pytest.approx(expected, abs=1e-9)
    pooled = sum(every, NO_DETECTIONS).average_precisions()
    expected = coco(pairs, [own.tolist() for own in scores], loader, evaluator)
    assert 0.1 < pooled["average_precision"] < 0.9
    assert list(pooled.values()) == pytest.approx(expected, abs=1e-9)

import numpy as np
import pytest
from sklearn.metrics import accuracy_score, confusion_matrix, f1_score, log_loss, precision_score, recall_score, roc_auc_score

from isagrsc2.classification import scores
from isagrsc2.classification.predictions import Predictions
from isagrsc2.classification.scores import SCORES, reliability, score


def random_predictions(count=200, classes=4, seed=0):
    rng = np.random.default_rng(seed)
    probabilities = rng.dirichlet(np.ones(classes), count).astype(np.float32)
    names = tuple("abcd"[:classes])
    return Predictions(names, ("b", "d"), tuple(map(str, range(count))), rng.integers(0, classes, count), probabilities)


def binary(p, truth):
    p = np.asarray(p, np.float32)
    labels = np.asarray(truth, np.int64)
    return Predictions(("no", "yes"), ("yes",), ("",) * len(p), labels, np.stack([1 - p, p], axis=1))


def test_scores_agree_with_scikit_learn():
    given = random_predictions()
    predicted, p, truth = given.predicted, given.p_cultivated, given.is_cultivated
    found = score(given)
    assert tuple(found) == SCORES
    expected = {
        "accuracy": accuracy_score(given.labels, predicted),
        "f1_macro": f1_score(given.labels, predicted, average="macro"),
        "f1_cultivated": f1_score(truth, p > 0.5),
        "precision_cultivated": precision_score(truth, p > 0.5),
        "recall_cultivated": recall_score(truth, p > 0.5),
        "auroc": roc_auc_score(truth, p),
        "nll": log_loss(given.labels, given.probabilities.astype(float)),
    }
    assert {name: found[name] for name in expected} == pytest.approx(expected, abs=1e-5)
    assert scores.confusion_matrix(given).tolist() == confusion_matrix(given.labels, predicted).tolist()


def test_calibration_error_by_hand():
    # Two chips at 0.9, one of them cultivated: |0.5 - 0.9| x 2/4. Two at 0.1, none cultivated: |0 - 0.1| x 2/4.
    given = binary([0.9, 0.9, 0.1, 0.1], [1, 0, 0, 0])
    assert score(given)["ece_cultivated"] == pytest.approx(0.4 / 2 + 0.1 / 2)
    # Of the most probable class: all four at 0.9, three right: |3/4 - 0.9|.
    assert score(given)["ece"] == pytest.approx(0.15, abs=1e-6)


def test_reliability_by_hand_and_against_the_calibration_error():
    given = binary([0.9, 0.92, 0.1, 0.0, 1.0], [1, 0, 0, 0, 1])
    found = reliability(given)
    assert found.counts.sum() == 5
    assert found.counts[[0, 1, 13, 14]].tolist() == [1, 1, 2, 1]  # 0.9 and 0.92 lie in (13/15, 14/15]
    assert found.confidence[13] == pytest.approx(0.91, abs=1e-6)
    assert found.frequency[13] == 0.5
    assert np.isnan(found.frequency[5])
    for seed in range(3):
        given = random_predictions(seed=seed)
        found = reliability(given)
        filled = found.counts > 0
        gaps = np.abs(found.frequency - found.confidence)[filled]
        expected = (gaps * found.counts[filled]).sum() / found.counts.sum()
        assert score(given)["ece_cultivated"] == pytest.approx(expected, abs=1e-6)


def test_certain_and_wrong_is_finite():
    assert np.isfinite(score(binary([1.0, 0.0], [0, 1]))["nll"])

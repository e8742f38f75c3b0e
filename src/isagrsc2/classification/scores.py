"""Scores of a classifier: how often it is right, and whether its probabilities mean what they say."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import torch
from torchmetrics.functional.classification import (
    binary_auroc,
    binary_calibration_error,
    binary_f1_score,
    binary_precision,
    binary_recall,
    multiclass_accuracy,
    multiclass_calibration_error,
    multiclass_confusion_matrix,
    multiclass_f1_score,
)

from isagrsc2.classification.predictions import Predictions

# Bins of probability in which it is compared with frequency; the usual number (Guo et al. 2017, section 2).
BINS = 15

# Names of the scores, in the order people read them.
SCORES = (
    "accuracy",
    "f1_macro",
    "f1_cultivated",
    "precision_cultivated",
    "recall_cultivated",
    "auroc",
    "ece",
    "ece_cultivated",
    "nll",
)

# Of these less is better.
ERRORS = ("ece", "ece_cultivated", "nll")


def score(predictions: Predictions) -> dict[str, float]:
    """Every score of ``SCORES``.

    ``accuracy`` and ``f1_macro`` are over the K classes; a class without chips counts only where it is predicted. F1,
    precision, recall, and area under the ROC curve (``auroc``) are of cultivated against the rest, at probability 0.5.
    ``ece`` is the expected calibration error of the most probable class, ``ece_cultivated`` of the probability of being
    cultivated (Guo et al. 2017, eq. 3); ``nll`` is the mean negative logarithm of the true class's probability.

    Args:
        predictions: of at least one chip.
    """
    count = len(predictions.class_names)
    probabilities, labels = torch.from_numpy(predictions.probabilities), torch.from_numpy(predictions.labels)
    p, truth = torch.from_numpy(predictions.p_cultivated), torch.from_numpy(predictions.is_cultivated).long()
    of_truth = probabilities.gather(1, labels[:, None])[:, 0]  # (N,)
    values = {
        "accuracy": multiclass_accuracy(probabilities, labels, count, average="micro"),
        "f1_macro": multiclass_f1_score(probabilities, labels, count, average="macro"),
        "f1_cultivated": binary_f1_score(p, truth),
        "precision_cultivated": binary_precision(p, truth),
        "recall_cultivated": binary_recall(p, truth),
        "auroc": binary_auroc(p, truth),
        "ece": multiclass_calibration_error(probabilities, labels, count, n_bins=BINS),
        "ece_cultivated": binary_calibration_error(p, truth, n_bins=BINS),
        "nll": -of_truth.clamp(min=torch.finfo(torch.float32).tiny).log().mean(),
    }
    return {name: float(values[name]) for name in SCORES}


def confusion_matrix(predictions: Predictions) -> npt.NDArray[np.int64]:
    """(K, K) chips by true class (rows) and most probable class (columns)."""
    predicted, labels = torch.from_numpy(predictions.predicted), torch.from_numpy(predictions.labels)
    return np.asarray(multiclass_confusion_matrix(predicted, labels, len(predictions.class_names)).numpy(), np.int64)


@dataclass(frozen=True)
class Reliability:
    """How often land is cultivated where the classifier says so with a certain probability, in B bins.

    Attributes:
        edges: (B + 1,) of the bins, 0 to 1; a bin includes its upper edge.
        counts: (B,) chips.
        confidence: (B,) mean probability, NaN where there are no chips.
        frequency: (B,) share of the chips that are cultivated, NaN where there are none.
    """

    edges: npt.NDArray[np.float64]
    counts: npt.NDArray[np.int64]
    confidence: npt.NDArray[np.float64]
    frequency: npt.NDArray[np.float64]


def reliability(predictions: Predictions) -> Reliability:
    """Reliability of ``p_cultivated`` in ``BINS`` equal bins (Guo et al. 2017, section 2)."""
    edges = np.linspace(0, 1, BINS + 1)
    p = predictions.p_cultivated.astype(np.float64)
    bins = np.clip(np.searchsorted(edges, p, side="left") - 1, 0, BINS - 1)  # (N,)
    counts = np.bincount(bins, minlength=BINS)
    with np.errstate(invalid="ignore"):  # empty bins: 0 / 0
        confidence = np.bincount(bins, p, BINS) / counts
        frequency = np.bincount(bins, predictions.is_cultivated, BINS) / counts
    return Reliability(edges, counts.astype(np.int64), confidence, frequency)

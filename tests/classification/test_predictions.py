import numpy as np
import pytest

from isagrsc2.classification.predictions import Predictions

# Three classes, two of them cultivated; four chips.
PREDICTIONS = Predictions(
    class_names=("rice", "town", "wheat"),
    cultivated=("rice", "wheat"),
    names=("a", "b", "c", "d"),
    labels=np.array([0, 1, 2, 1]),
    probabilities=np.array([[0.5, 0.25, 0.25], [0.25, 0.5, 0.25], [0.375, 0.5, 0.125], [0.0, 1.0, 0.0]], np.float32),
)


def test_what_follows_from_probabilities():
    assert PREDICTIONS.predicted.tolist() == [0, 1, 1, 1]
    assert PREDICTIONS.p_cultivated.tolist() == [0.75, 0.5, 0.5, 0.0]
    assert PREDICTIONS.is_cultivated.tolist() == [True, False, True, False]


def test_as_binary_keeps_the_answer_to_the_one_question():
    binary = PREDICTIONS.as_binary()
    assert binary.class_names == ("not_cultivated", "cultivated")
    assert binary.labels.tolist() == [1, 0, 1, 0]
    assert binary.probabilities.tolist() == [[0.25, 0.75], [0.5, 0.5], [0.5, 0.5], [1.0, 0.0]]
    assert binary.p_cultivated.tolist() == PREDICTIONS.p_cultivated.tolist()
    assert binary.names == PREDICTIONS.names


def test_misaligned_arrays_are_a_fault():
    with pytest.raises(ValueError, match="expected"):
        Predictions(("a", "b"), ("a",), ("x",), np.array([0, 1]), np.zeros((2, 2), np.float32))

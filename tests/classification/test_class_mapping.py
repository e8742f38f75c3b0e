import numpy as np
import pytest

from isagrsc2.classification.class_mapping import Classes, check_comparable, is_same, predictions_on
from isagrsc2.errors import InputError

TRAINED = Classes("best.ckpt", ("field", "orchard", "road", "wood"), ("field", "orchard"))
# Four chips; every sum is exact in float32.
PROBABILITIES = np.array(
    [[0.5, 0.25, 0.125, 0.125], [0.25, 0.25, 0.5, 0.0], [0.0, 0.25, 0.25, 0.5], [0.0, 0.75, 0.25, 0.0]], np.float32
)
NAMES = ["a.jpg", "b.jpg", "c.jpg", "d.jpg"]


def on(given, labels):
    check_comparable(TRAINED, given)
    return predictions_on(TRAINED, given, NAMES, np.array(labels), PROBABILITIES)


def test_the_same_classes_in_another_order():
    given = Classes("the data set", ("wood", "road", "orchard", "field"), ("orchard", "field"))
    assert is_same(TRAINED, given)
    predictions = on(given, [3, 2, 0, 1])
    assert predictions.class_names == TRAINED.names
    assert predictions.labels.tolist() == [0, 1, 3, 2]
    assert predictions.predicted.tolist() == [0, 2, 3, 1]
    assert predictions.names == tuple(NAMES)


@pytest.mark.parametrize(
    "given",
    [
        Classes("the data set", ("not_cultivated", "cultivated"), ("cultivated",)),
        Classes("the data set", ("beach", "terrace", "forest", "field", "lake"), ("terrace", "field")),
    ],
)
def test_other_classes_are_compared_as_cultivated_or_not(given):
    assert not is_same(TRAINED, given)
    predictions = on(given, [1, 0, 1, 0])
    assert predictions.class_names == ("not_cultivated", "cultivated")
    assert predictions.cultivated == ("cultivated",)
    assert predictions.labels.tolist() == [1, 0, 1, 0]
    assert predictions.probabilities.tolist() == [[0.25, 0.75], [0.5, 0.5], [0.75, 0.25], [0.25, 0.75]]
    assert predictions.is_cultivated.tolist() == [True, False, True, False]


def refused(trained, given):
    with pytest.raises(InputError) as caught:
        check_comparable(trained, given)
    message = str(caught.value)
    assert "\n" not in message
    assert all(name in message for name in (*trained.names, *given.names))
    return message


@pytest.mark.parametrize("cultivated", [(), ("beach", "lake")])
def test_classes_that_do_not_map(cultivated):
    message = refused(TRAINED, Classes("the data set", ("beach", "lake"), cultivated))
    assert "best.ckpt has field, orchard, road, wood (cultivated: field, orchard)" in message
    assert "other classes, which do not map" in message
    assert "data.cultivated" in message
    assert "do not map" in refused(Classes("best.ckpt", ("a", "b"), ()), Classes("the data set", ("c", "d"), ("c",)))


def test_the_same_classes_need_not_divide():
    check_comparable(Classes("best.ckpt", ("a", "b"), ()), Classes("the data set", ("b", "a"), ()))


def test_a_class_on_both_sides_of_the_question():
    given = Classes("the data set", ("field", "orchard", "road", "wood"), ("field",))
    assert "orchard cannot be both cultivated and not" in refused(TRAINED, given)
    other = Classes("the data set", ("wood", "lake"), ("wood",))
    assert "wood cannot be both" in refused(TRAINED, other)

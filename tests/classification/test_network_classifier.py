"""Names and probabilities from logits: a stand-in network whose logits are logarithms of a chip's colours."""

import numpy as np
import pytest
import torch
from torch import nn

from isagrsc2.classification.class_mapping import Classes
from isagrsc2.classification.network_classifier import NetworkClassifier
from isagrsc2.classification.predictor import Classifier
from isagrsc2.errors import InputError

LAND = Classes("test.ckpt", ("circular_farmland", "forest", "terrace"), ("circular_farmland", "terrace"))


class Colours(nn.Module):
    """Shares of the three classes at temperature 1: those of red, green and blue."""

    def forward(self, chips):
        return chips.float().mean(dim=(2, 3)).log()


def classifier(classes=LAND, **changes) -> Classifier:
    arguments = {"temperature": 1.0, "labels": "classes", "threshold": 0.5, "device": "cpu", "batch": 2} | changes
    return NetworkClassifier(Colours(), classes, 1, **arguments)


def chips(*colours):
    return np.array(colours, np.uint8)[:, None, None]


# Shares of circular farmland, forest, terrace: percent.
SHARES = chips((30, 40, 30), (70, 20, 10), (20, 70, 10), (20, 15, 65), (24, 51, 25))


def test_by_hand():
    names, p = classifier().classify(SHARES)
    assert p == pytest.approx([0.6, 0.8, 0.3, 0.85, 0.49])
    assert p.dtype == np.float32
    # In the first, forest has most, but the land is cultivated: the name is the most probable on that side.
    assert names == ["circular_farmland", "circular_farmland", "forest", "terrace", "forest"]
    names, same = classifier(threshold=0.82).classify(SHARES)
    assert names == ["forest", "forest", "forest", "terrace", "forest"]
    assert np.array_equal(same, p)


def test_binary_names_say_the_same_of_being_cultivated():
    binary = classifier(labels="binary")
    assert (binary.class_names, binary.cultivated) == (("cultivated", "not_cultivated"), ("cultivated",))
    names, p = binary.classify(SHARES)
    assert names == ["cultivated", "cultivated", "not_cultivated", "cultivated", "not_cultivated"]
    assert np.array_equal(p, classifier().classify(SHARES)[1])


@pytest.mark.parametrize("temperature", [0.3, 1.0, 4.0])
@pytest.mark.parametrize("threshold", [0.0, 0.4, 0.66, 1.0])
def test_cultivated_names_and_probabilities_agree(threshold, temperature):
    drawn = np.random.default_rng(0).integers(1, 256, (200, 1, 1, 3), dtype=np.uint8)
    several = classifier(threshold=threshold, temperature=temperature)
    names, p = several.classify(drawn)
    assert [name in several.cultivated for name in names] == list(p >= np.float32(threshold))
    binary, _ = classifier(threshold=threshold, temperature=temperature, labels="binary").classify(drawn)
    assert [name == "cultivated" for name in binary] == [name in several.cultivated for name in names]


def test_a_threshold_is_reached_and_not_only_passed():
    half = classifier(Classes("", ("field", "wood", "town"), ("field",)), labels="binary")
    assert half.classify(chips((100, 50, 50), (99, 50, 51)))[0] == ["cultivated", "not_cultivated"]


@pytest.mark.parametrize("cultivated", [LAND.names, ()])
def test_where_all_classes_are_on_one_side_every_parcel_still_has_a_name(cultivated):
    for threshold in (0.0, 1.0):
        names, _ = classifier(Classes("", LAND.names, cultivated), threshold=threshold).classify(SHARES)
        assert names == ["forest", "circular_farmland", "forest", "terrace", "forest"]


def test_no_chips():
    names, p = classifier().classify(np.zeros((0, 1, 1, 3), np.uint8))
    assert (names, p.shape) == ([], (0,))


def test_a_class_cannot_be_called_like_what_has_none():
    with pytest.raises(InputError, match=r"test\.ckpt has field, unclassified .* give classifier\.labels=binary"):
        classifier(Classes("test.ckpt", ("field", "unclassified"), ("field",)))
    classifier(Classes("test.ckpt", ("a", "b", "unclassified"), ("a",)), labels="binary")


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"labels": "folders"}, "classifier.labels=folders is not one of binary, classes"),
        ({"threshold": 1.5}, "classifier.threshold=1.5"),
        ({"batch": 0}, "classifier.batch=0"),
    ],
)
def test_bad_options(changes, words):
    with pytest.raises(InputError, match=words):
        classifier(**changes)


def test_half_precision_networks_are_read_in_single():
    class Half(nn.Module):
        def forward(self, chips):
            return chips.float().mean(dim=(2, 3)).log().to(torch.bfloat16)

    network = NetworkClassifier(Half(), LAND, 1, 1.0, "classes", 0.5, "cpu", 4)
    assert network.classify(SHARES)[1] == pytest.approx([0.6, 0.8, 0.3, 0.85, 0.49], abs=0.02)

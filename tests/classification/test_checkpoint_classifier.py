import numpy as np
import pytest
import torch
from tiny_training import SIZE, brown_and_blue

from isagrsc2.classification.lightning_module import ChipClassifier
from isagrsc2.classification.predictor import Classifier, classifier_from_checkpoint
from isagrsc2.classification.probability import p_cultivated
from isagrsc2.errors import InputError

CHIPS, _ = brown_and_blue(7, seed=3)


def load(checkpoint, network="as_trained", cultivated="as_trained", **changes):
    using = {"labels": "binary", "threshold": 0.5, "device": "cpu", "batch": 4} | changes
    return classifier_from_checkpoint(str(checkpoint), network, cultivated, **using)


def probabilities(checkpoint, **changes):
    return load(checkpoint, **changes).classify(CHIPS)[1]


def edited(checkpoint, path, change):
    """A copy of a checkpoint whose content ``change`` has edited."""
    content = torch.load(checkpoint, weights_only=True)
    change(content)
    torch.save(content, path)
    return path


def test_p_cultivated_by_hand():
    # softmax(0, ln 3) = 1/4, 3/4; at temperature 2: sqrt 3 / (1 + sqrt 3) = 0.6340
    logits = torch.tensor([[0.0, np.log(3)]])
    assert p_cultivated(logits, torch.tensor([False, True]), 1.0).item() == pytest.approx(0.75)
    assert p_cultivated(logits, torch.tensor([False, True]), 2.0).item() == pytest.approx(0.6340, abs=1e-4)
    # softmax(ln 2, ln 3, ln 5) = 0.2, 0.3, 0.5; first and last are cultivated.
    logits = torch.log(torch.tensor([[2.0, 3.0, 5.0]]))
    assert p_cultivated(logits, torch.tensor([True, False, True]), 1.0).item() == pytest.approx(0.7)


def test_round_trip(checkpoint):
    """The predictor computes what the trained module computes."""
    classifier: Classifier = load(checkpoint)
    assert classifier.chip_size == SIZE
    assert (classifier.class_names, classifier.cultivated) == (("cultivated", "not_cultivated"), ("cultivated",))
    _, p = classifier.classify(CHIPS)
    assert p.dtype == np.float32
    # Independent: Lightning's own way of loading.
    module = ChipClassifier.load_from_checkpoint(
        checkpoint,
        class_counts=[4, 4],
        class_weights="equal",
        label_smoothing=0.0,
        channels_last=False,
        compile=False,
        gradient_checkpointing=False,
        optimizer=None,
        scheduler=None,
        weights_only=True,
    ).eval()
    with torch.no_grad():
        logits = module(torch.from_numpy(CHIPS).permute(0, 3, 1, 2)) / module.temperature
    assert p == pytest.approx(logits.softmax(dim=1)[:, 1].numpy(), abs=1e-5)


def test_batch_size_does_not_matter(checkpoint):
    whole = probabilities(checkpoint, batch=7)
    for batch in (1, 3, 100):
        assert np.allclose(probabilities(checkpoint, batch=batch), whole, rtol=0, atol=1e-5)
    _, reverse = load(checkpoint, batch=3).classify(CHIPS[::-1].copy())
    assert np.allclose(reverse[::-1], whole, rtol=0, atol=1e-5)


def test_no_chips(checkpoint):
    names, p = load(checkpoint).classify(np.zeros((0, SIZE, SIZE, 3), np.uint8))
    assert p.shape == (0,)
    assert names == []


def test_other_classes_can_count_as_cultivated(checkpoint):
    swapped = probabilities(checkpoint, cultivated=["not_cultivated"])
    assert np.allclose(swapped, 1 - probabilities(checkpoint), atol=1e-5)


def test_parcels_are_named_by_the_classes_of_the_checkpoint(checkpoint, tmp_path):
    def rename(content):
        content["hyper_parameters"].update(class_names=["forest", "terrace"], cultivated=["terrace"])

    renamed = edited(checkpoint, tmp_path / "renamed.ckpt", rename)
    classifier = load(renamed, labels="classes")
    assert (classifier.class_names, classifier.cultivated) == (("forest", "terrace"), ("terrace",))
    names, p = classifier.classify(CHIPS)
    assert names == ["terrace" if one >= 0.5 else "forest" for one in p]
    assert np.array_equal(p, probabilities(checkpoint))


def test_temperature_of_the_checkpoint_is_used(checkpoint, tmp_path):
    hot = edited(checkpoint, tmp_path / "hot.ckpt", lambda c: c["hyper_parameters"].update(temperature=1e6))
    assert probabilities(hot) == pytest.approx(0.5, abs=1e-3)


def test_absent_checkpoint(tmp_path):
    with pytest.raises(InputError, match=r"gone\.ckpt does not exist; give classifier\.checkpoint=PATH"):
        load(tmp_path / "gone.ckpt")


@pytest.mark.parametrize("keep", [0, 10, 100_000])
def test_truncated_checkpoint(checkpoint, tmp_path, keep):
    (tmp_path / "cut.ckpt").write_bytes(checkpoint.read_bytes()[:keep])
    with pytest.raises(InputError, match=r"cut\.ckpt is damaged") as caught:
        load(tmp_path / "cut.ckpt")
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("content", [{"state_dict": {}}, [1, 2], {"hyper_parameters": {"chip_size": 3}, "state_dict": {}}])
def test_file_that_train_did_not_write(tmp_path, content):
    torch.save(content, tmp_path / "other.ckpt")
    with pytest.raises(InputError, match=r"other\.ckpt is not a checkpoint written by train\.py"):
        load(tmp_path / "other.ckpt")


def test_the_network_that_was_asked_for_is_accepted(checkpoint):
    wanted = {"architecture": "resnet18", "attention": "cbam", "colour": "none"}
    assert np.array_equal(probabilities(checkpoint, network=wanted), probabilities(checkpoint))


@pytest.mark.parametrize(
    ("architecture", "attention", "colour", "words"),
    [
        ("resnet50", "cbam", "none", "resnet50 with attention cbam"),
        ("resnet18", "none", "none", "resnet18 with attention none"),
        ("resnet18", "cbam", "hue_richness", "resnet18 with attention cbam, colour hue_richness"),
    ],
)
def test_checkpoint_of_another_network_names_both(checkpoint, architecture, attention, colour, words):
    with pytest.raises(InputError, match=f"holds resnet18 with attention cbam, but {words} was asked for"):
        load(checkpoint, {"architecture": architecture, "attention": attention, "colour": colour})


def test_a_network_by_its_name_alone_is_not_understood(checkpoint):
    with pytest.raises(InputError, match=r"classifier\.network=resnet18 is not as_trained"):
        load(checkpoint, "resnet18")


def test_checkpoint_of_other_classes_names_both(checkpoint):
    with pytest.raises(InputError, match=r"not_cultivated, cultivated; classifier\.cultivated=\['terrace'\]"):
        load(checkpoint, cultivated=["terrace"])


def test_weights_that_contradict_the_class_list(checkpoint, tmp_path):
    three = edited(checkpoint, tmp_path / "three.ckpt", lambda c: c["hyper_parameters"]["class_names"].append("water"))
    with pytest.raises(InputError, match=r"3 classes not_cultivated, cultivated, water.*size mismatch") as caught:
        load(three)
    assert "\n" not in str(caught.value)

"""Files of a classifier's weights alone: what was written comes back, and is used like the checkpoint it is from."""

import hashlib
import json

import pytest
import torch
from safetensors import safe_open
from safetensors.torch import load_file, save_file
from tiny_training import SIZE, brown_and_blue

from isagrsc2.classification.export import main
from isagrsc2.classification.predictor import classifier_from_checkpoint
from isagrsc2.classification.trained import load_trained
from isagrsc2.classification.weights_file import FORMAT
from isagrsc2.errors import InputError
from isagrsc2.weights import registry
from isagrsc2.weights.registry import EmbeddedWeights

REMEDY = "give another."

CHIPS, _ = brown_and_blue(5, seed=3)


@pytest.fixture(scope="module")
def exported(checkpoint, tmp_path_factory):
    path = tmp_path_factory.mktemp("exported") / "small.safetensors"
    assert main([str(checkpoint), str(path)]) == 0
    return path


def probabilities(checkpoint):
    using = {"labels": "binary", "threshold": 0.5, "device": "cpu", "batch": 4}
    return classifier_from_checkpoint(str(checkpoint), "as_trained", "as_trained", **using).classify(CHIPS)[1]


def changed(exported, path, drop=(), **metadata):
    """A copy of a file of weights with other metadata."""
    with safe_open(exported, framework="pt") as file:
        about = file.metadata()
    save_file(load_file(exported), path, {key: value for key, value in (about | metadata).items() if key not in drop})
    return path


def test_everything_comes_back(checkpoint, exported):
    before, after = load_trained(checkpoint, REMEDY), load_trained(exported, REMEDY)
    assert after.description == before.description
    assert not after.network.training
    theirs = before.network.state_dict()
    own = after.network.state_dict()
    assert own.keys() == theirs.keys()
    assert all(torch.equal(value, theirs[name]) for name, value in own.items())
    assert {value.dtype for value in own.values() if value.is_floating_point()} == {torch.float32}


def test_it_classifies_like_the_checkpoint_and_is_smaller(checkpoint, exported):
    assert (probabilities(exported) == probabilities(checkpoint)).all()
    assert exported.stat().st_size < checkpoint.stat().st_size / 2  # AdamW keeps two numbers for every weight


def test_the_metadata_are_plain(exported):
    """Readable without this program: strings, JSON but for the format."""
    with safe_open(exported, framework="pt") as file:
        about = file.metadata()
    assert about.pop("format") == FORMAT == "isagrsc2 classifier 1"
    values = {name: json.loads(value) for name, value in about.items()}
    assert values.keys() == {"backbone", "class_names", "cultivated", "chip_size", "temperature", "trained_on"}
    assert values["class_names"] == ["not_cultivated", "cultivated"]
    assert values["chip_size"] == SIZE
    assert values["backbone"]["attention"] == "cbam"


def test_the_command_says_what_it_wrote(checkpoint, tmp_path, capsys):
    path = tmp_path / "mine.safetensors"
    assert main([str(checkpoint), str(path)]) == 0
    assert capsys.readouterr().out == f"{path}: {path.stat().st_size / 1e6:.1f} MB\n"
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize(
    ("source", "target", "message"),
    [
        ("gone.ckpt", "a.safetensors", "gone.ckpt does not exist; give a checkpoint written by train.py."),
        ("gone.ckpt", "a.pt", "a.pt cannot be written; give the name of a file that ends in .safetensors"),
        ("gone.ckpt", "none/a.safetensors", "a.safetensors cannot be written; give the name"),
    ],
)
def test_the_command_refuses_in_one_line(tmp_path, capsys, source, target, message):
    assert main([str(tmp_path / source), str(tmp_path / target)]) == 2
    said = capsys.readouterr().err
    assert message in said
    assert said.count("\n") == 1
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("keep", [0, 5, 20_000])
def test_a_damaged_file(exported, tmp_path, keep):
    path = tmp_path / "cut.safetensors"
    path.write_bytes(exported.read_bytes()[:keep])
    with pytest.raises(InputError, match=r"cut\.safetensors is damaged or no safetensors \(.*\); give another\.$") as caught:
        load_trained(path, REMEDY)
    assert "\n" not in str(caught.value)


def test_an_absent_file(tmp_path):
    with pytest.raises(InputError, match=r"gone\.safetensors does not exist; give another\.$"):
        load_trained(tmp_path / "gone.safetensors", REMEDY)


def test_weights_of_something_else(tmp_path):
    save_file({"weight": torch.zeros(2)}, tmp_path / "other.safetensors")
    with pytest.raises(InputError, match=r"other\.safetensors holds no classifier; give another\."):
        load_trained(tmp_path / "other.safetensors", REMEDY)


@pytest.mark.parametrize(
    ("drop", "metadata", "message"),
    [
        (("temperature",), {}, "does not describe its classifier; give another"),
        ((), {"backbone": '{"architecture": "resnet18"}'}, "does not describe its classifier"),
        ((), {"backbone": "resnet18"}, "describes its classifier in a way that cannot be read"),
        ((), {"class_names": '["a", "b", "c"]'}, "does not hold resnet18 .* the 3 classes a, b, c: .*size mismatch"),
    ],
)
def test_descriptions_that_do_not_fit(exported, tmp_path, drop, metadata, message):
    with pytest.raises(InputError, match=message) as caught:
        load_trained(changed(exported, tmp_path / "odd.safetensors", drop, **metadata), REMEDY)
    assert "\n" not in str(caught.value)


def test_a_classifier_in_the_package(exported, monkeypatch):
    """``classifier=embedded``, with a package that has this one."""
    content = exported.read_bytes()
    weights = EmbeddedWeights(
        "classifier", "", exported.name, hashlib.sha256(content).hexdigest(), len(content), "MIT", "chips", "train", "1 s"
    )
    monkeypatch.setattr(registry, "EMBEDDED", (weights,))
    monkeypatch.setattr(registry, "FOLDER", exported.parent)
    assert (probabilities("embedded") == probabilities(exported)).all()


def test_a_package_without_a_classifier(monkeypatch):
    monkeypatch.setattr(registry, "EMBEDDED", ())
    with pytest.raises(InputError, match=r"no weights `classifier` are in this version .*\(it has: none\), .* give a PATH\."):
        probabilities("embedded")

import pytest
import torch
from tiny_training import BACKBONE, SIZE, brown_and_blue, make_module

from isagrsc2.classification.networks.build import build_network
from isagrsc2.classification.trained import check_same_network, load_trained, read_checkpoint
from isagrsc2.errors import InputError

REMEDY = "give another."


def written(path, network, backbone, classes=("a", "b"), **changes):
    """A file of the parts of a checkpoint that describe and hold a network."""
    parameters = {"backbone": backbone, "class_names": list(classes), "cultivated": ["b"], "chip_size": 32, "temperature": 1.5}
    parameters["trained_on"] = {"root": "chips"}
    state = {f"net.{key}": value for key, value in network.state_dict().items()}
    torch.save({"hyper_parameters": parameters | changes, "state_dict": state}, path)
    return path


def test_what_train_wrote_is_restored(checkpoint):
    trained = load_trained(checkpoint, REMEDY)
    assert trained.backbone == BACKBONE
    assert trained.class_names == ("not_cultivated", "cultivated")
    assert trained.cultivated == ("cultivated",)
    assert trained.chip_size == SIZE
    assert trained.temperature > 0
    assert not trained.network.training
    content = torch.load(checkpoint, weights_only=True)["state_dict"]
    restored = trained.network.state_dict()
    assert {f"net.{key}" for key in restored} <= content.keys()
    assert all(torch.equal(value, content[f"net.{key}"]) for key, value in restored.items())


@pytest.mark.parametrize(
    "parts",
    [
        {"architecture": "squeezenet1_0", "attention": "cbam", "normalisation": "mean_only", "pretrained": "gone.safetensors"},
        {"attention": "none", "colour": "hue_richness", "pretrained": True},
        {"attention": "cbam", "frozen": True},
    ],
)
def test_any_network_comes_back_without_its_first_weights(tmp_path, parts):
    """The file it was started from may be gone, and nothing is fetched."""
    backbone = {**BACKBONE, **parts}
    network = build_network(backbone, 2).eval()
    trained = load_trained(written(tmp_path / "any.ckpt", network, backbone), REMEDY)
    chips = torch.from_numpy(brown_and_blue(3)[0]).permute(0, 3, 1, 2)
    with torch.no_grad():
        assert torch.equal(trained.network(chips), network(chips))
    assert (trained.chip_size, trained.temperature) == (32, 1.5)


@pytest.mark.parametrize("part", ["architecture", "attention", "colour", "frozen"])
def test_checkpoint_that_does_not_describe_its_network(tmp_path, part):
    network = build_network(BACKBONE, 2)
    incomplete = {key: value for key, value in BACKBONE.items() if key != part}
    with pytest.raises(InputError, match=r"old\.ckpt is not a checkpoint written by train\.py; give another\."):
        load_trained(written(tmp_path / "old.ckpt", network, incomplete), REMEDY)


def test_weights_of_another_network_than_described(tmp_path):
    described = {**BACKBONE, "attention": "none"}
    path = written(tmp_path / "mixed.ckpt", build_network(BACKBONE, 2), described)
    with pytest.raises(
        InputError, match=r"mixed\.ckpt does not hold resnet18 with attention none and the 2 classes a, b: "
    ) as caught:
        load_trained(path, REMEDY)
    assert "\n" not in str(caught.value)


def test_absent_file_ends_with_the_remedy(tmp_path):
    with pytest.raises(InputError, match=r"gone\.ckpt does not exist; give another\."):
        read_checkpoint(tmp_path / "gone.ckpt", REMEDY)


def test_networks_are_compared_by_what_is_asked(tmp_path):
    path = tmp_path / "a.ckpt"
    check_same_network(path, BACKBONE, {**BACKBONE, "pretrained": "elsewhere", "normalisation": "clip"})
    check_same_network(
        path, {**BACKBONE, "frozen": True}, {part: BACKBONE[part] for part in ("architecture", "attention", "colour")}
    )
    with pytest.raises(
        InputError, match="holds resnet18 with attention cbam, frozen, but resnet18 with attention cbam was asked"
    ):
        check_same_network(path, {**BACKBONE, "frozen": True}, BACKBONE)


def test_module_starts_from_a_file(tmp_path):
    """What `model.backbone.pretrained=PATH` leads to."""
    source = build_network({**BACKBONE, "attention": "none"}, 2)
    torch.save(source.body.state_dict(), tmp_path / "plain.pth")
    backbone = {**BACKBONE, "pretrained": str(tmp_path / "plain.pth"), "normalisation": "imagenet"}
    module = make_module(backbone=backbone)
    assert torch.equal(module.net.body.conv1.weight, source.body.conv1.weight)
    assert module.hparams["backbone"] == backbone

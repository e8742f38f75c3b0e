import pytest
import torch
from safetensors.torch import save_file
from tiny_training import BACKBONE, make_module

from isagrsc2.classification.first_weights import give_first_weights
from isagrsc2.classification.networks.build import build_network
from isagrsc2.classification.trained import load_trained
from isagrsc2.classification.weights_file import write_classifier
from isagrsc2.errors import InputError
from isagrsc2.weights.embedded import locate_embedded

NAMES = ("not_cultivated", "cultivated")
SQUEEZENET = {
    "architecture": "squeezenet1_0",
    "attention": "cbam",
    "colour": "none",
    "frozen": False,
    "normalisation": "imagenet",
}
HEAD = ("body.fc.weight", "body.fc.bias")


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    """A ResNet-18 with CBAM that was trained before, in both kinds of file."""
    torch.manual_seed(5)
    module, folder = make_module(), tmp_path_factory.mktemp("trained")
    description = {**module.hparams, "temperature": 1.5}
    content = {"hyper_parameters": description, "state_dict": module.state_dict()}
    torch.save(content, folder / "best.ckpt")
    write_classifier(module.net, description, folder / "best.safetensors")
    return module.net.state_dict(), folder


def started(pretrained, names=NAMES, **changes):
    torch.manual_seed(6)
    backbone = {**BACKBONE, "normalisation": "imagenet", **changes, "pretrained": str(pretrained)}
    network = build_network(backbone, len(names))
    give_first_weights(network, backbone, names)
    return network.state_dict()


@pytest.mark.parametrize("file", ["best.ckpt", "best.safetensors"])
def test_a_trained_classifier_goes_on_as_it_was(trained, file):
    state, folder = trained
    own = started(folder / file)
    assert all(torch.equal(own[key], state[key]) for key in state)
    frozen = started(folder / file, frozen=True)  # only the last layer is to learn
    assert all(torch.equal(frozen[key], state[key]) for key in state)


@pytest.mark.parametrize("names", [NAMES[::-1], ("field", "forest", "town")])
def test_the_last_layer_of_other_classes_stays_random(trained, names):
    state, folder = trained
    own, random = started(folder / "best.ckpt", names), build(names)
    for key in state:
        assert torch.equal(own[key], random[key] if key in HEAD else state[key]), key


def build(names):
    torch.manual_seed(6)
    return build_network(BACKBONE, len(names)).state_dict()


def test_the_classifier_in_the_package():
    state = load_trained(locate_embedded("classifier"), "").network.state_dict()
    own = started("embedded", **SQUEEZENET)
    assert all(torch.equal(own[key], state[key]) for key in state)


def test_weights_of_a_plain_network_start_as_before(tmp_path):
    plain = build_network({**BACKBONE, "attention": "none"}, 2).body.state_dict()
    save_file(plain, tmp_path / "plain.safetensors")
    torch.save(plain, tmp_path / "plain.ckpt")
    for file in ("plain.safetensors", "plain.ckpt"):
        assert torch.equal(started(tmp_path / file)["body.conv1.weight"], plain["conv1.weight"])


def test_bad_input(trained, tmp_path):
    folder = trained[1]
    with pytest.raises(InputError, match=r"classifier\.safetensors holds .*squeezenet1_0.*, but .*resnet18.* was asked for"):
        started("embedded")
    with pytest.raises(InputError, match=r"best\.ckpt holds .*cbam.*, but .*resnet18.* was asked for"):
        started(folder / "best.ckpt", attention="none")
    with pytest.raises(InputError, match=r"absent\.ckpt does not exist; check model\.backbone\.pretrained"):
        started(tmp_path / "absent.ckpt")
    (tmp_path / "cut.safetensors").write_bytes((folder / "best.safetensors").read_bytes()[:1000])
    with pytest.raises(InputError, match=r"cut\.safetensors is damaged"):
        started(tmp_path / "cut.safetensors")

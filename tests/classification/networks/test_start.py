import pytest
import timm
import torch
from safetensors.torch import save_file
from torchvision.models import SqueezeNet1_0_Weights

from isagrsc2.classification.networks.build import build_network
from isagrsc2.classification.networks.start import attention_keys, start_from
from isagrsc2.errors import InputError

BACKBONE = {"architecture": "resnet18", "attention": "cbam", "colour": "none", "frozen": False}


@pytest.fixture(scope="module")
def imagenet():
    """Weights of a plain ResNet-18 with ImageNet's 1000 classes (random here)."""
    torch.manual_seed(1)
    return timm.create_model("resnet18", num_classes=1000).state_dict()


def built(**changes):
    torch.manual_seed(2)
    return build_network({**BACKBONE, **changes}, 2)


def start(network, path, **changes):
    start_from(network, {**BACKBONE, "pretrained": str(path), "normalisation": "imagenet", **changes})


def saved(state, path):
    torch.save(state, path) if path.suffix == ".pth" else save_file(state, path)
    return path


@pytest.mark.parametrize("suffix", ["pth", "safetensors"])
@pytest.mark.parametrize("colour", ["none", "hue_richness"])
def test_everything_but_attention_and_head_comes_from_the_file(tmp_path, imagenet, suffix, colour):
    network, untouched = built(colour=colour), built(colour=colour).body.state_dict()
    start(network, saved(imagenet, tmp_path / f"resnet18.{suffix}"))
    attention = attention_keys(network)
    assert len(attention) == 8 * 8
    for key, value in network.body.state_dict().items():
        if key.startswith("fc."):
            assert torch.equal(value, untouched[key])
        elif ".bn2." in key and key.endswith(("weight", "bias")):
            assert torch.equal(value, 4 * imagenet[key]), key  # what the gates, at rest, divide again
        elif key not in attention:
            assert torch.equal(value, imagenet[key]), key


def test_attention_keys_are_what_the_plain_network_lacks():
    assert attention_keys(built()) == built().body.state_dict().keys() - built(attention="none").body.state_dict().keys()
    assert attention_keys(built(attention="none")) == set()


def test_head_is_loaded_where_the_classes_agree(tmp_path):
    source = built(attention="none").body.state_dict()
    network = build_network(BACKBONE, 2)
    start(network, saved(source, tmp_path / "two.pth"))
    assert torch.equal(network.body.fc.weight, source["fc.weight"])


def test_weights_with_all_of_the_attention_load_as_they_are(tmp_path):
    expected = built().body.state_dict()
    network = build_network(BACKBONE, 2)
    start(network, saved(expected, tmp_path / "cbam.pth"))
    assert all(torch.equal(value, expected[key]) for key, value in network.body.state_dict().items())


def test_files_without_batch_counters_load(tmp_path, imagenet):
    state = {key: value for key, value in imagenet.items() if not key.endswith("num_batches_tracked")}
    start(built(), saved(state, tmp_path / "old.pth"))


def without(state, key):
    return {name: value for name, value in state.items() if name != key}


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda s: without(s, "layer1.0.conv1.weight"), r"lacks layer1\.0\.conv1\.weight;"),
        (lambda s: s | {"extra.weight": torch.zeros(1)}, r"no extra\.weight;"),
        (lambda s: s | {"conv1.weight": torch.zeros(64, 3, 3, 3)}, r"other shapes of conv1\.weight;"),
        # Part of the attention is neither none nor all of it.
        (lambda s: s | {"layer1.0.se.channel.fc1.weight": torch.zeros(4, 64, 1, 1)}, r"lacks layer1\.0\.se\.channel\.fc2"),
    ],
)
def test_misfits_are_named_and_nothing_is_loaded(tmp_path, imagenet, change, words):
    network, untouched = built(), built().body.state_dict()
    with pytest.raises(InputError, match=words):
        start(network, saved(change(dict(imagenet)), tmp_path / "bad.pth"))
    assert all(torch.equal(value, untouched[key]) for key, value in network.body.state_dict().items())


@pytest.mark.parametrize(
    ("parts", "words"),
    [
        ({}, "normalisation=mean_only is not one of imagenet"),
        ({"architecture": "squeezenet1_0"}, "normalisation=clip is not one of imagenet, mean_only"),
    ],
)
def test_normalisations_a_network_does_not_understand(tmp_path, parts, words):
    given = words.split("=")[1].split()[0]
    with pytest.raises(InputError, match=words):
        start(built(**parts), tmp_path / "any.pth", normalisation=given)


@pytest.mark.parametrize("name", ["absent.pth", "absent.safetensors"])
def test_absent_file(tmp_path, name):
    with pytest.raises(InputError, match=f"{name} does not exist"):
        start(built(), tmp_path / name)


@pytest.mark.parametrize("name", ["cut.pth", "cut.safetensors"])
def test_truncated_file(tmp_path, imagenet, name):
    path = saved(imagenet, tmp_path / name)
    path.write_bytes(path.read_bytes()[:10_000])
    with pytest.raises(InputError, match=rf"{name} is damaged") as caught:
        start(built(), path)
    assert "\n" not in str(caught.value)


def test_file_of_something_else(tmp_path):
    torch.save({"epoch": 3}, tmp_path / "other.pth")
    with pytest.raises(InputError, match="no plain state dict"):
        start(built(), tmp_path / "other.pth")


def test_false_stays_random():
    network = built()
    start_from(network, {**BACKBONE, "pretrained": False})
    assert torch.equal(network.body.conv1.weight, built().body.conv1.weight)


def test_official_weights_are_fetched_by_timm(monkeypatch, imagenet):
    source = timm.create_model("resnet18", num_classes=1000)
    source.load_state_dict(imagenet)
    network = built()
    monkeypatch.setattr(timm, "create_model", lambda name, pretrained: source)
    start_from(network, {**BACKBONE, "pretrained": True})
    assert torch.equal(network.body.conv1.weight, imagenet["conv1.weight"])


def unreachable(*args, **kwargs):
    raise ConnectionError("no route to host\nand more")


@pytest.mark.parametrize("architecture", ["resnet18", "squeezenet1_0"])
def test_unreachable_official_weights_are_one_line(monkeypatch, architecture):
    network = built(architecture=architecture)
    monkeypatch.setattr(timm, "create_model", unreachable)
    monkeypatch.setattr(SqueezeNet1_0_Weights, "get_state_dict", unreachable)
    words = (
        rf"{architecture} could not be fetched \(no route to host\); .*pretrained=PATH, or model\.backbone\.pretrained=false"
    )
    with pytest.raises(InputError, match=words):
        start_from(network, {**BACKBONE, "architecture": architecture, "pretrained": True})


def test_official_squeezenet_expects_imagenets_normalisation_whatever_a_file_does(monkeypatch):
    """`normalisation` is about files: the option of the model may name another."""
    state = built(architecture="squeezenet1_0", attention="none").body.state_dict()
    monkeypatch.setattr(SqueezeNet1_0_Weights, "get_state_dict", lambda self, **options: state)
    network = build_network({**BACKBONE, "architecture": "squeezenet1_0"}, 2)
    start_from(network, {**BACKBONE, "architecture": "squeezenet1_0", "pretrained": True, "normalisation": "mean_only"})
    assert torch.equal(network.body.features[0].weight, state["features.0.weight"])

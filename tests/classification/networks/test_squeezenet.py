import pytest
import torch
from safetensors.torch import save_file
from timm.layers.cbam import CbamModule
from torchvision.models import squeezenet1_0
from torchvision.models.squeezenet import Fire

from isagrsc2.classification.networks.build import build_network
from isagrsc2.classification.networks.normalisation import NORMALISATIONS, Normalisation
from isagrsc2.classification.networks.squeezenet import SqueezeNetNetwork
from isagrsc2.classification.networks.start import start_from

CLASSES = 5
CHIPS = torch.randint(0, 256, (3, 3, 96, 96), dtype=torch.uint8, generator=torch.Generator().manual_seed(0))


@pytest.fixture
def official():
    """torchvision's network with weights that have biases, in evaluation."""
    torch.manual_seed(1)
    network = squeezenet1_0(num_classes=CLASSES).eval()
    for name, parameter in network.named_parameters():
        if name.endswith(".bias"):
            torch.nn.init.uniform_(parameter, -0.5, 0.5)
    return network


def started(path, normalisation, attention):
    backbone = {"architecture": "squeezenet1_0", "attention": attention, "colour": "none", "frozen": False}
    backbone |= {"pretrained": str(path), "normalisation": normalisation}
    network = build_network(backbone, CLASSES).eval()
    start_from(network, backbone)
    return network


@pytest.mark.parametrize("attention", ["none", "cbam"])
@pytest.mark.parametrize("normalisation", ["imagenet", "mean_only"])
def test_a_file_is_understood_whatever_it_was_trained_with(official, tmp_path, normalisation, attention):
    """The oracle is torchvision's network on input as the file expects it."""
    save_file(official.state_dict(), tmp_path / "weights.safetensors")
    network = started(tmp_path / "weights.safetensors", normalisation, attention)
    with torch.no_grad():
        features = official.features(Normalisation(NORMALISATIONS[normalisation])(CHIPS))
        expected = official.classifier[1](features).mean(dim=(2, 3))  # torchvision has a ReLU before the mean
        tolerance = 1e-5 * expected.abs().max().item()
        assert torch.allclose(network(CHIPS), expected, rtol=1e-4, atol=tolerance)


def test_weights_for_large_input_give_features_of_ordinary_size(official, tmp_path):
    """Else gates of attention would be saturated from the first step."""
    save_file(official.state_dict(), tmp_path / "weights.safetensors")
    network = started(tmp_path / "weights.safetensors", "mean_only", "none")
    with torch.no_grad():
        theirs = official.features(Normalisation(NORMALISATIONS["mean_only"])(CHIPS))
        ours = network.body.features(network.normalise(CHIPS))
    # 255 x (0.229 + 0.224 + 0.225) / 3
    assert torch.allclose(theirs / 57.63, ours, rtol=1e-4, atol=1e-4)
    kernels = [net.features[0].weight.std().item() for net in (official, network.body)]
    assert kernels[1] == pytest.approx(kernels[0], rel=0.05)


def test_half_precision_becomes_single(official, tmp_path):
    save_file({key: value.half() for key, value in official.state_dict().items()}, tmp_path / "half.safetensors")
    network = started(tmp_path / "half.safetensors", "mean_only", "cbam")
    assert {parameter.dtype for parameter in network.parameters()} == {torch.float32}


def test_attention_follows_every_fire_module():
    body = SqueezeNetNetwork("cbam", 2).body
    places = [isinstance(attention, CbamModule) for attention in body.attention]
    assert places == [isinstance(layer, Fire) for layer in body.features]
    assert sum(places) == 8
    names = set(squeezenet1_0(num_classes=2).state_dict())
    assert {name for name in body.state_dict() if not name.startswith("attention.")} == names


def test_a_fire_modules_output_is_what_attention_sees(official):
    network = SqueezeNetNetwork("cbam", CLASSES).eval()
    network.body.load_state_dict(official.state_dict(), strict=False)
    with torch.no_grad():
        x = network.normalise(CHIPS)
        for layer, attention in zip(official.features, network.body.attention, strict=True):
            x = attention(layer(x))
        assert torch.allclose(network(CHIPS), official.classifier[1](x).mean(dim=(2, 3)), atol=1e-5)


def test_logits_may_be_negative():
    network = SqueezeNetNetwork("none", CLASSES).eval()
    torch.nn.init.constant_(network.get_classifier().bias, -3.0)
    torch.nn.init.zeros_(network.get_classifier().weight)
    assert torch.equal(network(CHIPS), torch.full((3, CLASSES), -3.0))

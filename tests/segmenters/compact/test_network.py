"""The network that draws borders: its shapes, and weights of SqueezeNet that start it."""

import pytest
import torch
from torch.nn import functional as F
from torchvision.models import squeezenet1_0

from isagrsc2.segmenters.compact.network import MAPS, BorderNetwork, encoder_weights, fold_normalisation


@pytest.mark.parametrize("shape", [(64, 64), (33, 50), (1, 1)])
def test_maps_have_the_size_of_the_image(shape: tuple[int, int]) -> None:
    network = BorderNetwork().eval()
    with torch.no_grad():
        assert network(torch.zeros(2, 3, *shape, dtype=torch.uint8)).shape == (2, MAPS, *shape)


def test_parameters() -> None:
    count = sum(parameter.numel() for parameter in BorderNetwork().parameters())
    assert 1.4e6 < count < 1.6e6


def test_without_normalisation_it_gives_the_same() -> None:
    torch.manual_seed(0)
    network = BorderNetwork()
    images = torch.randint(0, 256, (4, 3, 70, 90), dtype=torch.uint8)
    for module in network.modules():
        if isinstance(module, torch.nn.BatchNorm2d):
            torch.nn.init.uniform_(module.weight, 0.5, 2.0)
            torch.nn.init.normal_(module.bias)
    for _ in range(3):
        network(images)  # means and variances of some images
    network.eval()
    before = {name: value.clone() for name, value in network.state_dict().items()}
    folded = fold_normalisation(network)
    assert not any(isinstance(module, torch.nn.BatchNorm2d) for module in folded.modules())
    with torch.no_grad():
        expected, given = network(images), folded(images)
    assert expected.abs().max() > 1
    assert torch.allclose(given, expected, rtol=1e-3, atol=1e-3)
    assert all(torch.equal(value, before[name]) for name, value in network.state_dict().items())


@pytest.mark.parametrize("deviation", [1.0, 57.4])
def test_the_encoder_does_what_squeezenet_does(deviation: float) -> None:
    torch.manual_seed(0)
    theirs, own = squeezenet1_0().eval(), BorderNetwork().eval()
    for parameter in theirs.parameters():
        torch.nn.init.normal_(parameter, std=0.1)
    lacking = own.load_state_dict(encoder_weights(theirs.state_dict(), deviation), strict=False)
    assert not lacking.unexpected_keys
    assert not [name for name in lacking.missing_keys if name.startswith(("stem", "fires"))]
    image = torch.rand(1, 3, 64, 64) * 255
    with torch.no_grad():
        stem = F.relu(own.stem((image - own.mean) / 58.0))
        # Without padding their windows begin at pixel 0, ours at pixel -3: a shift by one pixel makes centres coincide.
        expected = theirs.features[:2]((image[..., 1:, 1:] - own.mean) / deviation)
        assert torch.allclose(stem[..., 2:30, 2:30], expected[..., :28, :28] * deviation / 58.0, rtol=1e-3, atol=1e-4)
        fire = own.fires[0][0](expected * deviation / 58.0)
        assert torch.allclose(fire, theirs.features[3](expected) * deviation / 58.0, rtol=1e-3, atol=1e-4)


def test_weights_of_another_network_are_refused() -> None:
    with pytest.raises(KeyError):
        encoder_weights({"features.0.weight": torch.zeros(96, 3, 7, 7)}, 1.0)

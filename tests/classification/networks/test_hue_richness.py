import colorsys
import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from isagrsc2.classification.networks.hue_richness import HueRichnessNetwork, hue_vectors, richness


def chip(*colours, size=2):
    """(1, 3, size, size) uint8 of colours in rows; what is left is black."""
    pixels = torch.zeros(size * size, 3, dtype=torch.uint8)
    pixels[: len(colours)] = torch.tensor(colours, dtype=torch.uint8).view(-1, 3)
    return pixels.T.reshape(1, 3, size, size)


@pytest.fixture
def network():
    torch.manual_seed(0)
    return HueRichnessNetwork("resnet18", "none", 4).eval()


def unattended(network):
    """Set every gate to 1/2."""
    for part in (0, 2):
        torch.nn.init.zeros_(network.attend[part].weight)
        torch.nn.init.zeros_(network.attend[part].bias)
    return network


byte = st.integers(0, 255)


@given(st.lists(st.tuples(byte, byte, byte), min_size=4, max_size=4))
def test_hue_is_that_of_the_standard_library(colours):
    found = hue_vectors(chip(*colours))[0].flatten(1).T  # (4, 2)
    for vector, colour in zip(found.tolist(), colours, strict=True):
        hue, saturation, _ = colorsys.rgb_to_hsv(*(value / 255 for value in colour))
        expected = (math.cos(2 * math.pi * hue), math.sin(2 * math.pi * hue)) if saturation else (0.0, 0.0)
        assert vector == pytest.approx(expected, abs=1e-5)


def test_richness_by_hand():
    # Two colours and two black pixels: R has 1 and 2, G has 5 and 5, B has 0 and 255: (2 + 1 + 2) / 3 / 256.
    assert richness(chip((1, 5, 0), (2, 5, 255))).item() == pytest.approx(5 / 3 / 256)
    assert richness(chip()).item() == 0
    # Greys of every byte; the black one counts as outside.
    assert richness(torch.arange(256, dtype=torch.uint8).view(1, 1, 16, 16).expand(1, 3, 16, 16)).item() == 255 / 256


def test_every_byte_occupies_a_bin_of_its_own():
    levels = torch.arange(256, dtype=torch.uint8)
    chips = torch.stack([levels, levels.flip(0), levels.roll(7)]).view(1, 3, 16, 16)
    assert richness(chips).item() == 1.0


def test_mean_hue_by_hand(network):
    """Red and green, gates 1/2: (1, 0) and (-1/2, sqrt 3 / 2), so their mean is (1/4, sqrt 3 / 4) and half of it times 3."""
    colours = unattended(network).colours(chip((200, 0, 0), (0, 90, 0)))[0]
    assert colours[:2].tolist() == pytest.approx([3 / 8, 3 * math.sqrt(3) / 8], abs=1e-6)
    # R has 0 and 200, G has 0 and 90, B has 0: 5 / 3 of 256 bins, times 2.
    assert colours[2].item() == pytest.approx(2 * 5 / 3 / 256)


def test_hues_on_both_sides_of_red_are_alike(network):
    """The mean of 359 and 1 degrees is 0, not 180."""
    colours = unattended(network).colours(chip((255, 0, 4), (255, 4, 0)))[0]
    assert colours[1].item() == pytest.approx(0, abs=1e-6)
    assert colours[0].item() == pytest.approx(3 / 2, rel=1e-3)


def test_black_pixels_outside_the_segment_do_not_count(network):
    small, large = chip((90, 120, 30), (100, 60, 20), size=2), chip((90, 120, 30), (100, 60, 20), size=8)
    with torch.no_grad():
        assert torch.allclose(network.colours(small), network.colours(large), atol=1e-6)


def test_grey_has_no_hue_and_black_chips_are_harmless(network):
    chips = torch.cat([chip(*[(77, 77, 77)] * 4), chip()])
    colours = network.colours(chips)
    assert torch.equal(colours[:, :2], torch.zeros(2, 2))
    network(torch.cat([torch.zeros(1, 3, 64, 64, dtype=torch.uint8)] * 2)).sum().backward()
    assert all(torch.isfinite(p.grad).all() for p in network.parameters() if p.grad is not None)


def test_chips_do_not_see_each_other(network):
    chips = torch.randint(0, 256, (5, 3, 16, 16), dtype=torch.uint8, generator=torch.Generator().manual_seed(2))
    with torch.no_grad():
        together = network.colours(chips)
        assert torch.allclose(together, torch.cat([network.colours(one[None]) for one in chips]), atol=1e-6)
        assert torch.equal(together, network.colours(chips))


def test_features_and_colours_share_one_linear_layer():
    network = HueRichnessNetwork("resnet50", "none", 2)
    assert network.get_classifier().in_features == 2048 + 3
    chips = torch.randint(0, 256, (2, 3, 32, 32), dtype=torch.uint8)
    with torch.no_grad():
        features = torch.cat([network.eval().body(network.normalise(chips)), network.colours(chips)], dim=1)
        assert torch.allclose(network(chips), network.classifier(features), atol=1e-5)


def test_the_gate_learns(network):
    chips = torch.randint(0, 256, (4, 3, 32, 32), dtype=torch.uint8, generator=torch.Generator().manual_seed(3))
    # Published: one hidden unit with ReLU, which must not be closed to have a gradient.
    torch.nn.init.constant_(network.attend[0].bias, 2.0)
    network(chips)[:, 0].sum().backward()
    assert all(parameter.grad.abs().sum() > 0 for parameter in network.attend.parameters())

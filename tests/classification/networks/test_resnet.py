import pytest
import torch
from timm.layers.cbam import CbamModule
from torch import nn
from torch.nn import functional as F

from isagrsc2.classification.networks.resnet import ResNetNetwork
from isagrsc2.classification.networks.start import load_plain_state


def awaken(network):
    """timm starts the last normalisation of every block at 0, which would hide whatever stands before it."""
    for name, module in network.named_modules():
        if isinstance(module, nn.BatchNorm2d) and ".se." not in name:
            nn.init.uniform_(module.weight, 0.5, 1.5)


def random_chips(count=2, size=64, seed=0):
    return torch.randint(0, 256, (count, 3, size, size), dtype=torch.uint8, generator=torch.Generator().manual_seed(seed))


def test_attention_stands_after_the_last_convolution_of_every_block_before_the_sum():
    network = ResNetNetwork("resnet50", "cbam", 2)
    awaken(network)
    body = network.body
    blocks = [block for stage in (body.layer1, body.layer2, body.layer3, body.layer4) for block in stage]
    assert len(blocks) == 16
    assert all(isinstance(block.se, CbamModule) for block in blocks)
    block, x = body.layer1[1].eval(), torch.rand(1, 256, 8, 8)
    with torch.no_grad():
        inner = F.relu(block.bn2(block.conv2(F.relu(block.bn1(block.conv1(x))))))
        assert torch.allclose(block(x), F.relu(block.se(block.bn3(block.conv3(inner))) + x), atol=1e-5)
    assert sum(p.numel() for p in body.parameters()) == pytest.approx(26.0e6, rel=0.01)


def test_it_computes_what_timms_own_forward_does():
    network = ResNetNetwork("resnet18", "cbam", 3).eval()
    awaken(network)
    chips = random_chips()
    with torch.no_grad():
        assert torch.equal(network(chips), network.body(network.normalise(chips)))


class Open(nn.Module):
    """A gate that lets everything through."""

    def forward(self, x):
        return torch.ones_like(x)


def test_with_open_gates_the_network_is_the_plain_resnet():
    torch.manual_seed(0)
    plain, gated = ResNetNetwork("resnet18", "none", 3).eval(), ResNetNetwork("resnet18", "cbam", 3).eval()
    awaken(plain)
    gated.body.load_state_dict(plain.body.state_dict(), strict=False)
    chips = random_chips()
    with torch.no_grad():
        assert not torch.allclose(gated(chips), plain(chips), rtol=0.01)
        for module in gated.modules():
            if isinstance(module, CbamModule):
                module.channel.gate = module.spatial.gate = Open()
        assert torch.equal(gated(chips), plain(chips))


@pytest.mark.parametrize("architecture", ["resnet18", "resnet50"])
def test_started_from_plain_weights_it_computes_what_the_plain_network_does(architecture):
    torch.manual_seed(0)
    plain, gated = ResNetNetwork(architecture, "none", 3).eval(), ResNetNetwork(architecture, "cbam", 3).eval()
    awaken(plain)
    load_plain_state(gated, plain.body.state_dict(), "imagenet", "plain")
    chips = random_chips()
    with torch.no_grad():
        assert torch.equal(gated(chips), plain(chips))

import pytest
import torch
from timm.layers.cbam import CbamModule
from torch import nn
from torch.nn import functional as F

from isagrsc2.classification.networks.build import build_network
from isagrsc2.classification.networks.cbam import pass_through


def channel_attention(x, w0, w1):
    """Eq. 2 of Woo et al. 2018: M_c(F) = sigmoid(W1(W0(F_avg)) + W1(W0(F_max))), ReLU after W0; (N, C, H, W)."""
    average = x.mean(dim=(2, 3))  # (N, C)
    largest = x.flatten(2).max(dim=2).values  # (N, C)
    gates = torch.sigmoid(torch.relu(average @ w0.T) @ w1.T + torch.relu(largest @ w0.T) @ w1.T)
    return gates[:, :, None, None]  # (N, C, 1, 1)


def spatial_attention(x, kernel, scale, shift):
    """Eq. 3: M_s(F) = sigmoid(f7x7([F_avg; F_max])); the authors' code has a batch normalisation after f7x7."""
    pooled = torch.stack([x.mean(dim=1), x.max(dim=1).values], dim=1)  # (N, 2, H, W)
    return torch.sigmoid(F.conv2d(pooled, kernel, padding=3) * scale + shift)  # (N, 1, H, W)


def test_cbam_follows_the_papers_equations():
    torch.manual_seed(0)
    module = CbamModule(32).eval()
    norm = module.spatial.conv.bn
    nn.init.uniform_(norm.running_mean, -1, 1)
    nn.init.uniform_(norm.running_var, 0.5, 2)
    nn.init.uniform_(norm.weight, 0.5, 2)
    nn.init.uniform_(norm.bias, -1, 1)
    w0, w1 = module.channel.fc1.weight[:, :, 0, 0], module.channel.fc2.weight[:, :, 0, 0]
    assert w0.shape == (2, 32)  # reduction 16
    assert module.channel.fc1.bias is module.channel.fc2.bias is module.spatial.conv.conv.bias is None
    scale = norm.weight / torch.sqrt(norm.running_var + norm.eps)
    shift = norm.bias - norm.running_mean * scale
    features = torch.randn(3, 32, 9, 11)
    with torch.no_grad():
        refined = channel_attention(features, w0, w1) * features  # eq. 1, first line
        expected = spatial_attention(refined, module.spatial.conv.conv.weight, scale, shift) * refined  # second line
        assert torch.allclose(module(features), expected, atol=1e-6)


@pytest.mark.parametrize("training", [True, False])
def test_gates_at_rest_let_the_signal_through_and_learn(training):
    torch.manual_seed(0)
    before, attention = nn.BatchNorm2d(32), CbamModule(32)
    nn.init.uniform_(before.bias, -1, 1)
    features = torch.randn(4, 32, 8, 8)
    expected = before.train(training)(features).detach()
    pass_through(attention, [before])
    result = attention.train(training)(before(features))
    assert torch.equal(result, expected)
    result.square().sum().backward()
    for learned in (attention.channel.fc2.weight, attention.spatial.conv.bn.weight, attention.spatial.conv.bn.bias):
        assert learned.grad.abs().sum() > 0


@pytest.mark.parametrize(
    ("architecture", "count"), [("resnet18", 8), ("resnet50", 16), ("squeezenet1_0", 8)], ids=lambda value: str(value)
)
def test_every_attention_is_a_gate(architecture, count):
    backbone = {"architecture": architecture, "attention": "cbam", "colour": "none", "frozen": False}
    network = build_network(backbone, 2)
    modules = [module for module in network.modules() if isinstance(module, CbamModule)]
    assert modules == [attention for attention, _ in network.gates()]
    assert len(modules) == count
    assert not list(build_network({**backbone, "attention": "none"}, 2).gates())

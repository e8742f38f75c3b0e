import pytest
import torch
from timm.layers.cbam import CbamModule
from torch import nn
from torch.nn import functional as F

from isagrsc2.classification.backbone import attention_keys, build_network
from isagrsc2.classification.normalisation import ImageNetNormalisation
from isagrsc2.classification.pretrained import load_plain_state
from isagrsc2.errors import InputError


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


def awaken(network):
    """timm starts the last normalisation of every block at 0, which would hide whatever stands before it."""
    for name, module in network.named_modules():
        if isinstance(module, nn.BatchNorm2d) and ".se." not in name:
            nn.init.uniform_(module.weight, 0.5, 1.5)


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
    scale = norm.weight / torch.sqrt(norm.running_var + norm.eps)
    shift = norm.bias - norm.running_mean * scale
    features = torch.randn(3, 32, 9, 11)
    with torch.no_grad():
        refined = channel_attention(features, w0, w1) * features  # eq. 1, first line
        expected = spatial_attention(refined, module.spatial.conv.conv.weight, scale, shift) * refined  # second line
        assert torch.allclose(module(features), expected, atol=1e-6)


def test_attention_stands_after_the_last_convolution_of_every_block_before_the_sum():
    body = build_network("resnet50", "cbam", 2).body
    awaken(body)
    blocks = [block for stage in (body.layer1, body.layer2, body.layer3, body.layer4) for block in stage]
    assert len(blocks) == 16
    assert all(isinstance(block.se, CbamModule) for block in blocks)
    block, x = body.layer1[1].eval(), torch.rand(1, 256, 8, 8)
    with torch.no_grad():
        inner = F.relu(block.bn2(block.conv2(F.relu(block.bn1(block.conv1(x))))))
        assert torch.allclose(block(x), F.relu(block.se(block.bn3(block.conv3(inner))) + x), atol=1e-5)
    assert sum(p.numel() for p in body.parameters()) == pytest.approx(26.0e6, rel=0.01)


class Open(nn.Module):
    """A gate that lets everything through."""

    def forward(self, x):
        return torch.ones_like(x)


def test_with_open_gates_the_network_is_the_plain_resnet():
    torch.manual_seed(0)
    plain = build_network("resnet18", "none", 3).eval()
    gated = build_network("resnet18", "cbam", 3).eval()
    awaken(plain)
    load_plain_state(gated.body, plain.body.state_dict(), "plain")
    chips = torch.randint(0, 256, (2, 3, 64, 64), dtype=torch.uint8)
    with torch.no_grad():
        assert not torch.allclose(gated(chips), plain(chips), rtol=0.01)
        for module in gated.modules():
            if isinstance(module, CbamModule):
                module.channel.gate = module.spatial.gate = Open()
        assert torch.allclose(gated(chips), plain(chips), rtol=1e-4)


def test_attention_keys_are_what_the_plain_network_lacks():
    gated, plain = build_network("resnet18", "cbam", 2).body, build_network("resnet18", "none", 2).body
    assert attention_keys(gated) == gated.state_dict().keys() - plain.state_dict().keys()
    assert attention_keys(plain) == set()


@pytest.mark.parametrize(("attention", "classes"), [("cbam", 2), ("none", 7)])
def test_bytes_in_logits_out(attention, classes):
    network = build_network("resnet18", attention, classes).eval()
    assert network(torch.zeros(2, 3, 64, 64, dtype=torch.uint8)).shape == (2, classes)


def test_normalisation_by_hand():
    # (255 / 255 - 0.485) / 0.229, (0 - 0.456) / 0.224, (51 / 255 - 0.406) / 0.225
    chip = torch.tensor([255, 0, 51], dtype=torch.uint8).view(1, 3, 1, 1)
    result = ImageNetNormalisation()(chip).flatten().tolist()
    assert result == pytest.approx([2.248908, -2.035714, -0.915556], abs=1e-5)
    assert not ImageNetNormalisation().state_dict()


@pytest.mark.parametrize(
    ("architecture", "attention", "words"),
    [("resnet51", "cbam", "resnet51"), ("resnet18", "sebam", "sebam"), ("vit_tiny_patch16_224", "cbam", "block attention")],
)
def test_unknown_networks(architecture, attention, words):
    with pytest.raises(InputError, match=words):
        build_network(architecture, attention, 2)

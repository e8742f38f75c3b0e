import pytest
import torch

from isagrsc2.classification.networks.build import build_network, describe
from isagrsc2.errors import InputError

BACKBONE = {"architecture": "resnet18", "attention": "none", "colour": "none", "frozen": False}
CHIPS = torch.randint(0, 256, (4, 3, 64, 64), dtype=torch.uint8, generator=torch.Generator().manual_seed(0))

NETWORKS = [
    {"architecture": "resnet18"},
    {"architecture": "resnet18", "attention": "cbam"},
    {"architecture": "resnet18", "attention": "cbam", "colour": "hue_richness"},
    {"architecture": "squeezenet1_0", "attention": "cbam"},
]


@pytest.mark.parametrize("parts", NETWORKS, ids=lambda parts: "_".join(parts.values()))
@pytest.mark.parametrize("classes", [2, 7])
def test_bytes_in_logits_out(parts, classes):
    network = build_network({**BACKBONE, **parts}, classes).eval()
    logits = network(CHIPS)
    assert logits.shape == (4, classes)
    assert logits.dtype == torch.float32
    assert network.required_chip_size == 0
    with torch.no_grad():  # the layout in memory does not matter
        strided = network(CHIPS.contiguous(memory_format=torch.channels_last))
        assert torch.allclose(strided, logits, atol=1e-4)


@pytest.mark.parametrize("parts", NETWORKS, ids=lambda parts: "_".join(parts.values()))
def test_a_frozen_encoder_does_not_move_and_the_rest_learns(parts):
    torch.manual_seed(0)
    network = build_network({**BACKBONE, **parts, "frozen": True}, 3)
    classifier = next(name for name, module in network.named_modules() if module is network.get_classifier())
    head = {f"{classifier}.weight", f"{classifier}.bias"}
    colour = {key for key in network.state_dict() if key.startswith("attend.")}
    assert {name for name, parameter in network.named_parameters() if parameter.requires_grad} == head | colour
    before = {key: value.clone() for key, value in network.state_dict().items()}
    optimizer = torch.optim.SGD([p for p in network.parameters() if p.requires_grad], lr=0.1)
    network.eval().train()
    assert torch.equal(network(CHIPS), network(CHIPS))  # no dropout
    network(CHIPS).square().sum().backward()
    optimizer.step()
    moved = {key for key, value in network.state_dict().items() if not torch.equal(value, before[key])}
    assert head <= moved <= head | colour
    assert network.training
    assert network.get_classifier().training
    assert not network.body.training


@pytest.mark.parametrize("parts", NETWORKS, ids=lambda parts: "_".join(parts.values()))
def test_gradient_checkpointing_changes_nothing_but_memory(parts):
    """Logits, gradients and running statistics, also of a second step."""
    found = []
    for enable in (False, True):
        torch.manual_seed(0)
        network = build_network({**BACKBONE, **parts}, 3).train()
        network.set_gradient_checkpointing(enable)
        for _ in range(2):
            logits = network(CHIPS)
            logits.square().sum().backward()
        gradients = {name: parameter.grad for name, parameter in network.named_parameters()}
        found.append({"logits": logits.detach(), **gradients, **dict(network.named_buffers())})
    assert found[0].keys() == found[1].keys()
    assert all(torch.allclose(found[0][key], found[1][key], rtol=1e-5, atol=1e-6) for key in found[0])


def test_gradient_checkpointing_keeps_fewer_activations():
    kept = []
    for enable in (False, True):
        network = build_network(BACKBONE, 3)
        network.set_gradient_checkpointing(enable)
        sizes = []
        with torch.autograd.graph.saved_tensors_hooks(lambda t, sizes=sizes: (sizes.append(t.numel()), t)[1], lambda t: t):
            network(CHIPS)
        kept.append(sum(sizes))
    # What the blocks keep is held by the checkpoints, beyond the reach of these hooks; only their inputs are left.
    assert kept[1] < 0.5 * kept[0]


@pytest.mark.parametrize("parts", NETWORKS, ids=lambda parts: "_".join(parts.values()))
def test_checkpoints_know_the_body_by_its_official_names(parts):
    network = build_network({**BACKBONE, **parts}, 3)
    assert {key.split(".")[0] for key in network.state_dict()} <= {"body", "attend", "classifier"}


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"architecture": "resnet51"}, r"architecture=resnet51 is not known; choose squeezenet1_0, unicom_vit_b32, .* ResNet"),
        ({"architecture": "vit_tiny_patch16_224"}, "architecture=vit_tiny_patch16_224 is not known"),
        ({"attention": "sebam"}, r"model\.backbone\.attention=sebam is not one of cbam, none"),
        ({"colour": "sepia"}, r"model\.backbone\.colour=sepia is not one of none, hue_richness"),
        ({"frozen": "half"}, r"model\.backbone\.frozen=half is not true or false"),
        (
            {"architecture": "unicom_vit_b32", "attention": "cbam"},
            r"takes no attention=cbam; give model\.backbone\.attention=none",
        ),
        ({"architecture": "unicom_vit_b32", "colour": "hue_richness"}, "takes no colour=hue_richness"),
        ({"architecture": "squeezenet1_0", "colour": "hue_richness"}, r"give model\.backbone\.colour=none"),
    ],
)
def test_networks_that_do_not_exist(change, words):
    with pytest.raises(InputError, match=words):
        build_network({**BACKBONE, **change}, 2)


def test_networks_in_words():
    assert describe(BACKBONE) == "resnet18 with attention none"
    assert describe({**BACKBONE, "colour": "hue_richness", "frozen": True}) == (
        "resnet18 with attention none, colour hue_richness, frozen"
    )

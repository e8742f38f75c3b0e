import math

import pytest
import torch

from isagrsc2.classification.networks.build import build_network
from isagrsc2.classification.networks.start import start_from
from isagrsc2.classification.networks.unicom import GEOMETRIES, Encoder, Geometry, UnicomNetwork
from isagrsc2.errors import InputError

TINY = Geometry("FP16-ViT-T-8.pt", input_size=32, patch_size=8, width=24, embedding=10, depth=2, heads=3)
CHIPS = torch.randint(0, 256, (3, 3, 32, 32), dtype=torch.uint8, generator=torch.Generator().manual_seed(0))


def official_shapes(image, patch, width, embedding, depth):
    """Names and shapes of a file of deepglint/unicom, written down from its source."""
    patches = (image // patch) ** 2
    shapes = {
        "pos_embed": (1, patches, width),
        "patch_embed.proj.weight": (width, 3, patch, patch),
        "patch_embed.proj.bias": (width,),
        "norm.weight": (width,),
        "norm.bias": (width,),
        "feature.0.weight": (width, width * patches),
        "feature.2.weight": (embedding, width),
    }
    for number, size in ((1, width), (3, embedding)):
        shapes |= {f"feature.{number}.{name}": (size,) for name in ("weight", "bias", "running_mean", "running_var")}
        shapes[f"feature.{number}.num_batches_tracked"] = ()
    for number in range(depth):
        block = f"blocks.{number}."
        shapes |= {f"{block}norm{n}.{name}": (width,) for n in (1, 2) for name in ("weight", "bias")}
        shapes |= {f"{block}attn.qkv.weight": (3 * width, width)}
        shapes |= {f"{block}attn.proj.weight": (width, width), f"{block}attn.proj.bias": (width,)}
        shapes |= {f"{block}mlp.fc1.weight": (4 * width, width), f"{block}mlp.fc1.bias": (4 * width,)}
        shapes |= {f"{block}mlp.fc2.weight": (width, 4 * width), f"{block}mlp.fc2.bias": (width,)}
    return shapes


@pytest.mark.parametrize(
    ("name", "sizes", "millions"),
    [
        ("unicom_vit_b32", (224, 32, 768, 512, 12), 116.7),
        ("unicom_vit_b16", (224, 16, 768, 768, 12), 202.0),
        ("unicom_vit_l14", (224, 14, 1024, 768, 24), 572.3),
        ("unicom_vit_l14_336", (336, 14, 1024, 768, 24), 908.2),
    ],
)
def test_official_names_and_shapes(name, sizes, millions):
    with torch.device("meta"):
        encoder = Encoder(GEOMETRIES[name])
    found = {key: tuple(value.shape) for key, value in encoder.state_dict().items()}
    assert found == official_shapes(*sizes)
    assert sum(p.numel() for p in encoder.parameters()) / 1e6 == pytest.approx(millions, abs=0.05)
    assert GEOMETRIES[name].heads * 64 == sizes[2]  # heads of 64 numbers in all of them


def test_computation_follows_the_equations():
    """Every step written out once more, head by head and patch by patch."""
    torch.manual_seed(0)
    network = UnicomNetwork(TINY, 4).eval()
    state = network.body.state_dict()
    for name, value in state.items():
        if value.is_floating_point() and not name.endswith("running_var"):
            value.normal_(0, 0.3)
    state["feature.1.running_var"].uniform_(0.5, 2)
    x = network.normalise(CHIPS)

    def norm(tokens, name):
        mean, var = tokens.mean(-1, keepdim=True), tokens.var(-1, keepdim=True, correction=0)
        return (tokens - mean) / torch.sqrt(var + 1e-5) * state[f"{name}.weight"] + state[f"{name}.bias"]

    def batch_norm(rows, name):
        rows = (rows - state[f"{name}.running_mean"]) / torch.sqrt(state[f"{name}.running_var"] + 2e-5)
        return rows * state[f"{name}.weight"] + state[f"{name}.bias"]

    kernel = state["patch_embed.proj.weight"].flatten(1)
    patches = [x[:, :, r : r + 8, c : c + 8].flatten(1) @ kernel.T for r in range(0, 32, 8) for c in range(0, 32, 8)]
    tokens = torch.stack(patches, dim=1) + state["patch_embed.proj.bias"] + state["pos_embed"]
    for number in range(2):
        name = f"blocks.{number}"
        qkv = norm(tokens, f"{name}.norm1") @ state[f"{name}.attn.qkv.weight"].T
        heads = []
        for head in range(3):
            q, k, v = (qkv[..., 24 * part + 8 * head : 24 * part + 8 * head + 8] for part in range(3))
            heads.append(torch.softmax(q @ k.transpose(1, 2) / math.sqrt(8), dim=-1) @ v)
        tokens = tokens + torch.cat(heads, dim=-1) @ state[f"{name}.attn.proj.weight"].T + state[f"{name}.attn.proj.bias"]
        hidden = norm(tokens, f"{name}.norm2") @ state[f"{name}.mlp.fc1.weight"].T + state[f"{name}.mlp.fc1.bias"]
        tokens = tokens + hidden.clamp(0, 6) @ state[f"{name}.mlp.fc2.weight"].T + state[f"{name}.mlp.fc2.bias"]
    rows = norm(tokens, "norm").flatten(1) @ state["feature.0.weight"].T
    rows = batch_norm(batch_norm(rows, "feature.1") @ state["feature.2.weight"].T, "feature.3")
    expected = rows @ network.classifier.weight.T + network.classifier.bias
    with torch.no_grad():
        assert torch.allclose(network(CHIPS), expected, rtol=1e-4, atol=1e-4)


def test_an_official_file_loads(tmp_path):
    """The official files are state dicts in half precision saved by torch.save, counters in whole numbers."""
    source = Encoder(TINY).half()
    torch.save(source.state_dict(), tmp_path / TINY.file_name)
    network = UnicomNetwork(TINY, 4)
    start_from(
        network, {"architecture": "unicom_vit_b32", "pretrained": str(tmp_path / TINY.file_name), "normalisation": "clip"}
    )
    for key, value in source.state_dict().items():
        assert torch.equal(network.body.state_dict()[key], value.to(network.body.state_dict()[key].dtype)), key
    assert {p.dtype for p in network.parameters()} == {torch.float32}


def test_a_file_of_another_encoder_is_refused(tmp_path):
    torch.save(Encoder(TINY).state_dict(), tmp_path / "other.pt")
    larger = UnicomNetwork(Geometry("larger.pt", 64, 8, 24, 10, 2, 3), 4)
    with pytest.raises(InputError, match=r"other\.pt is of another network: other shapes of feature\.0\.weight, pos_embed;"):
        start_from(
            larger, {"architecture": "unicom_vit_b32", "pretrained": str(tmp_path / "other.pt"), "normalisation": "clip"}
        )


def test_official_weights_are_fetched_by_hand():
    with pytest.raises(InputError, match=r"download FP16-ViT-T-8\.pt from https://github\.com/deepglint/unicom/releases"):
        start_from(UnicomNetwork(TINY, 2), {"architecture": "unicom_vit_b32", "pretrained": True})
    assert GEOMETRIES["unicom_vit_l14_336"].file_name == "FP16-ViT-L-14-336px.pt"


def test_chips_of_another_size_are_refused():
    network = UnicomNetwork(TINY, 4)
    assert network.required_chip_size == 32
    with pytest.raises(InputError, match=r"chips of 48 x 48 px do not fit .* give data\.chip_size=32\."):
        network(torch.zeros(1, 3, 48, 48, dtype=torch.uint8))


def test_random_weights_learn_when_not_frozen():
    torch.manual_seed(0)
    network = UnicomNetwork(TINY, 4)
    network(CHIPS).square().sum().backward()
    assert all(parameter.grad is not None for parameter in network.parameters())


def test_options_take_the_size_they_need():
    with torch.device("meta"):
        sizes = {
            name: build_network({"architecture": name, "attention": "none", "colour": "none", "frozen": True}, 2)
            for name in GEOMETRIES
        }
    assert [network.required_chip_size for network in sizes.values()] == [224, 224, 224, 336]

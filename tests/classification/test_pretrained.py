import pytest
import timm
import torch
from safetensors.torch import save_file

from isagrsc2.classification.backbone import attention_keys, build_network
from isagrsc2.classification.pretrained import load_backbone_weights, start_from
from isagrsc2.errors import InputError


@pytest.fixture(scope="module")
def imagenet():
    """Weights of a plain ResNet-18 with ImageNet's 1000 classes (random here)."""
    torch.manual_seed(1)
    return timm.create_model("resnet18", num_classes=1000).state_dict()


def gated():
    torch.manual_seed(2)
    return build_network("resnet18", "cbam", 2).body


@pytest.mark.parametrize("suffix", ["pth", "safetensors"])
def test_everything_but_attention_and_head_comes_from_the_file(tmp_path, imagenet, suffix):
    path = tmp_path / f"resnet18.{suffix}"
    torch.save(imagenet, path) if suffix == "pth" else save_file(imagenet, path)
    body, untouched = gated(), gated().state_dict()
    load_backbone_weights(body, path)
    own = attention_keys(body) | {"fc.weight", "fc.bias"}
    for key, value in body.state_dict().items():
        assert torch.equal(value, untouched[key] if key in own else imagenet[key]), key


def test_head_is_loaded_where_the_classes_agree(tmp_path):
    source = build_network("resnet18", "none", 2).body
    torch.save(source.state_dict(), tmp_path / "two.pth")
    body = gated()
    load_backbone_weights(body, tmp_path / "two.pth")
    assert torch.equal(body.fc.weight, source.fc.weight)


def test_weights_with_all_of_the_attention_load_too(tmp_path):
    source = build_network("resnet18", "cbam", 2).body
    torch.save(source.state_dict(), tmp_path / "cbam.pth")
    body, expected = gated(), source.state_dict()
    load_backbone_weights(body, tmp_path / "cbam.pth")
    assert all(torch.equal(value, expected[key]) for key, value in body.state_dict().items())


def test_files_without_batch_counters_load(tmp_path, imagenet):
    torch.save({k: v for k, v in imagenet.items() if not k.endswith("num_batches_tracked")}, tmp_path / "old.pth")
    load_backbone_weights(gated(), tmp_path / "old.pth")


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
    torch.save(change(dict(imagenet)), tmp_path / "bad.pth")
    body, untouched = gated(), gated().state_dict()
    with pytest.raises(InputError, match=words):
        load_backbone_weights(body, tmp_path / "bad.pth")
    assert all(torch.equal(value, untouched[key]) for key, value in body.state_dict().items())


@pytest.mark.parametrize("name", ["absent.pth", "absent.safetensors"])
def test_absent_file(tmp_path, name):
    with pytest.raises(InputError, match=f"{name} does not exist"):
        load_backbone_weights(gated(), tmp_path / name)


@pytest.mark.parametrize("name", ["cut.pth", "cut.safetensors"])
def test_truncated_file(tmp_path, imagenet, name):
    path = tmp_path / name
    torch.save(imagenet, path) if name.endswith("pth") else save_file(imagenet, path)
    path.write_bytes(path.read_bytes()[:10_000])
    with pytest.raises(InputError, match=rf"{name} is damaged"):
        load_backbone_weights(gated(), path)


def test_file_of_something_else(tmp_path):
    torch.save({"epoch": 3}, tmp_path / "other.pth")
    with pytest.raises(InputError, match="no plain state dict"):
        load_backbone_weights(gated(), tmp_path / "other.pth")


def test_none_stays_random():
    body = gated()
    start_from(body, "none", "resnet18")
    assert torch.equal(body.conv1.weight, gated().conv1.weight)


def test_imagenet_weights_are_fetched_by_timm(monkeypatch, imagenet):
    source = timm.create_model("resnet18", num_classes=1000)
    source.load_state_dict(imagenet)
    body = gated()
    monkeypatch.setattr(timm, "create_model", lambda name, pretrained: source)
    start_from(body, "imagenet", "resnet18")
    assert torch.equal(body.conv1.weight, imagenet["conv1.weight"])


def test_unreachable_imagenet_weights(monkeypatch):
    def fail(name, pretrained):
        raise ConnectionError("no route to host")

    monkeypatch.setattr(timm, "create_model", fail)
    with pytest.raises(InputError, match=r"resnet18 could not be fetched \(no route to host\)"):
        start_from(torch.nn.Identity(), "imagenet", "resnet18")

"""Files of UNICOM and CLIP are called alike: whichever is given in place of the other is named."""

import pytest
import torch
from safetensors.torch import save_file

from isagrsc2.classification.networks.build import build_network
from isagrsc2.classification.networks.published import CLIP, CLIP_OF_TRANSFORMERS, UNICOM, family_of, unicom_option, use_of
from isagrsc2.classification.networks.start import start_from
from isagrsc2.classification.networks.unicom import GEOMETRIES, Encoder, Geometry
from isagrsc2.classification.trained import load_trained
from isagrsc2.errors import InputError

TINY = Geometry("FP16-ViT-B-32.pt", 16, 8, 8, 4, 1, 1)


def unicom(width=768, patch=32, patches=49):
    """As much of a state dict as tells which one it is."""
    return {
        "patch_embed.proj.weight": torch.zeros(width, 3, patch, patch),
        "pos_embed": torch.zeros(1, patches, width),
        "feature.0.weight": torch.zeros(2, 2),
    }


# OpenAI's and open_clip's; with the text encoder apart; of the package transformers.
CLIPS = [
    {"logit_scale": torch.zeros(()), "token_embedding.weight": torch.zeros(2, 2), "visual.proj": torch.zeros(2, 2)},
    {"logit_scale": torch.zeros(()), "text.token_embedding.weight": torch.zeros(2, 2), "visual.trunk.x": torch.zeros(2)},
]
TRANSFORMERS = {"logit_scale": torch.zeros(()), "text_model.embeddings.token_embedding.weight": torch.zeros(2, 2)}


def test_families():
    assert family_of(Encoder(TINY).state_dict()) == UNICOM
    assert family_of(unicom()) == UNICOM
    assert [family_of(state) for state in CLIPS] == [CLIP, CLIP]
    assert family_of(TRANSFORMERS) == CLIP_OF_TRANSFORMERS
    assert family_of({"conv1.weight": torch.zeros(1), "pos_embed": torch.zeros(1)}) is None
    assert use_of("x.pt", {}) is None


@pytest.mark.parametrize("option", GEOMETRIES)
def test_which_unicom(option):
    one = GEOMETRIES[option]
    assert unicom_option(unicom(one.width, one.patch_size, one.patches)) == option
    assert unicom_option(Encoder(TINY).state_dict()) is None


def saved(state, path):
    (save_file if path.suffix == ".safetensors" else torch.save)(state, path)
    return path


def backbone(architecture, path, **changes):
    parts = {"attention": "none", "colour": "none", "frozen": False, "normalisation": "clip"}
    return {"architecture": architecture, "pretrained": str(path), **parts, **changes}


@pytest.mark.parametrize("file", ["ViT-B-32.pt", "open_clip_model.safetensors"])
def test_clip_given_to_unicom(tmp_path, file, monkeypatch):
    monkeypatch.setitem(GEOMETRIES, "unicom_vit_b32", TINY)  # its building takes long and is not asked here
    chosen = backbone("unicom_vit_b32", saved(CLIPS[0], tmp_path / file))
    with pytest.raises(InputError, match=rf"{file} is CLIP, not the weights of unicom_vit_b32: UNICOM's own file .*clip uses"):
        start_from(build_network(chosen, 2), chosen)


def test_either_given_to_a_resnet(tmp_path):
    chosen = backbone("resnet18", saved(CLIPS[0], tmp_path / "clip.pt"), normalisation="imagenet")
    network = build_network(chosen, 2)
    with pytest.raises(InputError, match=r"clip\.pt is CLIP, not the weights of resnet18: classifier=clip uses"):
        start_from(network, chosen)
    chosen = backbone("resnet18", saved(unicom(1024, 14, 576), tmp_path / "l.pt"), normalisation="imagenet")
    with pytest.raises(InputError, match=r"l\.pt is UNICOM's unicom_vit_l14_336, .* give model=unicom_vit_l14_336"):
        start_from(network, chosen)


@pytest.mark.parametrize("file", ["FP16-ViT-B-32.pt", "model.safetensors"])
@pytest.mark.parametrize(
    ("state", "words"),
    [
        (unicom(), "`python train.py model=unicom_vit_b32 model.backbone.pretrained=.* best.ckpt to classifier=unicom_vit_b32"),
        (CLIPS[0], "is CLIP, which knows no classes of its own; classifier=clip classifier.checkpoint=.* uses it"),
        (TRANSFORMERS, "names of the package transformers; give classifier=clip a file in those of open_clip"),
    ],
)
def test_either_given_as_a_classifier(tmp_path, file, state, words):
    with pytest.raises(InputError, match=words) as caught:
        load_trained(saved(state, tmp_path / file), "remedy")
    assert "\n" not in str(caught.value)

"""CLIP as a classifier, against open_clip's own way to classify, from every format of file."""

import sys

import numpy as np
import pytest
import tiny_clip
import torch
from hydra.utils import instantiate
from shapely.geometry import box
from tiny_clip import CULTIVATED, IMAGE_SIZE, NAME, NAMES, NOT_CULTIVATED, TEMPLATES
from tiny_folders import seed_layout

from isagrsc2.classification.clip.calibration import FixedTemperature, LabelledChips
from isagrsc2.classification.clip.classifier import ClipClassifier
from isagrsc2.classification.networks.unicom import Encoder, Geometry
from isagrsc2.classification.predictor import Classifier
from isagrsc2.classification.segments import classify_segments
from isagrsc2.errors import InputError

CHIPS = np.random.default_rng(0).integers(0, 256, (5, IMAGE_SIZE, IMAGE_SIZE, 3), dtype=np.uint8)
CHIPS[1] = 30
CHIPS[2] = (20, 200, 40)


def load(checkpoint, tmp_path, **changes) -> Classifier:
    arguments = {
        "model": NAME,
        "checkpoint": str(checkpoint),
        "normalisation": "auto",
        "weights_dir": str(tmp_path / "weights"),
        "templates": TEMPLATES,
        "cultivated": CULTIVATED,
        "not_cultivated": NOT_CULTIVATED,
        "calibration": FixedTemperature(1.0),
        "labels": "classes",
        "threshold": 0.5,
        "device": "cpu",
        "batch": 2,
    }
    return ClipClassifier(**(arguments | changes))


@pytest.fixture
def weights(clip, tmp_path):
    return tiny_clip.write(clip, tmp_path / "open_clip_model.safetensors")


@torch.inference_mode()
def shares_of_open_clip(model, mean, std, temperature=1.0):
    """(N, K) probabilities by open_clip's classifier of texts and torchvision's normalisation."""
    import open_clip
    from torchvision.transforms.v2.functional import normalize, to_dtype

    templates = [lambda phrase, text=text: text.format(phrase) for text in TEMPLATES]
    phrases = [*CULTIVATED, *NOT_CULTIVATED]
    texts = open_clip.build_zero_shot_classifier(
        model, open_clip.SimpleTokenizer(context_length=24), phrases, templates, num_classes_per_batch=None
    )  # (D, K)
    images = normalize(to_dtype(torch.from_numpy(CHIPS).permute(0, 3, 1, 2), scale=True), mean, std)
    logits = model.logit_scale.exp() * model.encode_image(images, normalize=True) @ texts
    return (logits / temperature).softmax(dim=1).numpy()


def of_clip(model, **changes):
    import open_clip

    return shares_of_open_clip(model, open_clip.OPENAI_DATASET_MEAN, open_clip.OPENAI_DATASET_STD, **changes)


@pytest.mark.parametrize("file", ["open_clip_model.safetensors", "open_clip_pytorch_model.bin", "epoch_3.pt"])
def test_equals_open_clip_from_every_format(clip, tmp_path, file):
    classifier = load(tiny_clip.write(clip, tmp_path / file), tmp_path)
    assert classifier.chip_size == IMAGE_SIZE
    assert (classifier.class_names, classifier.cultivated) == (NAMES, NAMES[:2])
    shares = of_clip(clip)
    assert shares.max() > 0.4  # it does tell something
    names, p = classifier.classify(CHIPS)
    assert p == pytest.approx(shares[:, :2].sum(axis=1), abs=1e-4)
    sides = np.where(p[:, None] >= 0.5, np.arange(5) < 2, np.arange(5) >= 2)
    assert names == [NAMES[place] for place in np.where(sides, shares, -1).argmax(axis=1)]


@pytest.mark.filterwarnings("ignore::torch.jit.TracerWarning", "ignore:.torch.jit:FutureWarning")
def test_openais_archive_is_read_without_being_run(tmp_path, clip, monkeypatch):
    model = tiny_clip.make(quick_gelu=True)
    path = tiny_clip.write(model, tmp_path / "ViT-B-32.pt")
    monkeypatch.setattr(torch.jit, "load", None)
    _, p = load(path, tmp_path, model=f"{NAME}-quickgelu").classify(CHIPS)
    assert p == pytest.approx(of_clip(model)[:, :2].sum(axis=1), abs=0.01)  # weights in half precision
    with pytest.raises(InputError, match=rf"ViT-B-32\.pt was trained with .* QuickGELU; give classifier\.model={NAME}-quick"):
        load(path, tmp_path)


def test_a_folder_brings_configuration_and_normalisation(clip, tmp_path):
    folder = tiny_clip.write_folder(clip, tmp_path / "model")
    _, p = load("auto", tmp_path, model=f"local-dir:{folder}").classify(CHIPS)
    own = shares_of_open_clip(clip, [0.5, 0.4, 0.3], [0.2, 0.25, 0.3])
    assert p == pytest.approx(own[:, :2].sum(axis=1), abs=1e-4)
    with pytest.raises(InputError, match=r"brings its own weights, so classifier\.checkpoint=openai has no use"):
        load("openai", tmp_path, model=f"local-dir:{folder}")
    (folder / "open_clip_model.safetensors").write_bytes(b"damaged")
    with pytest.raises(InputError, match=r"model=local-dir:.* cannot be loaded \(.*; without a network"):
        load("auto", tmp_path, model=f"local-dir:{folder}")


def test_normalisation_can_be_said(clip, weights, tmp_path):
    _, p = load(weights, tmp_path, normalisation="half").classify(CHIPS)
    assert p == pytest.approx(shares_of_open_clip(clip, [0.5] * 3, [0.5] * 3)[:, :2].sum(axis=1), abs=1e-4)
    with pytest.raises(InputError, match=r"classifier\.normalisation=mine is not one of auto, imagenet, clip"):
        load(weights, tmp_path, normalisation="mine")


def test_binary_labels_batches_and_no_chips(weights, tmp_path):
    whole = load(weights, tmp_path).classify(CHIPS)[1]
    binary = load(weights, tmp_path, labels="binary", batch=5)
    names, p = binary.classify(CHIPS)
    assert np.allclose(p, whole, rtol=0, atol=1e-5)
    assert names == ["cultivated" if one >= 0.5 else "not_cultivated" for one in p]
    assert binary.classify(CHIPS[:0])[0] == []


def test_temperature_is_fitted_on_labelled_chips(clip, weights, tmp_path):
    root = seed_layout(tmp_path / "chips")
    fitted = load(weights, tmp_path, calibration=LabelledChips(str(root), ["field"], 0.01, 1))
    temperature = fitted._temperature
    assert temperature != 1.0
    assert fitted.classify(CHIPS)[1] == pytest.approx(of_clip(clip, temperature=temperature)[:, :2].sum(axis=1), abs=1e-4)
    given = load(weights, tmp_path, calibration=FixedTemperature(temperature))
    assert np.array_equal(given.classify(CHIPS)[1], fitted.classify(CHIPS)[1])


class Bands:
    """A green scene with a dark stripe."""

    width = height = 80

    def read(self, window=None, out_shape=None):
        image = np.full((self.height, self.width, 3), (60, 160, 70), np.uint8)
        image[:, 40:] = 20
        rows, columns = window.toslices()
        part = image[rows, columns]
        return part, np.ones(part.shape[:2], bool)


def test_segments_of_a_scene_by_the_options_of_segment(weights, tmp_path, compose_config):
    """From the command line's words to classes: what ``segment.py classifier=clip`` does."""
    given = ["classifier=clip", f"classifier.model={NAME}", f"classifier.checkpoint={weights}", "classifier.labels=classes"]
    cfg = compose_config("segment", *given, "device=cpu", "classifier.templates=['view of {}']")
    classifier = instantiate(cfg.classifier)
    names, p = classify_segments(Bands(), [box(0, 0, 30, 30), box(45, 5, 75, 60)], classifier, batch=1)
    assert set(names) <= {"rectangular_farmland", "a_plowed_field", "forest", "lake_or_sea", *classifier.class_names}
    assert ((p > 0) & (p < 1)).all()
    assert p[0] != p[1]


def test_calibration_is_an_option(weights, tmp_path, compose_config):
    root = seed_layout(tmp_path / "chips")
    cfg = compose_config(
        "segment",
        *("classifier=clip", f"classifier.model={NAME}", f"classifier.checkpoint={weights}", "device=cpu"),
        *("classifier/calibration=labelled", f"classifier.calibration.root={root}", "classifier.templates=['{}']"),
    )
    assert instantiate(cfg.classifier)._temperature != 1.0


def test_without_open_clip(weights, tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "open_clip", None)
    with pytest.raises(InputError, match=r"classifier=clip needs open_clip; pip install 'isagrsc2\[clip\]'"):
        load(weights, tmp_path)


def refused(checkpoint, tmp_path, **changes):
    with pytest.raises(InputError) as caught:
        load(checkpoint, tmp_path, **changes)
    message = str(caught.value)
    assert "\n" not in message
    return message


def test_an_id_without_network(clip, tmp_path, monkeypatch):
    import huggingface_hub.constants

    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_OFFLINE", True)
    message = refused("laion2b_s34b_b79k", tmp_path, model="ViT-B-32")
    assert message.startswith("CLIP's ViT-B-32, laion2b_s34b_b79k, cannot be fetched (Failed to download")
    assert message.endswith("without a network give classifier.checkpoint=PATH of a file for ViT-B-32")
    assert "QuickGELU; give classifier.model=ViT-B-32-quickgelu" in refused("openai", tmp_path, model="ViT-B-32")
    assert "CLIP's ViT-B-32-quickgelu, openai, cannot" in refused("auto", tmp_path, model="ViT-B-32-quickgelu")
    hub = refused("auto", tmp_path, model="hf-hub:laion/CLIP-ViT-B-32")
    assert hub.startswith("classifier.model=hf-hub:laion/CLIP-ViT-B-32 cannot be loaded (")
    assert "classifier.model=local-dir:FOLDER" in hub


def test_missing_files_and_unknown_names(clip, tmp_path):
    message = refused(tmp_path / "gone.pt", tmp_path, model="ViT-B-32")
    assert "gone.pt is neither a file nor an id that open_clip has for ViT-B-32 (openai, " in message
    assert f"has for {NAME} (it has none); give classifier.checkpoint=PATH" in refused("auto", tmp_path)
    assert "knows; choose one (ViT-B-32" in refused("auto", tmp_path, model="ViT-B-32-quick")
    # Numbers are looked at before any file is.
    assert "classifier.batch=0" in refused("auto", tmp_path, batch=0)
    assert "classifier.labels=many is not one of binary, classes" in refused("auto", tmp_path, labels="many")


def test_a_file_whose_normalisation_cannot_be_known(weights, tmp_path, monkeypatch):
    import open_clip

    published = {
        "one": {"mean": (0.48145466, 0.4578275, 0.40821073), "std": (0.26862954, 0.26130258, 0.27577711)},
        "two": {"mean": (0.5, 0.5, 0.5), "std": (0.5, 0.5, 0.5)},
    }
    monkeypatch.setattr(open_clip, "list_pretrained_tags_by_model", lambda name: list(published))
    monkeypatch.setattr(open_clip, "get_pretrained_cfg", lambda name, tag: published[tag])
    assert "give classifier.normalisation=clip or half" in refused(weights, tmp_path)
    load(weights, tmp_path, normalisation="clip")


@pytest.mark.parametrize("file", ["FP16-ViT-B-32.pt", "unicom.safetensors"])
def test_unicoms_weights_are_recognised(clip, tmp_path, file):
    from safetensors.torch import save_file

    state = {
        "patch_embed.proj.weight": torch.zeros(768, 3, 32, 32),
        "pos_embed": torch.zeros(1, 49, 768),
        "feature.0.weight": torch.zeros(4, 4),
        "blocks.0.norm1.weight": torch.zeros(768),
    }
    assert state.keys() <= Encoder(Geometry("", 64, 32, 32, 16, 1, 2)).state_dict().keys()
    path = tmp_path / file
    (save_file if path.suffix == ".safetensors" else torch.save)(state, path)
    message = refused(path, tmp_path)
    assert message == (
        f"{path} is UNICOM's image encoder alone, which knows neither classes nor text; train a classifier on it by "
        f"`python train.py model=unicom_vit_b32 model.backbone.pretrained={path}` and give its best.ckpt to "
        "classifier=unicom_vit_b32."
    )


def test_files_of_something_else(clip, tmp_path):
    other = tmp_path / "other.bin"
    torch.save({"conv1.weight": torch.zeros(3)}, other)
    assert "other.bin is not CLIP's tiny-clip (" in refused(other, tmp_path)
    assert "open_clip's .safetensors" in refused(other, tmp_path)
    huge = tiny_clip.write(clip, tmp_path / "huge.bin")
    state = torch.load(huge) | {"visual.conv1.weight": torch.zeros(32, 3, 8, 8)}
    torch.save(state, huge)
    assert "huge.bin does not fit classifier.model=tiny-clip (" in refused(huge, tmp_path)
    transformers = {"logit_scale": torch.zeros(()), "text_model.embeddings.token_embedding.weight": torch.zeros(2, 2)}
    torch.save(transformers, other)
    assert "names of the package transformers; give classifier=clip a file in those of open_clip" in refused(other, tmp_path)
    other.write_bytes(b"no weights")
    assert "other.bin is damaged or not a file of torch" in refused(other, tmp_path)
    torch.save([1, 2], other)
    assert "other.bin is not CLIP's tiny-clip (" in refused(other, tmp_path)


def test_a_file_that_would_run_something(clip, tmp_path):
    class Evil:
        def __reduce__(self):
            return print, ("run",)

    torch.save({"logit_scale": Evil()}, tmp_path / "evil.pt")
    assert "evil.pt is damaged or not a file of torch" in refused(tmp_path / "evil.pt", tmp_path)

"""Folders that do not fit: each is one line that says what to do."""

import json
import sys
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file
from tiny_models import save

from isagrsc2.errors import InputError
from isagrsc2.segmenters.hf.checkpoint import FAMILIES, load_checkpoint
from isagrsc2.segmenters.hf.segmenter import HfSegmenter
from isagrsc2.weights.identity import weights_identity

BATCH = {"cpu": 4, "cuda": 4, "mps": 4}


@pytest.fixture
def sam(tmp_path: Path) -> Path:
    return save("sam", tmp_path / "sam")


def edit(path: Path, **changes: object) -> None:
    path.write_text(json.dumps(json.loads(path.read_text()) | changes))


def test_another_type(sam: Path) -> None:
    edit(sam / "config.json", model_type="sam3")  # the detector alone: there is nothing that a point could ask
    with pytest.raises(
        InputError, match=r"config.json is of model_type sam3; segmenter=hf knows sam, sam_hq, sam2, .*sam3_video"
    ):
        load_checkpoint(sam)


@pytest.mark.parametrize("text", ["{", "[]"])
def test_no_configuration(sam: Path, text: str) -> None:
    (sam / "config.json").write_text(text)
    with pytest.raises(InputError, match=r"config.json (cannot be read \(JSONDecodeError\)|is of model_type None)"):
        load_checkpoint(sam)


def test_tensors_are_missing(sam: Path) -> None:
    """transformers would go on with random ones."""
    weights = load_file(sam / "model.safetensors")
    del weights["mask_decoder.iou_token.weight"]
    save_file(weights, sam / "model.safetensors", {"format": "pt"})
    with pytest.raises(InputError, match=r"lacks 1 tensors of SAM, the first is mask_decoder.iou_token.weight; fetch"):
        load_checkpoint(sam)


@pytest.mark.parametrize("there", ["shared_image_embedding", "prompt_encoder.shared_embedding"])
def test_positions_that_are_there_once(tmp_path: Path, there: str) -> None:
    folder = save("sam2", tmp_path / "sam2")
    weights = load_file(folder / "model.safetensors")
    expected = weights[f"{there}.positional_embedding"]
    kept = {name: values for name, values in weights.items() if "positional_embedding" not in name}
    save_file(kept | {f"{there}.positional_embedding": expected}, folder / "model.safetensors", {"format": "pt"})
    model = load_checkpoint(folder).model
    assert torch.equal(model.shared_image_embedding.positional_embedding, expected)
    assert torch.equal(model.prompt_encoder.shared_embedding.positional_embedding, expected)
    save_file(kept, folder / "model.safetensors", {"format": "pt"})
    with pytest.raises(InputError, match=r"lacks 2 tensors of SAM 2"):
        load_checkpoint(folder)


def test_tensors_of_another_shape(sam: Path) -> None:
    weights = load_file(sam / "model.safetensors")
    save_file(weights | {"mask_decoder.iou_token.weight": torch.zeros(1, 7)}, sam / "model.safetensors", {"format": "pt"})
    with pytest.raises(InputError, match=r"sam cannot be read as SamModel \(RuntimeError: .*\); fetch it again"):
        load_checkpoint(sam)


def test_damaged_weights(sam: Path) -> None:
    path = sam / "model.safetensors"
    path.write_bytes(path.read_bytes()[:1000])
    with pytest.raises(InputError, match=r"sam cannot be read as SamModel \(.*\); fetch it again"):
        load_checkpoint(sam)


def test_no_image_processor(sam: Path) -> None:
    (sam / "preprocessor_config.json").unlink()
    with pytest.raises(InputError, match=r"sam cannot be read as SamImageProcessor"):
        load_checkpoint(sam)


def test_image_processor_in_the_configuration_of_all_processors(sam: Path) -> None:
    """As transformers 5 writes them."""
    import transformers

    processor = transformers.SamProcessor(load_checkpoint(sam).image_processor)
    (sam / "preprocessor_config.json").unlink()
    processor.save_pretrained(sam)
    assert not (sam / "preprocessor_config.json").exists()
    assert load_checkpoint(sam).image_processor.size == {"longest_edge": 256}


def test_image_processor_of_another_size(sam: Path) -> None:
    edit(sam / "preprocessor_config.json", size={"longest_edge": 64}, pad_size={"height": 64, "width": 64})
    with pytest.raises(InputError, match=r"does not fit together: images become 64 px wide .* the network wants 256; fetch"):
        HfSegmenter(str(sam), "main", "cpu", BATCH, 1.0, "float32")


def test_without_transformers(sam: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "transformers", None)
    with pytest.raises(InputError, match=r"^segmenter=hf needs transformers; pip install 'isagrsc2\[hf\]'$"):
        load_checkpoint(sam)


@pytest.mark.parametrize(
    ("offset", "precision", "batch", "message"),
    [
        (-1.0, "float32", BATCH, r"segmenter.stability_offset=-1.0 does not fit; give a number from 0"),
        (1.0, "double", BATCH, r"segmenter.precision=double is not one of float32, bfloat16, float16"),
        (1.0, "float16", BATCH, r"segmenter.precision=float16 is slow on a CPU"),
        (1.0, "float32", {"cpu": 0, "cuda": 4, "mps": 4}, r"segmenter.batch.cpu=0 does not fit; give a whole number from 1"),
    ],
)
def test_bad_numbers(offset: float, precision: str, batch: dict[str, int], message: str) -> None:
    """Before anything is fetched or read."""
    with pytest.raises(InputError, match=message):
        HfSegmenter("owner/name", "main", "cpu", batch, offset, precision)


def test_every_class_exists() -> None:
    import transformers

    for family in FAMILIES.values():
        assert hasattr(transformers, family.model)
        assert hasattr(transformers, family.image_processor)


def test_other_weights_are_another_identity(sam: Path) -> None:
    option = {"checkpoint": str(sam), "revision": "main"}
    before = weights_identity(option)
    assert set(before) == {"config.json", "model.safetensors", "preprocessor_config.json"}
    assert before == weights_identity(option)
    path = sam / "model.safetensors"
    save_file({name: values + 1 for name, values in load_file(path).items()}, path, {"format": "pt"})
    assert weights_identity(option) != before

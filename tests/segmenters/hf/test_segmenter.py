"""The oracle is transformers itself: its processors, its ``forward``, its ``post_process_masks``, with eager attention."""

import json
import re
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import transformers
from contract import check_segmenter_contract, every
from tiny_models import GRID, SAM_3_SIDE, SAM_3_VISION, multi_scale_parts, stir
from tiny_sam import patchwork
from torch import nn

from isagrsc2.segmenters.hf.segmenter import HfSegmenter
from isagrsc2.segmenters.sam.candidates import DrawnCandidates

SHAPES = [(64, 64), (50, 130), (97, 60)]
PROCESSORS = {
    "sam": transformers.SamProcessor,
    "sam_hq": transformers.SamHQProcessor,
    "sam2": transformers.Sam2Processor,
    "edgetam": transformers.Sam2Processor,
    "sam3_tracker": transformers.Sam3TrackerProcessor,
}
CLASSES = {
    "sam": (transformers.SamModel, transformers.SamImageProcessor),
    "sam_hq": (transformers.SamHQModel, transformers.SamImageProcessor),
    "sam2": (transformers.Sam2Model, transformers.Sam2ImageProcessor),
    "edgetam": (transformers.EdgeTamModel, transformers.Sam2ImageProcessor),
    "sam3_tracker": (transformers.Sam3TrackerModel, transformers.Sam3ImageProcessor),
}


class Repaired(nn.Module):
    """The transformer of transformers' HQ-SAM, which forgets what becomes of the places: that is written where they came from.

    The decoder then exchanges y and x of them, so they are exchanged here.
    """

    def __init__(self, transformer: nn.Module) -> None:
        super().__init__()
        self.transformer = transformer

    def forward(self, image_embeddings: torch.Tensor, **others: Any) -> tuple[torch.Tensor, torch.Tensor]:
        tokens, places = self.transformer(image_embeddings=image_embeddings, **others)  # (1, N, t, C) and (N, 1, T, C)
        image_embeddings.copy_(places[:, 0].transpose(1, 2).reshape(image_embeddings.shape).transpose(2, 3))
        return tokens, places


@dataclass(frozen=True)
class Expected:
    """What transformers says: logits (N, 3, h, w), scores (N, 3), masks (N, 3, H, W)."""

    logits: np.ndarray
    scores: np.ndarray
    masks: np.ndarray


@dataclass(frozen=True)
class Oracle:
    """transformers' own model of a folder; SAM 2 and its like get an image that is no square as ``SquareCanvas`` says."""

    kind: str
    model: Any
    processor: Any

    @torch.no_grad()
    def __call__(self, image: np.ndarray, points: np.ndarray) -> Expected:
        height, width = image.shape[:2]
        seen = image if self.kind in ("sam", "sam_hq") else self._square(image)
        asked = [[[point] for point in points.tolist()]]
        inputs = self.processor(images=seen, input_points=asked, return_tensors="pt")
        found = self.model(**inputs, multimask_output=True)
        sizes = [inputs[name] for name in ("original_sizes", "reshaped_input_sizes") if name in inputs]
        masks = self.processor.post_process_masks(found.pred_masks, *sizes)[0][..., :height, :width]
        return Expected(found.pred_masks[0].numpy(), found.iou_scores[0].numpy(), masks.numpy())

    def _square(self, image: np.ndarray) -> np.ndarray:
        side = max(image.shape)
        mean = np.rint(np.array(self.processor.image_processor.image_mean) * 255).astype(np.uint8)
        canvas = np.tile(mean, (side, side, 1))
        canvas[: image.shape[0], : image.shape[1]] = image
        return canvas


@pytest.fixture(scope="module")
def segmenter(folder: Path) -> HfSegmenter:
    return make(folder)


@pytest.fixture(scope="module")
def oracle(folder: Path) -> Oracle:
    model_class, processor_class = CLASSES[folder.name]
    model = model_class.from_pretrained(folder, attn_implementation="eager").eval()
    if folder.name == "sam_hq":
        model.mask_decoder.transformer = Repaired(model.mask_decoder.transformer)
    return Oracle(folder.name, model, PROCESSORS[folder.name](processor_class.from_pretrained(folder)))


def make(folder: Path, precision: str = "float32", batch: int = 4) -> HfSegmenter:
    return HfSegmenter(str(folder), "main", "cpu", {"cpu": batch, "cuda": batch, "mps": batch}, 1.0, precision)


def draw_points(shape: tuple[int, int], count: int = 6) -> np.ndarray:
    return np.random.default_rng(3).uniform(0, (shape[1] - 1, shape[0] - 1), (count, 2))


def overlaps(one: np.ndarray, other: np.ndarray) -> np.ndarray:
    """IoU of masks (K, H, W), 1 for two empty ones."""
    both, either = (one & other).sum((1, 2)), (one | other).sum((1, 2))
    return np.where(either > 0, both / np.maximum(either, 1), 1.0)


def logits_of(candidates: DrawnCandidates) -> torch.Tensor:
    """(N, 3, h, w), all of them."""
    chosen = candidates.chosen(every(candidates))
    return chosen.unflatten(0, candidates.scores.shape)


def by_score(candidates: DrawnCandidates) -> np.ndarray:
    """(N, 3), masks of each point, best first."""
    return np.argsort(-candidates.scores, axis=1, kind="stable")


def check_same(candidates: DrawnCandidates, expected: Expected) -> None:
    order = by_score(candidates)
    theirs = np.argsort(-expected.scores, axis=1, kind="stable")
    count = np.arange(len(order))[:, None]
    np.testing.assert_allclose(candidates.scores[count, order], expected.scores[count, theirs], atol=1e-4)
    logits = expected.logits[count, theirs]
    np.testing.assert_allclose(logits_of(candidates).numpy()[count, order], logits, atol=2e-3 * logits.std())
    masks = candidates.enlarge((np.repeat(count[:, 0], 3), order.ravel()))
    assert overlaps(masks, expected.masks[count, theirs].reshape(masks.shape)).min() >= 0.99


@pytest.mark.parametrize("shape", [(64, 64), (48, 64)])
def test_contract(segmenter: HfSegmenter, shape: tuple[int, int]) -> None:
    check_segmenter_contract(segmenter, patchwork(*shape))


@pytest.mark.parametrize("shape", SHAPES)
def test_gives_what_transformers_gives(segmenter: HfSegmenter, oracle: Oracle, shape: tuple[int, int]) -> None:
    image, points = patchwork(*shape), draw_points(shape)
    expected = oracle(image, points)
    assert 0.05 < (expected.logits > 0).mean() < 0.95, "masks must not be empty or full"
    assert expected.logits.std(0).mean() > 0.02 * expected.logits.std(), "masks must depend on the prompt"
    embedding = segmenter.embed(image)
    assert embedding.mask_shape == (4 * GRID, 4 * GRID)
    check_same(segmenter.segment(embedding, points), expected)


def test_gives_nearly_the_same_in_half_precision(folder: Path, oracle: Oracle) -> None:
    image, points = patchwork(64, 64), draw_points((64, 64))
    expected = oracle(image, points)
    segmenter = make(folder, "bfloat16")
    candidates = segmenter.segment(segmenter.embed(image), points)
    assert logits_of(candidates).dtype == torch.bfloat16
    assert candidates.scores.dtype == np.float32
    assert np.abs(np.sort(candidates.scores) - np.sort(expected.scores)).max() < 0.05
    # HQ-SAM's masks are in another order, so what does not depend on it is compared.
    difference = logits_of(candidates).float().numpy().mean(1) - expected.logits.mean(1)
    assert np.abs(difference).mean() < 0.05 * expected.logits.std()


def test_looks_once(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    segmenter = make(folder)
    looks = []
    encode = segmenter._architecture.encode
    monkeypatch.setattr(segmenter._architecture, "encode", lambda pixels: looks.append(1) or encode(pixels))
    embedding = segmenter.embed(patchwork(64, 64))
    for _ in range(3):
        segmenter.segment(embedding, draw_points((64, 64)))
    assert len(looks) == 1


def test_what_is_no_tile_has_the_mean_colour(segmenter: HfSegmenter, folder: Path) -> None:
    """In all families: a tile of half a square fills half of the input, the rest is about 0 there."""
    prepared = segmenter._prepare(np.full((40, 80, 3), 250, np.uint8))
    side = prepared.pixels.shape[-1]
    assert prepared.pixels.shape == (1, 3, side, side)
    assert float(prepared.pixels[:, :, : side // 2 - 2].min()) > 0.9
    assert float(prepared.pixels[:, :, side // 2 + 2 :].abs().max()) < 0.02
    assert prepared.to_input == (side / 80, side / 80)


def test_sam_3_without_its_coarsest_map(tmp_path: Path) -> None:
    """The published tracker has four maps and goes on with three; transformers' model of images takes the fourth for the third.

    So it is compared with the same weights where there are three.
    """
    parts = multi_scale_parts(SAM_3_VISION | {"scale_factors": [4.0, 2.0, 1.0, 0.5]}, SAM_3_SIDE, 14)
    four = stir(transformers.Sam3TrackerModel(transformers.Sam3TrackerConfig(**parts)))
    three = transformers.Sam3TrackerModel(
        transformers.Sam3TrackerConfig(**multi_scale_parts(SAM_3_VISION, SAM_3_SIDE, 14))
    ).eval()
    three.load_state_dict({name: weights for name, weights in four.state_dict().items() if "fpn_layers.3" not in name})
    image_processor = transformers.Sam3ImageProcessor(size={"height": SAM_3_SIDE, "width": SAM_3_SIDE})
    four.save_pretrained(tmp_path)
    image_processor.save_pretrained(tmp_path)
    image, points = patchwork(64, 64), draw_points((64, 64))
    expected = Oracle("sam3_tracker", three, transformers.Sam3TrackerProcessor(image_processor))(image, points)
    segmenter = make(tmp_path)
    check_same(segmenter.segment(segmenter.embed(image), points), expected)


def _as_sam_2_video(folder: Path) -> None:
    _retype(folder, "sam2_video", {"mask_decoder_config": "sam2_video_mask_decoder"})


def _as_edge_tam_video(folder: Path) -> None:
    _retype(folder, "edgetam_video", {"prompt_encoder_config": "edgetam_video_prompt_encoder"})


def _as_sam_3_video(folder: Path) -> None:
    """As facebook/sam3: the encoder belongs to the detector, the neck to the whole, all else to the tracker."""
    from safetensors.torch import load_file, save_file

    tracker = json.loads((folder / "config.json").read_text())
    config = {"model_type": "sam3_video", "architectures": ["Sam3VideoModel"], "detector_config": {"model_type": "sam3"}}
    (folder / "config.json").write_text(json.dumps(config | {"tracker_config": tracker | {"model_type": "sam3_tracker_video"}}))
    weights = load_file(folder / "model.safetensors")
    others = {"detector_model.text_encoder.weight": torch.zeros(2), "tracker_model.no_object_pointer": torch.zeros(2)}
    # transformers saves the tracker alone as if all of it were in the tracker.
    own = {re.sub(r"^tracker_model\.(detector_model|tracker_neck)\.", r"\1.", name): values for name, values in weights.items()}
    assert {name.split(".")[0] for name in own} == {"detector_model", "tracker_model", "tracker_neck"}
    save_file(own | others, folder / "model.safetensors", {"format": "pt"})


def _retype(folder: Path, kind: str, parts: dict[str, str]) -> None:
    """As published: the configuration is of the model of videos, and so are some tensors."""
    from safetensors.torch import load_file, save_file

    config = json.loads((folder / "config.json").read_text()) | {"model_type": kind, "num_maskmem": 7}
    for part, name in parts.items():
        config[part]["model_type"] = name
    (folder / "config.json").write_text(json.dumps(config))
    weights = load_file(folder / "model.safetensors")
    save_file(weights | {"memory_encoder.weight": torch.zeros(2)}, folder / "model.safetensors", {"format": "pt"})


PUBLISHED_AS = {"sam2": _as_sam_2_video, "edgetam": _as_edge_tam_video, "sam3_tracker": _as_sam_3_video}


def test_reads_models_of_videos(segmenter: HfSegmenter, folder: Path, tmp_path: Path) -> None:
    change: Callable[[Path], None] | None = PUBLISHED_AS.get(folder.name)
    if change is None:
        pytest.skip("published as a model of images")
    copy = tmp_path / "copy"
    shutil.copytree(folder, copy)
    change(copy)
    image, points = patchwork(64, 64), draw_points((64, 64))
    one, other = (made.segment(made.embed(image), points) for made in (segmenter, make(copy)))
    # The same weights; where they lie in a file decides how they are aligned, and that how sums are rounded.
    torch.testing.assert_close(logits_of(one), logits_of(other), atol=1e-5, rtol=1e-5)
    assert overlaps(one.enlarge(every(one)), other.enlarge(every(other))).min() >= 0.99

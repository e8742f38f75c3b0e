"""The oracle is segment-anything itself: SamPredictor and SamAutomaticMaskGenerator on a tiny Sam."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from contract import check_segmenter_contract, every
from segment_anything import SamAutomaticMaskGenerator, SamPredictor, sam_model_registry
from segment_anything.modeling import Sam
from segment_anything.utils.amg import calculate_stability_score
from tiny_sam import patchwork, random_sam

from isagrsc2.errors import InputError
from isagrsc2.segmenters.sam.candidates import DrawnCandidates
from isagrsc2.segmenters.sam.prompt_decoder import PromptDecoder, SharedPlaces
from isagrsc2.segmenters.sam.segmenter import SamSegmenter

# (H, W); the tiny network's input is 256 px.
SHAPES = {
    "square": (256, 256),
    "smaller square": (100, 100),
    "wide": (120, 300),
    "tall": (401, 97),
    "odd": (255, 257),
    "larger": (517, 640),
    "tiny": (7, 5),
    "strip": (3, 400),
}


BATCH = {"cpu": 16, "cuda": 64, "mps": 64}


def make(sam: Sam, batch: int = 4, precision: str = "float32", compile: bool = False) -> SamSegmenter:  # noqa: A002
    return SamSegmenter.from_model(sam, "cpu", batch, 1.0, precision, compile)


def scatter(height: int, width: int, count: int, seed: int = 0) -> np.ndarray:
    """(N, 2) xy, some between pixels, the corners among them."""
    points = np.random.default_rng(seed).random((count, 2)) * [width, height]
    return np.concatenate([[[0, 0], [width - 1, height - 1]], points])


def overlaps(one: np.ndarray, other: np.ndarray) -> np.ndarray:
    """IoU of pairs of masks (K, H, W); two empty ones agree."""
    both, either = (one & other).sum((1, 2)), (one | other).sum((1, 2))
    return np.where(either > 0, both / np.maximum(either, 1), 1.0)


def drawn(candidates: DrawnCandidates) -> torch.Tensor:
    """Logits (N, M, h, w)."""
    logits = candidates.chosen(every(candidates))
    return logits.view(*candidates.scores.shape, *logits.shape[1:])


def ask_predictor(sam: Sam, image: np.ndarray, points: np.ndarray) -> list[np.ndarray]:
    """Masks (N, 3, H, W), scores (N, 3) and logits (N, 3, h, w) of segment-anything, one point at a time."""
    predictor = SamPredictor(sam)
    predictor.set_image(image)
    answers = [predictor.predict(point[None], np.ones(1), multimask_output=True) for point in points]
    return [np.stack(part) for part in zip(*answers, strict=True)]


@pytest.mark.parametrize("shape", SHAPES.values(), ids=SHAPES.keys())
def test_gives_what_the_predictor_gives(tiny_sam: Sam, shape: tuple[int, int]) -> None:
    points = scatter(*shape, 9)
    masks, scores, logits = ask_predictor(tiny_sam, patchwork(*shape), points)

    segmenter = make(tiny_sam)
    embedding = segmenter.embed(patchwork(*shape))
    candidates = segmenter.segment(embedding, points)
    enlarged = candidates.enlarge(every(candidates))

    assert enlarged.any()
    np.testing.assert_allclose(candidates.scores, scores, atol=1e-5)
    np.testing.assert_allclose(drawn(candidates), logits, atol=1e-4)
    assert overlaps(enlarged, masks.reshape(enlarged.shape)).min() >= 0.99
    stability = calculate_stability_score(torch.as_tensor(logits), 0.0, 1.0).nan_to_num(0.0)
    measured = candidates.stability(every(candidates))
    np.testing.assert_allclose(measured.reshape(stability.shape), stability, atol=2e-3)


def test_gives_nearly_the_same_in_half_precision(tiny_sam: Sam) -> None:
    image, points = patchwork(256, 256), scatter(256, 256, 40)
    masks, scores, _ = ask_predictor(tiny_sam, image, points)
    segmenter = make(tiny_sam, precision="bfloat16")
    embedding = segmenter.embed(image)
    assert embedding.features.dtype == torch.float32
    candidates = segmenter.segment(embedding, points)
    assert drawn(candidates).dtype == torch.bfloat16
    assert candidates.scores.dtype == candidates.stability(every(candidates)).dtype == np.float32
    np.testing.assert_allclose(candidates.scores, scores, atol=0.02)
    masks = masks.reshape(-1, 256, 256)
    enlarged = candidates.enlarge(every(candidates))
    ious = overlaps(enlarged, masks)
    # The miniature draws on 64 x 64 px: one of them is several per cent of a small disc.
    assert ious.mean() >= 0.985
    assert np.percentile(ious, 5) >= 0.97


@pytest.mark.slow  # the compiler needs a minute
def test_compiled_gives_the_same_and_is_compiled_once(tiny_sam: Sam) -> None:
    expected, segmenter = make(tiny_sam), make(tiny_sam, compile=True)
    # Images of other shapes, other numbers of points and of masks looked at: every call has the same shapes.
    questions = [(120, 200, 5), (256, 256, 1), (90, 60, 9)]
    for number, (height, width, count) in enumerate(questions):
        image, points = patchwork(height, width), scatter(height, width, count)
        one = expected.segment(expected.embed(image), points)
        with torch._dynamo.config.patch(error_on_recompile=number > 0):
            other = segmenter.segment(segmenter.embed(image), points)
            other.pixels(2, 0)
            logits = drawn(other)
        np.testing.assert_allclose(logits, drawn(one), atol=1e-4)
        np.testing.assert_allclose(other.scores, one.scores, atol=1e-5)


def test_a_rest_is_filled_up_where_shapes_are_fixed(tiny_sam: Sam, monkeypatch: pytest.MonkeyPatch) -> None:
    attended, drawings = [], []
    attend, draw = PromptDecoder.attend, PromptDecoder.draw

    def spy_attend(self: PromptDecoder, shared: SharedPlaces, prompts: torch.Tensor) -> Any:
        attended.append(len(prompts))
        return attend(self, shared, prompts)

    def spy_draw(self: PromptDecoder, tokens: torch.Tensor, places: torch.Tensor) -> torch.Tensor:
        drawings.append(len(places))
        return draw(self, tokens, places)

    monkeypatch.setattr(PromptDecoder, "attend", spy_attend)
    monkeypatch.setattr(PromptDecoder, "draw", spy_draw)
    monkeypatch.setattr(torch, "compile", lambda function, dynamic: function)
    image, points = patchwork(64, 64), scatter(64, 64, 4)  # 6 with the corners
    free, fixed = make(tiny_sam), make(tiny_sam, compile=True)
    one, other = (each.segment(each.embed(image), points) for each in (free, fixed))
    assert attended == [4, 2, 4, 4]
    assert drawings == []
    np.testing.assert_allclose(drawn(other), drawn(one), atol=1e-4)
    assert drawings == [4, 4, 1, 1, 1, 1, 1, 1]
    assert other.scores.shape == (6, 3)


def test_masks_are_drawn_once_and_only_where_they_are_looked_at(tiny_sam: Sam, monkeypatch: pytest.MonkeyPatch) -> None:
    drawings = []
    draw = PromptDecoder.draw

    def spy(self: PromptDecoder, tokens: torch.Tensor, places: torch.Tensor) -> torch.Tensor:
        drawings.append(len(places))
        return draw(self, tokens, places)

    monkeypatch.setattr(PromptDecoder, "draw", spy)
    image, points = patchwork(64, 64), scatter(64, 64, 4)
    segmenter = make(tiny_sam)
    whole, part = (segmenter.segment(segmenter.embed(image), points) for _ in range(2))
    expected = drawn(whole)
    drawings.clear()
    rows = np.array([4, 1, 4]), np.array([2, 0, 0])
    assert torch.equal(part.chosen(rows), expected[rows])
    assert np.array_equal(part.stability(rows), whole.stability(rows))
    assert np.array_equal(part.pixels(1, 2), whole.pixels(1, 2))
    assert len(drawings) == 2
    assert np.array_equal(part.enlarge(rows), whole.enlarge(rows))
    assert np.array_equal(part.pixels(5, 0), whole.pixels(5, 0))
    assert len(drawings) == 3


def test_leaves_the_network_as_it_is(tiny_sam: Sam) -> None:
    before = {name: tensor.clone() for name, tensor in tiny_sam.state_dict().items()}
    segmenter = make(tiny_sam, precision="bfloat16")
    segmenter.segment(segmenter.embed(patchwork(50, 50)), scatter(50, 50, 2))
    after = tiny_sam.state_dict()
    assert list(before) == list(after)
    assert all(torch.equal(before[name], after[name]) and before[name].dtype == after[name].dtype for name in before)


def test_embedding_describes_the_frames(tiny_sam: Sam) -> None:
    embedding = make(tiny_sam).embed(patchwork(100, 400))
    assert embedding.tile_shape == (100, 400)
    assert embedding.mask_shape == (64, 64)  # a quarter of the 256 px input
    assert embedding.scale == 64 / 400
    assert embedding.input_shape == (64, 256)  # 400 px become 256, 100 become 64


def test_embedding_outlives_other_images(tiny_sam: Sam) -> None:
    segmenter = make(tiny_sam)
    points = scatter(90, 140, 5)
    first = segmenter.embed(patchwork(90, 140, seed=1))
    expected = segmenter.segment(first, points)
    other = segmenter.embed(patchwork(200, 130, seed=2))
    segmenter.segment(other, scatter(200, 130, 5))
    again = segmenter.segment(first, points)
    assert np.array_equal(drawn(again), drawn(expected))
    assert np.array_equal(again.scores, expected.scores)


def test_no_points_and_no_masks(tiny_sam: Sam) -> None:
    segmenter = make(tiny_sam)
    embedding = segmenter.embed(patchwork(60, 80))
    candidates = segmenter.segment(embedding, np.zeros((0, 2)))
    assert drawn(candidates).shape == (0, 3, 64, 64)
    assert candidates.scores.shape == (0, 3)
    assert candidates.stability(every(candidates)).shape == (0,)
    assert candidates.enlarge(every(candidates)).shape == (0, 60, 80)


def test_empty_mask_has_no_stability() -> None:
    sam = random_sam(64).eval()
    with torch.no_grad():
        for network in sam.mask_decoder.output_hypernetworks_mlps:
            network.layers[-1].weight.zero_()
            network.layers[-1].bias.zero_()  # every logit is 0
    segmenter = SamSegmenter.from_model(sam, "cpu", 8, 0.0, "float32", False)  # the looser mask is empty, too
    candidates = segmenter.segment(segmenter.embed(patchwork(64, 64)), np.array([[3.0, 4.0]]))
    assert not (drawn(candidates) > 0).any()
    assert candidates.stability(every(candidates)).tolist() == [0.0, 0.0, 0.0]


@pytest.mark.parametrize("shape", [(256, 256), (97, 180), (12, 4)])
def test_contract(tiny_sam: Sam, shape: tuple[int, int]) -> None:
    check_segmenter_contract(make(tiny_sam), patchwork(*shape))


def test_tiny_sam_makes_automatic_masks(tiny_sam: Sam) -> None:
    generator = SamAutomaticMaskGenerator(
        tiny_sam, points_per_side=6, pred_iou_thresh=0.4, stability_score_thresh=0.4, stability_score_offset=1.0
    )
    records = generator.generate(patchwork(160, 240))
    assert len(records) >= 8
    assert max(record["area"] for record in records) < 0.7 * 160 * 240
    prompted = 0
    for record in records:
        (x, y), mask = record["point_coords"][0], record["segmentation"]
        prompted += bool(mask[int(y), int(x)])
    assert prompted >= 0.8 * len(records), "masks lie where they were asked for"


def test_loads_a_checkpoint(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    saved = random_sam(64, seed=3).eval()
    path = tmp_path / "my sam.pth"
    torch.save(saved.state_dict(), path)
    monkeypatch.setitem(sam_model_registry, "vit_b", lambda: random_sam(64, seed=4))
    loaded = SamSegmenter("vit_b", str(path), str(tmp_path), "cpu", BATCH, 1.0, "float32", False)
    expected = make(saved, batch=16)
    image, points = patchwork(50, 64), np.array([[10.0, 20.0]])
    got = loaded.segment(loaded.embed(image), points)
    assert np.array_equal(drawn(got), drawn(expected.segment(expected.embed(image), points)))
    assert list(tmp_path.iterdir()) == [path], "a file of the user's own gets no sidecar"


def test_refuses_a_checkpoint_of_another_model(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "small.pth"
    torch.save(random_sam(64).state_dict(), path)
    monkeypatch.setitem(sam_model_registry, "vit_l", lambda: random_sam(128))
    with pytest.raises(InputError, match=r"small\.pth does not fit SAM vit_l \(.*pos_embed\)"):
        SamSegmenter("vit_l", str(path), str(tmp_path), "cpu", BATCH, 1.0, "float32", False)


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"model": "vit_x"}, "segmenter.model=vit_x is unknown; choose vit_b, vit_l, vit_h"),
        ({"device": "gpu"}, "device=gpu is not understood"),
        ({"checkpoint": "nowhere/sam.pth"}, "nowhere/sam.pth is not a file"),
        ({"batch": 64}, r"segmenter\.batch=64 does not fit; .* segmenter\.batch\.cuda=32"),
        ({"batch": {"cpu": 0, "cuda": 64, "mps": 64}}, r"segmenter\.batch\.cpu=0 does not fit; give a whole number from 1"),
        ({"stability_offset": -1.0}, r"segmenter\.stability_offset=-1\.0 does not fit"),
        ({"precision": "half"}, r"segmenter\.precision=half is not one of float32, bfloat16, float16"),
        ({"precision": "float16"}, r"segmenter\.precision=float16 is slow on a CPU"),
    ],
)
def test_refuses_bad_options(changed: dict[str, Any], message: str) -> None:
    options = {"model": "vit_b", "checkpoint": "x.pth", "weights_dir": "w", "device": "cpu", "batch": BATCH}
    options |= {"stability_offset": 1.0, "precision": "float32", "compile": False}
    with pytest.raises(InputError, match=message):
        SamSegmenter(**(options | changed))


def test_refuses_an_empty_batch(tiny_sam: Sam) -> None:
    with pytest.raises(InputError, match=r"segmenter\.batch=0"):
        make(tiny_sam, batch=0)

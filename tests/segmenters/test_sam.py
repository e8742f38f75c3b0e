"""The oracle is segment-anything itself: SamPredictor and SamAutomaticMaskGenerator on a tiny Sam."""

from pathlib import Path

import numpy as np
import pytest
import torch
from contract import check_segmenter_contract
from segment_anything import SamAutomaticMaskGenerator, SamPredictor, sam_model_registry
from segment_anything.modeling import Sam
from segment_anything.utils.amg import calculate_stability_score
from tiny_sam import patchwork, random_sam

from isagrsc2.errors import InputError
from isagrsc2.segmenters.sam import SamSegmenter

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


def make(sam: Sam, batch: int = 4) -> SamSegmenter:
    return SamSegmenter.from_model(sam, "cpu", batch, 1.0)


def scatter(height: int, width: int, count: int, seed: int = 0) -> np.ndarray:
    """(N, 2) xy, some between pixels, the corners among them."""
    points = np.random.default_rng(seed).random((count, 2)) * [width, height]
    return np.concatenate([[[0, 0], [width - 1, height - 1]], points])


def overlap(one: np.ndarray, other: np.ndarray) -> float:
    """The smallest IoU over pairs of masks (K, H, W); two empty ones agree."""
    both, either = (one & other).sum((1, 2)), (one | other).sum((1, 2))
    return float(np.where(either > 0, both / np.maximum(either, 1), 1.0).min())


@pytest.mark.parametrize("shape", SHAPES.values(), ids=SHAPES.keys())
def test_gives_what_the_predictor_gives(tiny_sam: Sam, shape: tuple[int, int]) -> None:
    image = patchwork(*shape)
    points = scatter(*shape, 9)
    predictor = SamPredictor(tiny_sam)
    predictor.set_image(image)
    expected = [predictor.predict(point[None], np.ones(1), multimask_output=True) for point in points]
    masks, scores, logits = (np.stack(part) for part in zip(*expected, strict=True))

    segmenter = make(tiny_sam)
    embedding = segmenter.embed(image)
    candidates = segmenter.segment(embedding, points)
    enlarged = segmenter.enlarge(embedding, candidates.logits.reshape(-1, *embedding.mask_shape))

    assert candidates.masks.any()
    # One point at a time and four at a time differ by the rounding of float32 sums.
    np.testing.assert_allclose(candidates.scores, scores, atol=1e-5)
    np.testing.assert_allclose(candidates.logits, logits, atol=1e-3)
    assert overlap(enlarged, masks.reshape(enlarged.shape)) >= 0.999
    stability = calculate_stability_score(torch.as_tensor(logits), 0.0, 1.0).nan_to_num(0.0)
    np.testing.assert_allclose(candidates.stability, stability, atol=2e-3)


def test_is_bit_identical_in_the_same_batch(tiny_sam: Sam) -> None:
    image = patchwork(200, 301)
    points = scatter(200, 301, 6)
    predictor = SamPredictor(tiny_sam)
    predictor.set_image(image)
    prompts = torch.as_tensor(predictor.transform.apply_coords(points, (200, 301)), dtype=torch.float32)[:, None]
    masks, scores, logits = predictor.predict_torch(prompts, torch.ones(len(prompts), 1), multimask_output=True)

    segmenter = make(tiny_sam, batch=64)
    embedding = segmenter.embed(image)
    candidates = segmenter.segment(embedding, points)

    assert np.array_equal(candidates.logits, logits.numpy())
    assert np.array_equal(candidates.scores, scores.numpy())
    assert np.array_equal(candidates.stability, calculate_stability_score(logits, 0.0, 1.0).numpy())
    enlarged = segmenter.enlarge(embedding, candidates.logits.reshape(-1, *embedding.mask_shape))
    assert np.array_equal(enlarged, masks.flatten(0, 1).numpy())


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
    assert np.array_equal(again.logits, expected.logits)
    assert np.array_equal(again.scores, expected.scores)


def test_no_points_and_no_masks(tiny_sam: Sam) -> None:
    segmenter = make(tiny_sam)
    embedding = segmenter.embed(patchwork(60, 80))
    candidates = segmenter.segment(embedding, np.zeros((0, 2)))
    assert candidates.logits.shape == (0, 3, 64, 64)
    assert candidates.scores.shape == candidates.stability.shape == (0, 3)
    assert segmenter.enlarge(embedding, np.zeros((0, 64, 64), np.float32)).shape == (0, 60, 80)


def test_enlarge_in_parts_is_enlarge_at_once(tiny_sam: Sam) -> None:
    segmenter = make(tiny_sam)
    embedding = segmenter.embed(patchwork(120, 77))
    logits = segmenter.segment(embedding, scatter(120, 77, 5)).logits.reshape(-1, 64, 64)  # 21 masks, 8 at a time
    expected = np.concatenate([segmenter.enlarge(embedding, row[None]) for row in logits])
    assert np.array_equal(segmenter.enlarge(embedding, logits), expected)
    assert segmenter.enlarge(embedding, np.ones_like(logits[:1])).all()
    assert not segmenter.enlarge(embedding, -np.ones_like(logits[:1])).any()


def test_empty_mask_has_no_stability() -> None:
    sam = random_sam(64).eval()
    with torch.no_grad():
        for network in sam.mask_decoder.output_hypernetworks_mlps:
            network.layers[-1].weight.zero_()
            network.layers[-1].bias.zero_()  # every logit is 0
    segmenter = SamSegmenter.from_model(sam, "cpu", 8, 0.0)  # the looser mask is empty, too
    candidates = segmenter.segment(segmenter.embed(patchwork(64, 64)), np.array([[3.0, 4.0]]))
    assert not candidates.masks.any()
    assert candidates.stability.tolist() == [[0.0, 0.0, 0.0]]


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
    loaded = SamSegmenter("vit_b", str(path), str(tmp_path), "cpu", 16, 1.0)
    expected = make(saved, batch=16)
    image, points = patchwork(50, 64), np.array([[10.0, 20.0]])
    got = loaded.segment(loaded.embed(image), points)
    assert np.array_equal(got.logits, expected.segment(expected.embed(image), points).logits)
    assert list(tmp_path.iterdir()) == [path], "a file of the user's own gets no sidecar"


def test_refuses_a_checkpoint_of_another_model(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "small.pth"
    torch.save(random_sam(64).state_dict(), path)
    monkeypatch.setitem(sam_model_registry, "vit_l", lambda: random_sam(128))
    with pytest.raises(InputError, match=r"small\.pth does not fit SAM vit_l \(.*pos_embed\)"):
        SamSegmenter("vit_l", str(path), str(tmp_path), "cpu", 16, 1.0)


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"model": "vit_x"}, "segmenter.model=vit_x is unknown; choose vit_b, vit_l, vit_h"),
        ({"device": "gpu"}, "device=gpu is not understood"),
        ({"checkpoint": "nowhere/sam.pth"}, "nowhere/sam.pth is not a file"),
    ],
)
def test_refuses_bad_options(changed: dict[str, str], message: str) -> None:
    options = {"model": "vit_b", "checkpoint": "x.pth", "weights_dir": "w", "device": "cpu"} | changed
    with pytest.raises(InputError, match=message):
        SamSegmenter(**options, batch=64, stability_offset=1.0)


def test_refuses_an_empty_batch(tiny_sam: Sam) -> None:
    with pytest.raises(InputError, match=r"segmenter\.batch=0"):
        make(tiny_sam, batch=0)

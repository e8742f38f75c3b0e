"""The compact segmenter: what the network draws becomes regions that answer prompts."""

from pathlib import Path

import numpy as np
import pytest
import torch
from contract import check_segmenter_contract
from drawn_borders import HIERARCHY, drawn_segmenter, fields

from isagrsc2.errors import InputError
from isagrsc2.segmenters.compact.segmenter import CompactSegmenter
from isagrsc2.segmenters.compact.weights_file import CompactModel, read_weights, write_weights
from isagrsc2.weights.embedded import locate_embedded


@pytest.mark.parametrize("shape", [(64, 64), (37, 90), (5, 4)])
def test_contract_of_random_networks(shape: tuple[int, int]) -> None:
    torch.manual_seed(1)
    image = np.random.default_rng(0).integers(0, 256, (*shape, 3), np.uint8)
    check_segmenter_contract(CompactSegmenter.from_model(CompactModel(), "cpu", HIERARCHY), image)


@pytest.mark.parametrize("reduction", [1, 2, 3])
def test_contract_of_drawn_borders(reduction: int) -> None:
    check_segmenter_contract(drawn_segmenter(reduction=reduction), fields(96, 80, 24))


def test_a_prompt_is_answered_with_its_field() -> None:
    segmenter = drawn_segmenter()
    embedding = segmenter.embed(fields(96, 96, 32))
    points = np.array([[16.0, 16.0], [48.0, 80.5], [90.0, 90.0]])
    candidates = segmenter.segment(embedding, points)
    masks = candidates.enlarge((np.arange(3), np.ones(3, int)))  # (3, 96, 96)
    for mask, (x, y) in zip(masks, points // 32 * 32, strict=True):
        inner = np.zeros((96, 96), bool)
        inner[int(y) + 1 : int(y) + 31, int(x) + 1 : int(x) + 31] = True
        assert mask[inner].all()
        # A border of 2 px belongs to the fields on both sides.
        assert mask.sum() <= 34 * 34


def test_masks_of_a_point_are_nested() -> None:
    segmenter = drawn_segmenter()
    image = fields(96, 96, 32)
    image[:, 31:33, 2] = 178  # a weaker border: two fields that one may take for one
    embedding = segmenter.embed(image)
    candidates = segmenter.segment(embedding, np.array([[16.0, 16.0]]))
    small, middle, large = candidates.enlarge((np.zeros(3, int), np.arange(3)))
    assert (small <= middle).all()
    assert (middle <= large).all()
    assert large.sum() > 1.8 * small.sum()


def test_weights_give_the_same_maps_from_a_file(tmp_path: Path) -> None:
    torch.manual_seed(2)
    model = CompactModel()
    write_weights(model, tmp_path / "own.safetensors", {"data": "drawn"})
    image = np.random.default_rng(1).integers(0, 256, (40, 56, 3), np.uint8)
    read = CompactSegmenter(str(tmp_path / "own.safetensors"), "cpu", HIERARCHY)
    made = CompactSegmenter.from_model(model, "cpu", HIERARCHY)
    assert np.allclose(read.maps(image), made.maps(image), atol=1e-5)  # they lie in memory otherwise
    assert read.maps(image).shape == (3, 40, 56)


def test_weights_in_the_package() -> None:
    segmenter = CompactSegmenter("embedded", "cpu", HIERARCHY)
    image = np.random.default_rng(1).integers(0, 256, (40, 56, 3), np.uint8)
    expected = CompactSegmenter.from_model(read_weights(locate_embedded("compact")), "cpu", HIERARCHY)
    assert np.allclose(segmenter.maps(image), expected.maps(image), atol=1e-5)


@pytest.mark.parametrize(
    ("option", "value", "message"),
    [
        ("levels", (0.7, 0.6, 0.8), r"hierarchy.levels=\[0.7, 0.6, 0.8\] must ascend"),
        ("sigma", 0.0, r"hierarchy.sigma"),
        ("reduction", 0, r"hierarchy.reduction"),
        ("stability_offset", -1.0, r"hierarchy.stability_offset"),
    ],
)
def test_numbers_are_checked(option: str, value: object, message: str) -> None:
    with pytest.raises(InputError, match=message):
        drawn_segmenter(**{option: value})


@pytest.mark.parametrize(
    ("content", "message"),
    [(None, "is not a file"), (b"no tensors", "cannot be read as safetensors")],
)
def test_files_that_are_no_weights(tmp_path: Path, content: bytes | None, message: str) -> None:
    path = tmp_path / "bad.safetensors"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(InputError, match=message):
        CompactSegmenter(str(path), "cpu", HIERARCHY)


def test_weights_of_something_else(tmp_path: Path) -> None:
    from safetensors.torch import save_file

    save_file({"weight": torch.zeros(2)}, tmp_path / "other.safetensors")
    with pytest.raises(InputError, match="holds no weights of the compact segmenter"):
        CompactSegmenter(str(tmp_path / "other.safetensors"), "cpu", HIERARCHY)


def test_a_finer_or_coarser_region_must_be_better_by_a_margin(monkeypatch: pytest.MonkeyPatch) -> None:
    image = fields(96, 96, 32)
    image[:, 31:33, 2] = 178  # a weaker border: fields that a coarser cut takes for one
    monkeypatch.setattr(CompactSegmenter, "scores", lambda self, tree, maps: np.full(len(tree.parent), 0.8, np.float32))
    scores = {}
    for margin in (0.0, 0.1, 1.0):
        segmenter = drawn_segmenter(margin=margin)
        embedding = segmenter.embed(image)
        candidates = segmenter.segment(embedding, np.array([[16.0, 16.0]]))
        scores[margin] = candidates.scores[0]
    masks = candidates.enlarge((np.zeros(3, int), np.arange(3)))
    typical = [np.array_equal(mask, masks[1]) for mask in masks]
    assert not all(typical)
    assert scores[0.0] == pytest.approx([0.8, 0.8, 0.8])
    assert scores[0.1] == pytest.approx([0.8 if same else 0.7 for same in typical])
    assert scores[1.0] == pytest.approx([0.8 if same else 0.0 for same in typical])

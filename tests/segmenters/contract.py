"""What every segmenter must do, whatever it finds: `check_segmenter_contract` is called on each implementation."""

from typing import Any

import numpy as np

from isagrsc2.segmenters.protocol import Candidates, Rows, Segmenter


def check_segmenter_contract(segmenter: Segmenter, image: np.ndarray) -> None:
    """Assert the protocol on an image, (H, W, 3) uint8, of at least 4 x 4 px."""
    untouched = image.copy()
    embedding = segmenter.embed(image)
    assert np.array_equal(image, untouched), "embed must not write into the image"
    _check_embedding(embedding, image)

    points = _points(*image.shape[:2])
    candidates = segmenter.segment(embedding, points)
    count = candidates.scores.shape[1]
    assert count >= 1
    _check_candidates(candidates, (len(points), count), embedding.mask_shape)
    assert decoder_masks(candidates, embedding.mask_shape).any(), "no mask at all: the checks that follow would be empty"
    _check_same(candidates, segmenter.segment(embedding, points), "the same question twice")

    _check_each_point_on_its_own(segmenter, embedding, points, candidates)
    _check_candidates(segmenter.segment(embedding, np.zeros((0, 2))), (0, count), embedding.mask_shape)
    _check_no_memory(segmenter, image, embedding, points, candidates)
    _check_enlarge(embedding, candidates)


def _points(height: int, width: int) -> np.ndarray:
    """(N, 2) xy: the corners, the centre, points between pixels; two of them twice."""
    right, bottom = width - 1, height - 1
    places = [(0, 0), (right, 0), (0, bottom), (right, bottom), (right / 2, bottom / 2), (right / 3, bottom * 0.7)]
    return np.array([*places, *places[3:5]], np.float64)


def _check_embedding(embedding: Any, image: np.ndarray) -> None:
    height, width = image.shape[:2]
    h, w = embedding.mask_shape
    assert embedding.tile_shape == (height, width)
    assert min(h, w) >= 1
    assert embedding.scale > 0
    # The decoder frame holds the whole tile, up to the rounding of one decoder px.
    assert height * embedding.scale <= h + 1
    assert width * embedding.scale <= w + 1


def decoder_masks(candidates: Candidates, mask_shape: tuple[int, int]) -> np.ndarray:
    """(N, M, h, w) bool, decoder frame."""
    masks = np.zeros((*candidates.scores.shape, np.prod(mask_shape)), bool)
    for point, mask in np.ndindex(candidates.scores.shape):
        masks[point, mask, candidates.pixels(point, mask)] = True
    return masks.reshape(*candidates.scores.shape, *mask_shape)


def _check_candidates(candidates: Candidates, pairs: tuple[int, int], mask_shape: tuple[int, int]) -> None:
    for point, mask in np.ndindex(pairs):
        pixels = candidates.pixels(point, mask)
        assert pixels.dtype == np.int64
        assert len(np.unique(pixels)) == len(pixels)
        assert not len(pixels) or 0 <= pixels.min() <= pixels.max() < np.prod(mask_shape)
    _check_smallest(candidates)
    point, mask = every(candidates)
    stability = candidates.stability((point, mask))
    assert candidates.scores.shape == pairs
    assert stability.shape == (candidates.scores.size,)
    assert candidates.scores.dtype == stability.dtype == np.float32
    # A score may come from a regression, which overshoots a little; stability is a ratio.
    assert ((candidates.scores > -0.2) & (candidates.scores < 1.2)).all()
    assert ((stability >= 0) & (stability <= 1)).all()
    assert np.array_equal(stability[::-2], candidates.stability((point[::-2], mask[::-2])))
    assert candidates.stability((point[:0], mask[:0])).shape == (0,)


def _check_smallest(candidates: Candidates) -> None:
    count, nested = candidates.scores.shape
    points = np.arange(count)[::-2]
    for point, pixels in zip(points.tolist(), candidates.smallest(points), strict=True):
        masks = [candidates.pixels(point, mask) for mask in range(nested)]
        assert np.array_equal(pixels, min(masks, key=len))
    assert candidates.smallest(points[:0]) == []


def _check_same(one: Candidates, other: Candidates, what: str) -> None:
    rows = every(one)
    assert np.array_equal(one.enlarge(rows), other.enlarge(rows)), what
    assert all(np.array_equal(one.pixels(*row), other.pixels(*row)) for row in zip(*rows, strict=True)), what
    assert np.array_equal(one.scores, other.scores), what
    assert np.array_equal(one.stability(rows), other.stability(rows)), what


def _check_each_point_on_its_own(segmenter: Segmenter, embedding: Any, points: np.ndarray, candidates: Candidates) -> None:
    """A point's answer does not depend on its neighbours in the batch, up to the rounding of batched arithmetic."""
    alone = segmenter.segment(embedding, points[4:5])
    assert np.abs(alone.scores - candidates.scores[4:5]).max() < 1e-4
    shape = embedding.mask_shape
    assert (decoder_masks(alone, shape) != decoder_masks(candidates, shape)[4:5]).mean() < 1e-3


def _check_no_memory(
    segmenter: Segmenter, image: np.ndarray, embedding: Any, points: np.ndarray, candidates: Candidates
) -> None:
    """Another image in between changes nothing; the same image embedded again gives the same."""
    segmenter.embed(np.ascontiguousarray(255 - image[::-1, ::-1]))
    _check_same(candidates, segmenter.segment(embedding, points), "another image was embedded in between")
    _check_same(candidates, segmenter.segment(segmenter.embed(image), points), "the same image was embedded again")


def every(candidates: Candidates) -> Rows:
    """All of them."""
    point, mask = np.indices(candidates.scores.shape).reshape(2, -1)
    return point, mask


def _check_enlarge(embedding: Any, candidates: Candidates) -> None:
    height, width = embedding.tile_shape
    point, mask = every(candidates)
    masks = candidates.enlarge((point, mask))
    assert masks.shape == (candidates.scores.size, height, width)
    assert masks.dtype == np.bool_
    assert np.array_equal(masks[::-2], candidates.enlarge((point[::-2], mask[::-2])))
    assert candidates.enlarge((point[:0], mask[:0])).shape == (0, height, width)
    # Both frames show the same thing: the decoder's mask under the centre of each tile pixel.
    rows = np.minimum((np.arange(height) + 0.5) * embedding.scale, embedding.mask_shape[0] - 1).astype(int)
    columns = np.minimum((np.arange(width) + 0.5) * embedding.scale, embedding.mask_shape[1] - 1).astype(int)
    shown = decoder_masks(candidates, embedding.mask_shape).reshape(-1, *embedding.mask_shape)
    assert (masks == shown[:, rows[:, None], columns[None]]).mean() > 0.9

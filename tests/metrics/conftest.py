import numpy as np
import pytest

SHAPE = (36, 44)

Pair = tuple[np.ndarray, np.ndarray, np.ndarray]


def make_pair(seed: int) -> Pair:
    """Predicted and reference labels with similar parcels, some missing on either side, and a mask of valid pixels."""
    rng = np.random.default_rng(seed)
    count = int(rng.integers(0, 16))
    seeds = rng.uniform(0, SHAPE, (count, 2))
    reference = cells(seeds, rng)
    moved = seeds + rng.normal(0, 1.5, seeds.shape)
    added = rng.uniform(0, SHAPE, (int(rng.integers(0, 4)), 2))
    predicted = cells(np.concatenate([moved, added]), rng)
    valid = np.ones(SHAPE, bool)
    if seed % 3 == 0:
        row, column = rng.integers(0, SHAPE)
        valid[row : row + 9, column : column + 12] = False
    return predicted, reference, valid


def cells(seeds: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Every pixel goes to the nearest seed; a quarter of the cells becomes background; ids have gaps and no order."""
    labels = np.zeros(SHAPE, np.int32)
    if not len(seeds):
        return labels
    places = np.stack(np.indices(SHAPE), axis=-1)  # (H, W, 2)
    nearest = ((places[:, :, None] - seeds) ** 2).sum(axis=-1).argmin(axis=-1)  # (H, W)
    ids = rng.permutation(3 * len(seeds))[: len(seeds)] + 1
    ids[rng.random(len(seeds)) < 0.25] = 0
    return ids.astype(np.int32)[nearest]


@pytest.fixture(scope="session")
def label_pairs() -> list[Pair]:
    return [make_pair(seed) for seed in range(100)]

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from scipy import ndimage

from isagrsc2.errors import InputError
from isagrsc2.prompt_training.batches import NO_PARCEL, UNKNOWN
from isagrsc2.prompt_training.prompts import PromptSampler, near_borders, one_prompt_per_parcel

NUMBERS = {"count": 60, "inside": 0.5, "border": 0.3, "outside": 0.2, "border_reach": 1, "min_parcel": 1}
LABELS = arrays(np.int32, (9, 7), elements=st.sampled_from([UNKNOWN, NO_PARCEL, 1, 2, 5]))


def asked(labels, seed=0, **changes):
    """Prompts, and the labels under them."""
    points = PromptSampler(**(NUMBERS | changes))(labels, np.random.default_rng(seed))
    columns, rows = np.floor(points).astype(int).T
    return points, labels[rows, columns]


def halves(height=20, width=30):
    """A parcel of 10 px at the left, one of 1 px in the middle, the last five columns unknown."""
    labels = np.zeros((height, width), np.int32)
    labels[:, :10] = 1
    labels[5, 15] = 2
    labels[:, 25:] = UNKNOWN
    return labels


@given(LABELS, st.integers(0, 99))
def test_prompts_are_known_pixel_centres(labels, seed):
    points, under = asked(labels, seed)
    assert points.shape == (60, 2)
    assert points.dtype == np.float32
    if (labels == UNKNOWN).all():
        assert (points == [3.5, 4.5]).all()
    else:
        assert (under != UNKNOWN).all()
        assert (points % 1 == 0.5).all()


def test_shares():
    points, under = asked(halves(), count=4000)
    near = near_borders(halves(), 1)[np.floor(points[:, 1]).astype(int), np.floor(points[:, 0]).astype(int)]
    # Inside parcels by parcel: 0.25 in the one of one pixel, which also is near a border.
    assert 0.22 < (under == 2).mean() < 0.31
    assert 0.45 < near.mean() < 0.65
    assert (under == NO_PARCEL).mean() > 0.2
    only_inside = {"inside": 1, "border": 0, "outside": 0}
    assert 0.45 < (asked(halves(), count=4000, **only_inside)[1] == 2).mean() < 0.55
    assert set(asked(halves(), min_parcel=2, **only_inside)[1]) == {1}


def test_a_kind_that_is_missing_leaves_its_share():
    parcel = np.ones((8, 8), np.int32)
    assert set(asked(parcel)[1]) == {1}
    assert set(asked(parcel * NO_PARCEL)[1]) == {NO_PARCEL}
    # Not even the only kind that is asked for is there.
    assert set(asked(parcel, inside=0, border=0)[1]) == {1}


def test_near_borders_by_hand():
    labels = np.array([[1, 1, 1, 2, 2, 2, UNKNOWN, 0, 0]], np.int32)
    assert near_borders(labels, 0).tolist() == [[False, False, True, True] + [False] * 5]
    assert near_borders(labels, 1).tolist() == [[False, True, True, True, True] + [False] * 4]
    assert near_borders(labels, 4).tolist() == [[True] * 6 + [False, True, False]]


@given(LABELS, st.floats(0, 4))
def test_near_borders_against_another_distance(labels, reach):
    border = near_borders(labels, 0)
    distance = ndimage.distance_transform_edt(~border) if border.any() else np.full(labels.shape, np.inf)
    clear = abs(distance - reach) > 1e-5  # float32 rounds
    assert (near_borders(labels, reach) == ((distance <= reach) & (labels != UNKNOWN)))[clear].all()


@given(LABELS, st.integers(1, 4), st.integers(1, 9), st.integers(0, 99))
def test_one_prompt_per_parcel(labels, most, min_parcel, seed):
    points = one_prompt_per_parcel(labels, most, min_parcel, np.random.default_rng(seed))
    columns, rows = np.floor(points).astype(int).T
    under = labels[rows, columns].tolist()
    sizes = {number: int((labels == number).sum()) for number in np.unique(labels[labels > 0]).tolist()}
    large = {number for number, size in sizes.items() if size >= min_parcel}
    largest = {number for number, size in sizes.items() if size == max(sizes.values())}
    assert under == sorted(set(under))
    assert set(under) <= (large or largest)
    assert len(under) == min(most, len(large or largest))
    assert points.shape == (len(under), 2)
    assert points.dtype == np.float32
    assert (points % 1 == 0.5).all()


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"count": 0}, "data.prompts.count=0 does not fit"),
        ({"inside": -1}, "data.prompts.inside=-1 does not fit"),
        (
            {"inside": 0, "border": 0, "outside": 0},
            "data.prompts.inside, border and outside are all 0; give one of them a share.",
        ),
        ({"min_parcel": 0}, "data.prompts.min_parcel=0 does not fit"),
    ],
)
def test_bad_numbers(change, message):
    with pytest.raises(InputError, match=message):
        PromptSampler(**(NUMBERS | change))

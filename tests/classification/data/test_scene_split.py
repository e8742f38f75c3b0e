import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from isagrsc2.classification.data.scene_split import check_shares, split_scenes
from isagrsc2.errors import InputError

scenes = st.dictionaries(st.text("abcdef", min_size=1, max_size=4), st.floats(0, 1), min_size=3, max_size=40)
shares = st.tuples(st.floats(0.01, 0.6), st.floats(0, 0.6)).filter(lambda pair: sum(pair) < 1)
seeds = st.integers(0, 1000)


def split(named, val, test, seed):
    return dict(zip(named, split_scenes(list(named), list(named.values()), val, test, seed), strict=True))


def test_counts_by_hand():
    # 10 scenes: 20 % is 2, 30 % is 3, 5 are left. 3 scenes: one for each side.
    named = {f"s{number}": number / 10 for number in range(10)}
    sides = list(split(named, 0.2, 0.3, 0).values())
    assert [sides.count(side) for side in ("train", "val", "test")] == [5, 2, 3]
    assert sorted(split({"a": 0, "b": 0.5, "c": 1}, 0.2, 0.2, 0).values()) == ["test", "train", "val"]


def test_no_test_side():
    sides = list(split({f"s{number}": 0.5 for number in range(5)}, 0.2, 0.0, 0).values())
    assert [sides.count(side) for side in ("train", "val", "test")] == [4, 1, 0]


def test_stratified_by_hand():
    # Ordered by share and cut into 4 blocks of 3: one of each block is held out, one of the two lower ones and one of the
    # two upper ones of these is for the test.
    named = {f"s{number:02d}": number / 12 for number in range(12)}
    for seed in range(20):
        sides = list(split(named, 1 / 6, 1 / 6, seed).values())
        assert [sum(side != "train" for side in sides[start : start + 3]) for start in (0, 3, 6, 9)] == [1, 1, 1, 1]
        assert [sides[:6].count("test"), sides[6:].count("test")] == [1, 1]
        assert [sides[:6].count("val"), sides[6:].count("val")] == [1, 1]


@given(scenes, shares, seeds)
def test_every_side_gets_its_share(named, pair, seed):
    sides = list(split(named, *pair, seed).values())
    assert sides.count("train") >= 1
    assert sides.count("val") >= 1
    assert (sides.count("test") >= 1) == (pair[1] > 0)
    for side, share in zip(("val", "test"), pair, strict=True):
        # Rounded, at least one, and one less where both are rounded up and nothing would be left to learn from.
        assert abs(sides.count(side) - share * len(named)) <= 1.5


@given(scenes, shares, seeds, st.randoms(use_true_random=False))
def test_order_of_the_scenes_does_not_matter(named, pair, seed, random):
    shuffled = list(named.items())
    random.shuffle(shuffled)
    assert split(dict(shuffled), *pair, seed) == split(named, *pair, seed)


@given(scenes, shares, seeds)
def test_the_richest_and_the_poorest_half_are_held_out_alike(named, pair, seed):
    sides = split(named, *pair, seed)
    order = sorted(named, key=lambda name: (named[name], name))
    held = sum(side != "train" for side in sides.values())
    for count in range(len(order) + 1):
        # Blocks are cut at k * N / held: so many of the first `count` scenes are held out, give or take the block cut.
        expected = count * held / len(order)
        assert math.floor(expected) <= sum(sides[name] != "train" for name in order[:count]) <= math.ceil(expected) + 1


def test_seeds_differ():
    named = {f"s{number}": 0.5 for number in range(10)}
    assert len({tuple(split(named, 0.2, 0.2, seed).values()) for seed in range(10)}) > 5


@pytest.mark.parametrize(
    ("names", "test", "words"),
    [
        (["a", "b"], 0.2, r"2 scenes cannot be split into training, validation and test; at least 3 are needed \(now a, b\)"),
        (["a"], 0.0, r"1 scene cannot be split into training and validation; at least 2 are needed \(now a\)"),
        ([], 0.0, r"0 scenes .* \(now none\)"),
    ],
)
def test_too_few_scenes(names, test, words):
    with pytest.raises(InputError, match=words):
        split_scenes(names, [0.5] * len(names), 0.2, test, 0)


@pytest.mark.parametrize("pair", [(0, 0.2), (0.5, 0.5), (0.2, -0.1), (1.0, 0)])
def test_shares_that_leave_nothing(pair):
    with pytest.raises(InputError, match="together below 1"):
        check_shares(*pair)

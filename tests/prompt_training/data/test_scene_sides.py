from types import SimpleNamespace

import pytest

from isagrsc2.errors import InputError
from isagrsc2.prompt_training.data.scene_sides import check_held_out, put_on_sides


def scenes(with_parcels, without=0):
    """Stand-ins with what a split looks at."""
    counts = [3] * with_parcels + [0] * without
    return [
        SimpleNamespace(scene=SimpleNamespace(name=f"scene {row}"), count=count, cultivated=row / len(counts))
        for row, count in enumerate(counts)
    ]


@pytest.mark.parametrize(
    ("val_share", "test_share", "counts"),
    [(0, 0, [10, 0, 0]), (0.2, 0, [8, 2, 0]), (0, 0.3, [7, 0, 3]), (0.2, 0.3, [5, 2, 3]), (0.01, 0.01, [8, 1, 1])],
)
def test_counts_of_the_sides(val_share, test_share, counts):
    given = scenes(10)
    sides = put_on_sides(given, val_share, test_share, seed=0)
    assert [len(sides[side]) for side in ("train", "val", "test")] == counts
    assert sorted(one.scene.name for side in sides.values() for one in side) == sorted(one.scene.name for one in given)
    assert put_on_sides(given[::-1], val_share, test_share, seed=0)["val"] == sides["val"][::-1]


def test_scenes_without_parcels_are_learned_from():
    sides = put_on_sides(scenes(2, without=5), 0.5, 0, seed=0)
    assert [len(sides[side]) for side in ("train", "val", "test")] == [6, 1, 0]
    assert sides["val"][0].count == 3


def test_no_scenes():
    assert put_on_sides([], 0.2, 0.2, seed=0) == {"train": [], "val": [], "test": []}


def test_one_scene_can_be_learned_from():
    assert len(put_on_sides(scenes(1), 0, 0, seed=0)["train"]) == 1
    with pytest.raises(InputError, match=r"1 scene with parcels cannot be split into train, val; .* data.val_share=0"):
        put_on_sides(scenes(1, without=4), 0.2, 0, seed=0)
    with pytest.raises(InputError, match=r"2 scenes with parcels cannot be split into train, val, test"):
        put_on_sides(scenes(2), 0.2, 0.2, seed=0)


@pytest.mark.parametrize(
    ("shares", "message"), [((0.6, 0.4), "leave no scenes to learn from"), ((-0.1, 0), "data.val_share=-0.1")]
)
def test_bad_shares(shares, message):
    with pytest.raises(InputError, match=message):
        check_held_out(*shares)

"""Whole scenes to training, validation and test."""

from collections.abc import Sequence

import numpy as np

from isagrsc2.errors import InputError

TRAIN, VAL, TEST = "train", "val", "test"
SIDES = (TRAIN, VAL, TEST)


def check_shares(val_share: float, test_share: float) -> None:
    """Check that two shares leave something to learn from.

    Raises:
        InputError: they do not.
    """
    if not (0 < val_share < 1 and 0 <= test_share < 1 and val_share + test_share < 1):
        raise InputError(
            f"data.val_share={val_share:g} and data.test_share={test_share:g} must be shares, the first above 0, "
            "together below 1."
        )


def scenes_needed(test_share: float) -> int:
    """Smallest number of scenes that can be split: one for every side that is to get any."""
    return 3 if test_share > 0 else 2


def check_enough(names: Sequence[str], test_share: float) -> None:
    """Check that there are scenes for every side.

    Raises:
        InputError: there are too few.
    """
    needed = scenes_needed(test_share)
    if len(names) < needed:
        parts = "training, validation and test" if needed == 3 else "training and validation"
        raise InputError(
            f"{len(names)} scene{'s' if len(names) != 1 else ''} cannot be split into {parts}; at least {needed} are needed "
            f"(now {', '.join(names) or 'none'})."
        )


def split_scenes(
    names: Sequence[str], cultivated: Sequence[float], val_share: float, test_share: float, seed: int
) -> list[str]:
    """Say on which side of the split each scene lies; no scene lies on two.

    Scenes are ordered by how much of them is cultivated and cut into as many blocks as scenes are held out; of every block
    one is drawn. So every side has rich and poor scenes. Of the scenes held out, those of the test are drawn in the same
    way. The result depends on the seed and not on the order of the scenes.

    Args:
        names: (N,) distinct.
        cultivated: (N,) share of the scene (or of its chips) that is cultivated, 0 to 1.
        val_share: part of the scenes to choose the best epoch on, rounded, at least one.
        test_share: part of the scenes held out for the end, rounded, at least one if it is above 0.
        seed: of the draws.

    Returns:
        (N,) ``train``, ``val`` or ``test``, at least one ``train``.

    Raises:
        InputError: too few scenes.
    """
    check_enough(names, test_share)
    val, test = _counts(len(names), val_share, test_share)
    generator = np.random.default_rng(seed)
    order = sorted(range(len(names)), key=lambda row: (cultivated[row], names[row]))
    held = _one_of_each_block(order, val + test, generator)
    tested = _one_of_each_block(held, test, generator)
    sides = [TRAIN] * len(names)
    for row in held:
        sides[row] = TEST if row in tested else VAL
    return sides


def _counts(scenes: int, val_share: float, test_share: float) -> tuple[int, int]:
    """Numbers of validation and test scenes; at least one scene is left."""
    val = max(1, round(val_share * scenes))
    test = max(1, round(test_share * scenes)) if test_share > 0 else 0
    while val + test >= scenes:  # rounded up, both of them
        val, test = (val - 1, test) if val >= test else (val, test - 1)
    return val, test


def _one_of_each_block(order: Sequence[int], count: int, generator: np.random.Generator) -> list[int]:
    """Cut an order into ``count`` blocks of nearly equal length and draw one of each."""
    edges = [len(order) * block // max(count, 1) for block in range(count + 1)]
    return [order[int(generator.integers(edges[block], edges[block + 1]))] for block in range(count)]

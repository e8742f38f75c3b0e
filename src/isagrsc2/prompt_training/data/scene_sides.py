"""Whole labelled scenes to training, validation and test, where either of the last two may stay empty."""

from collections.abc import Sequence

from isagrsc2.classification.data.scene_split import SIDES, TEST, TRAIN, VAL, split_scenes
from isagrsc2.errors import InputError
from isagrsc2.options import check_share
from isagrsc2.prompt_training.data.labelled_source import LabelledScene


def check_held_out(val_share: float, test_share: float) -> None:
    """Check that two shares leave something to learn from.

    Raises:
        InputError: they do not.
    """
    check_share("data.val_share", val_share)
    check_share("data.test_share", test_share)
    if val_share + test_share >= 1:
        raise InputError(
            f"data.val_share={val_share:g} and data.test_share={test_share:g} leave no scenes to learn from; together they "
            "must be below 1."
        )


def put_on_sides(
    scenes: Sequence[LabelledScene], val_share: float, test_share: float, seed: int
) -> dict[str, list[LabelledScene]]:
    """Split scenes as ``split_scenes`` does; a share of 0 leaves its side empty.

    A scene without parcels shows what no parcel is: it goes to training, since nothing can be asked of it.

    Args:
        scenes: in any order, distinct names.
        val_share: part of the scenes with parcels to choose the best weights on; at least one if it is above 0.
        test_share: part of them held out for the end; at least one if it is above 0.
        seed: of the draws.

    Returns:
        The scenes of ``train``, ``val`` and ``test``.

    Raises:
        InputError: too few scenes with parcels.
    """
    sides: dict[str, list[LabelledScene]] = {side: [] for side in SIDES}
    sides[TRAIN] += [one for one in scenes if one.count == 0]
    asked = [one for one in scenes if one.count > 0]
    for one, side in zip(asked, _sides(asked, val_share, test_share, seed), strict=True):
        sides[side].append(one)
    return sides


def _sides(scenes: Sequence[LabelledScene], val_share: float, test_share: float, seed: int) -> list[str]:
    wanted = {TRAIN: True, VAL: val_share > 0, TEST: test_share > 0}
    if 0 < len(scenes) < sum(wanted.values()):
        raise InputError(
            f"{len(scenes)} scene{'s' if len(scenes) > 1 else ''} with parcels cannot be split into "
            f"{', '.join(side for side, is_wanted in wanted.items() if is_wanted)}; give more scenes, or set data.val_share=0 "
            "(synthetic scenes are left to validate on) or data.test_share=0."
        )
    if not scenes or sum(wanted.values()) == 1:
        return [TRAIN] * len(scenes)
    names, cultivated = [one.scene.name for one in scenes], [one.cultivated for one in scenes]
    if wanted[VAL]:
        return split_scenes(names, cultivated, val_share, test_share, seed)
    # split_scenes always validates: what it takes for that is held out for the test.
    return [TEST if side == VAL else side for side in split_scenes(names, cultivated, test_share, 0, seed)]

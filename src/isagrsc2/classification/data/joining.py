"""Several sets of chips as one."""

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from isagrsc2.classification.data.base import ChipSet


def join(sets: Sequence[ChipSet]) -> ChipSet:
    """The chips of all sets, in order."""
    return ChipSet(
        sources=[(chips, index) for chips in sets for index in range(len(chips.labels))],
        labels=[label for chips in sets for label in chips.labels],
        names=[name for chips in sets for name in chips.names],
        read=_read,
    )


def _read(source: tuple[ChipSet, int]) -> npt.NDArray[np.uint8]:
    chips, index = source
    return chips.chip(index)

"""Several sources of chips as one."""

import logging
from collections.abc import Mapping

from isagrsc2.classification.class_mapping import Classes
from isagrsc2.classification.data.base import Augmentation, ChipDataModule, ChipSplits
from isagrsc2.classification.data.joining import join
from isagrsc2.errors import InputError

logger = logging.getLogger(__name__)


class MixedChips(ChipDataModule):
    """The chips of several sources: each source splits its own, and the sides are joined.

    A source only finds chips: of their size, and of how they are shuffled, batched and augmented, the whole decides.
    """

    def __init__(
        self,
        sources: Mapping[str, ChipDataModule],
        seed: int,
        chip_size: int,
        batch_size: int,
        workers: int,
        augment: Augmentation,
    ) -> None:
        """Remember the sources; nothing is loaded yet.

        Args:
            sources: name to source, in the order in which they are loaded; one is enough.
            seed: of the order of the chips and of their augmentation.
            chip_size: side of the chips, px, whatever size a source was given.
            batch_size: see ``ChipDataModule``.
            workers: see ``ChipDataModule``.
            augment: see ``ChipDataModule``.

        Raises:
            InputError: there is no source, or one makes no chips.
        """
        super().__init__(chip_size, batch_size, workers, seed, augment)
        if not sources:
            raise InputError("data.sources names no source of chips; leave one of them in.")
        for name, source in sources.items():
            if not isinstance(source, ChipDataModule):
                raise InputError(f"{_option(name)} makes no chips; add a source by +data@{_option(name)}=OPTION.")
        self._sources = sources

    def load(self) -> ChipSplits:
        """See ``ChipDataModule.load``.

        Raises:
            InputError: a source cannot be loaded, or its classes are not those of the first.
        """
        splits = {name: self._load(name) for name in self._sources}
        classes = [Classes(_option(name), one.class_names, one.cultivated) for name, one in splits.items()]
        first = classes[0]
        for other in classes[1:]:
            if (other.names, other.cultivated) != (first.names, first.cultivated):
                raise InputError(
                    f"{first}, but {other}: sources that are joined need the same classes; give labels=binary to the one "
                    f"that has more than two, or leave it out, as in '~{other.source}'."
                )
        return ChipSplits(
            first.names,
            first.cultivated,
            train=join([one.train for one in splits.values()]),
            val=join([one.val for one in splits.values()]),
            test=join([one.test for one in splits.values()]),
        )

    def _load(self, name: str) -> ChipSplits:
        source = self._sources[name]
        source.chip_size = self.chip_size  # chips of one batch have one size
        try:
            splits = source.splits
        except InputError as error:
            # A source takes itself for the whole of the data, and names its options so.
            raise InputError(f"{_option(name)}, called data in what follows: {error}") from None
        counts = (len(side.labels) for side in (splits.train, splits.val, splits.test))
        logger.info("%s: chips of train, val and test: %d, %d, %d", _option(name), *counts)
        return splits


def _option(name: str) -> str:
    """A source as a user writes it."""
    return f"data.sources.{name}"

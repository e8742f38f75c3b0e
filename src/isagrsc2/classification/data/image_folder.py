"""Chips in folders that bear the names of their classes."""

from collections.abc import Sequence
from pathlib import Path

from isagrsc2.classification.data.base import Augmentation, ChipDataModule, ChipSet, ChipSplits
from isagrsc2.classification.data.image_files import ImageReader, drop_damaged
from isagrsc2.classification.data.listing import Labelled, class_names, count_files, list_class_folders, split
from isagrsc2.classification.predictor import CULTIVATED, NOT_CULTIVATED
from isagrsc2.errors import InputError

# Values of `data.labels`.
BINARY = "binary"
FOLDERS = "folders"

LAYOUT = "train/<class>/*.jpg with test/<class>/*.jpg (or <class>/*.jpg, which is then split)"


class ImageFolder(ChipDataModule):
    """Chips from ``train/<class>`` with ``test/<class>``, or from any folder of class folders.

    With ``train/``: ``test/`` is the test set; ``val/<class>`` is the validation set if it is there, else a share of the
    training images (an unlabelled ``val/`` is passed over). Without ``train/``: validation and test are shares of all.
    """

    def __init__(
        self,
        root: str,
        cultivated: Sequence[str],
        labels: str,
        val_share: float,
        test_share: float,
        max_damaged_share: float,
        seed: int,
        chip_size: int,
        batch_size: int,
        workers: int,
        augment: Augmentation,
    ) -> None:
        """Remember where and how.

        Args:
            root: the folder.
            cultivated: class folders that count as cultivated.
            labels: ``binary`` (cultivated or not) or ``folders`` (one class per folder).
            val_share: part of every class held out to choose the best epoch, 0 to 1.
            test_share: part of every class held out for the end, 0 to 1; used without ``train/`` only.
            max_damaged_share: largest share of damaged images to leave out.
            seed: of the split.
            chip_size: side of the chips, px.
            batch_size: see ``ChipDataModule``.
            workers: see ``ChipDataModule``.
            augment: see ``ChipDataModule``.

        Raises:
            InputError: ``labels`` is neither of the two, or the shares leave nothing to learn from.
        """
        super().__init__(chip_size, batch_size, workers, augment)
        if labels not in (BINARY, FOLDERS):
            raise InputError(f"data.labels={labels} is not known; choose {BINARY} or {FOLDERS}.")
        if not (val_share > 0 and test_share >= 0 and val_share + test_share < 1):
            raise InputError(
                f"data.val_share={val_share:g} and data.test_share={test_share:g} must be shares, the first above 0, "
                "together below 1."
            )
        self._root = Path(root)
        self._cultivated = tuple(cultivated)
        self._labels = labels
        self._shares = (val_share, test_share)
        self._max_damaged_share = max_damaged_share
        self._seed = seed

    def load(self) -> ChipSplits:
        """See ``ChipDataModule.load``."""
        sides = {name: self._sound(items) for name, items in self._sides().items()}
        folders = class_names(sides["train"])
        self._check_classes(folders, sides)
        if self._labels == FOLDERS:
            names, cultivated = tuple(folders), tuple(name for name in folders if name in self._cultivated)
        else:
            names, cultivated = (NOT_CULTIVATED, CULTIVATED), (CULTIVATED,)
        return ChipSplits(
            names,
            cultivated,
            train=self._chips(sides["train"], names),
            val=self._chips(sides["val"], names),
            test=self._chips(sides["test"], names),
        )

    def _sides(self) -> dict[str, list[Labelled]]:
        """The images of ``train``, ``val`` and ``test``."""
        val_share, test_share = self._shares
        if (self._root / "train").is_dir():
            train = list_class_folders(self._root / "train")
            test = list_class_folders(self._root / "test")
            val = list_class_folders(self._root / "val")
            if not val:
                train, val = split(train, (val_share,), self._seed)
        else:
            train, val, test = split(list_class_folders(self._root), (val_share, test_share), self._seed)
        if not train:
            found = count_files(self._root)
            raise InputError(
                f"{self._root} holds no images to learn from ({found} files found); expected {LAYOUT}; give data.root=PATH."
            )
        return {"train": train, "val": val, "test": test}

    def _sound(self, items: list[Labelled]) -> list[Labelled]:
        return drop_damaged(items, self._max_damaged_share, self._workers)

    def _check_classes(self, folders: list[str], sides: dict[str, list[Labelled]]) -> None:
        if len(folders) < 2:
            raise InputError(f"{self._root} has one class only ({folders[0]}); a classifier needs two: {LAYOUT}.")
        unknown = sorted(set(self._cultivated) - set(folders))
        if unknown or not 0 < len(self._cultivated) < len(folders):
            raise InputError(
                f"{self._root} has the classes {', '.join(folders)}; data.cultivated={list(self._cultivated)} must "
                "name some of them, and not all."
            )
        for side in ("val", "test"):
            there = class_names(sides[side])
            if there and there != folders:
                differ = ", ".join(sorted(set(there) ^ set(folders)))
                raise InputError(f"{self._root}: train and {side} do not have the same classes ({differ} on one side only).")

    def _chips(self, items: list[Labelled], names: tuple[str, ...]) -> ChipSet:
        if self._labels == FOLDERS:
            labels = [names.index(item.name) for item in items]
        else:
            labels = [names.index(CULTIVATED if item.name in self._cultivated else NOT_CULTIVATED) for item in items]
        return ChipSet([item.path for item in items], labels, ImageReader(self.chip_size))

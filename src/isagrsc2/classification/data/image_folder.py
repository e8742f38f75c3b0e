"""Chips in folders that bear the names of their classes."""

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

from isagrsc2.classification.data.base import Augmentation, ChipDataModule, ChipSet, ChipSplits
from isagrsc2.classification.data.image_files import ImageReader, drop_damaged
from isagrsc2.classification.data.listing import Labelled, class_names, count_files, list_class_folders, split
from isagrsc2.classification.predictor import CULTIVATED, NOT_CULTIVATED
from isagrsc2.errors import InputError

# Values of `data.labels`.
BINARY = "binary"
FOLDERS = "folders"

# Value of `data.classes` where every folder bears the name of its class.
AS_NAMED = "as_named"

# Class of a folder that is left out.
IGNORE = "ignore"

LAYOUT = "train/<class>/*.jpg with test/<class>/*.jpg (or <class>/*.jpg, which is then split)"


class ImageFolder(ChipDataModule):
    """Chips from ``train/<class>`` with ``test/<class>``, or from any folder of class folders.

    With ``train/``: ``test/`` is the test set; ``val/<class>`` is the validation set if it is there, else a share of the
    training images (an unlabelled ``val/`` is passed over). Without ``train/``: validation and test are shares of all.
    A folder is a class, unless ``classes`` says otherwise.
    """

    def __init__(
        self,
        root: str,
        classes: Mapping[str, str] | str,
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
            classes: ``as_named``, or the class of every folder whose name is not its class, ``ignore`` to leave it out;
                several folders may be one class.
            cultivated: classes that count as cultivated.
            labels: ``binary`` (cultivated or not) or ``folders`` (one label per class).
            val_share: part of every class held out to choose the best epoch, 0 to 1.
            test_share: part of every class held out for the end, 0 to 1; used without ``train/`` only.
            max_damaged_share: largest share of damaged images to leave out.
            seed: of the split.
            chip_size: side of the chips, px.
            batch_size: see ``ChipDataModule``.
            workers: see ``ChipDataModule``.
            augment: see ``ChipDataModule``.

        Raises:
            InputError: ``classes`` or ``labels`` is nothing of that, or the shares leave nothing to learn from.
        """
        super().__init__(chip_size, batch_size, workers, seed, augment)
        if labels not in (BINARY, FOLDERS):
            raise InputError(f"data.labels={labels} is not known; choose {BINARY} or {FOLDERS}.")
        if isinstance(classes, str) and classes != AS_NAMED:
            raise InputError(
                f"data.classes={classes} is not known; give {AS_NAMED}, or classes of folders, as in "
                f"'data.classes={{aGrass: {IGNORE}, bField: field}}'."
            )
        if not (val_share > 0 and test_share >= 0 and val_share + test_share < 1):
            raise InputError(
                f"data.val_share={val_share:g} and data.test_share={test_share:g} must be shares, the first above 0, "
                "together below 1."
            )
        self._root = Path(root)
        named = {} if isinstance(classes, str) else classes
        self._classes = {str(folder): str(name) for folder, name in named.items()}
        self._cultivated = tuple(cultivated)
        self._labels = labels
        self._shares = (val_share, test_share)
        self._max_damaged_share = max_damaged_share
        self._seed = seed

    def load(self) -> ChipSplits:
        """See ``ChipDataModule.load``."""
        sides = {name: self._sound(items) for name, items in self._sides().items()}
        classes = class_names(sides["train"])
        self._check_classes(classes)
        self._check_sides(sides)
        if self._labels == FOLDERS:
            names, cultivated = tuple(classes), tuple(name for name in classes if name in self._cultivated)
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
            sides = self._list([self._root / side for side in ("train", "val", "test")])
            named = dict(zip(("train", "val", "test"), sides, strict=True))
            self._check_sides(named)
            train, val, test = sides
            if not val:
                train, val = self._split(train, (val_share,))
        else:
            (images,) = self._list([self._root])
            train, val, test = self._split(images, (val_share, test_share))
        return {"train": train, "val": val, "test": test}

    def _list(self, parents: Sequence[Path]) -> list[list[Labelled]]:
        """The images below each of the folders that hold class folders; the first must have some."""
        listed = {parent: list_class_folders(parent) for parent in parents}
        if not any(listed[parents[0]].values()):
            raise InputError(
                f"{self._root} holds no images to learn from ({count_files(self._root)} files found); expected {LAYOUT}; "
                "give data.root=PATH."
            )
        folders = {name for found in listed.values() for name in found}
        unknown = sorted(self._classes.keys() - folders)
        if unknown:
            raise InputError(
                f"data.classes names {', '.join(unknown)}, but {self._root} has the class folders {', '.join(sorted(folders))}."
            )
        empty = [
            str(parent / name)
            for parent, found in listed.items()
            for name, images in found.items()
            if not images and self._class_of(name) != IGNORE
        ]
        if empty:
            raise InputError(
                f"{', '.join(empty)} holds no images; fill the folder, remove it, or leave it out by "
                f"'data.classes={{{Path(empty[0]).name}: {IGNORE}}}'."
            )
        return [
            [
                Labelled(image, self._class_of(name))
                for name, images in found.items()
                if self._class_of(name) != IGNORE
                for image in images
            ]
            for found in listed.values()
        ]

    def _class_of(self, folder: str) -> str:
        return self._classes.get(folder, folder)

    def _split(self, items: list[Labelled], shares: Sequence[float]) -> list[list[Labelled]]:
        parts = split(items, shares, self._seed)
        lost = sorted(set(class_names(items)) - set(class_names(parts[0])))
        if lost:
            raise InputError(
                f"{self._root}: {', '.join(lost)} has too few images to split by data.val_share={shares[0]:g} and "
                f"data.test_share={self._shares[1]:g}; add some, or leave the folder out by data.classes."
            )
        return parts

    def _sound(self, items: list[Labelled]) -> list[Labelled]:
        return drop_damaged(items, self._max_damaged_share, self._workers)

    def _check_classes(self, classes: Sequence[str]) -> None:
        if len(classes) < 2:
            raise InputError(f"{self._root} has {_listing(classes)} only; a classifier needs two classes: {LAYOUT}.")
        unknown = set(self._cultivated) - set(classes)
        if unknown or not 0 < len(self._cultivated) < len(classes):
            raise InputError(
                f"{self._root} has the classes {', '.join(classes)}; data.cultivated={list(self._cultivated)} must "
                "name some of them, and not all."
            )

    def _check_sides(self, sides: Mapping[str, Sequence[Labelled]]) -> None:
        """Check that the validation and the test set, where there are any, have the classes that are learnt."""
        learnt = set(class_names(sides["train"]))
        for side in ("val", "test"):
            there = set(class_names(sides[side]))
            for missing, place, other in ((learnt - there, side, "train"), (there - learnt, "train", side)):
                if there and missing:
                    raise InputError(
                        f"{self._root}: {other} has images of {_listing(sorted(missing))}, {place} has none; all sides need "
                        "the same classes."
                    )

    def _chips(self, items: list[Labelled], names: tuple[str, ...]) -> ChipSet:
        if self._labels == FOLDERS:
            labels = [names.index(item.name) for item in items]
        else:
            labels = [names.index(CULTIVATED if item.name in self._cultivated else NOT_CULTIVATED) for item in items]
        paths = [item.path for item in items]
        return ChipSet(paths, labels, [str(path) for path in paths], ImageReader(self.chip_size))


def _listing(classes: Iterable[str]) -> str:
    names = list(classes)
    return f"class{'es' if len(names) != 1 else ''} {', '.join(names)}"

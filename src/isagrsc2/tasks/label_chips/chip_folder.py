"""A folder of chips as ``data=image_folder`` reads it, and its manifest, by which every chip can be traced."""

import csv
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import shapely
from PIL import Image

from isagrsc2.classification.chips import bounding_square
from isagrsc2.classification.data.scene_split import SIDES
from isagrsc2.classification.data.segment_choice import ChosenPolygon
from isagrsc2.errors import InputError
from isagrsc2.export.json_file import write_json
from isagrsc2.files import replacing

# Folders of the labels 0 and 1.
CLASS_FOLDERS = ("nonfield", "field")

MANIFEST, RECORD = "manifest.csv", "manifest.json"

COLUMNS = (
    "file",
    "split",
    "class",
    "scene",
    "image",
    "kind",
    "number",
    "inside",
    "unlabelled",
    "window_x",
    "window_y",
    "window_side",
    "area_px",
    "outline",
)

# Foreign files named in a message; more are counted.
_NAMED = 3
# Digits of the shares in the manifest.
_DIGITS = 6


@dataclass(frozen=True)
class PlannedChip:
    """A chip to be written.

    Attributes:
        split: ``train``, ``val`` or ``test``.
        scene: name of its scene.
        image: file of the scene.
        chosen: what is cut out.
    """

    split: str
    scene: str
    image: Path
    chosen: ChosenPolygon

    @property
    def class_folder(self) -> str:
        """``field`` or ``nonfield``."""
        return CLASS_FOLDERS[self.chosen.label]

    @property
    def file(self) -> str:
        """Path below the folder of chips, with slashes."""
        return f"{self.split}/{self.class_folder}/{self.scene}_{self.chosen.kind}_{self.chosen.number}.png"

    def row(self) -> dict[str, Any]:
        """The row of the manifest; see ``ChipFolder.begin``."""
        square = bounding_square(self.chosen.polygon.bounds)
        values = (
            self.file,
            self.split,
            self.class_folder,
            self.scene,
            str(self.image.resolve()),
            self.chosen.kind,
            self.chosen.number,
            round(self.chosen.inside, _DIGITS),
            round(self.chosen.unlabelled, _DIGITS),
            square.x,
            square.y,
            square.side,
            self.chosen.polygon.area,
            shapely.to_wkt(self.chosen.polygon, rounding_precision=-1),  # every digit: the chip can be cut again
        )
        return dict(zip(COLUMNS, values, strict=True))


@dataclass(frozen=True)
class ChipFolder:
    """Where chips go: ``train``, ``val`` and ``test``, each with ``field`` and ``nonfield``.

    All images below these three are named in the manifest. So it is known which are of an earlier run and may be replaced.

    Attributes:
        root: the folder.
        earlier: files of an earlier run, as its manifest names them.
    """

    root: Path
    earlier: tuple[str, ...]

    @classmethod
    def open(cls, root: Path) -> "ChipFolder":
        """Look at a folder; nothing is changed in it.

        Args:
            root: may hold chips of an earlier run, and anything that does not lie in ``train``, ``val`` or ``test``.

        Raises:
            InputError: it holds files of somebody else where chips go, or another manifest.
        """
        earlier = set(_named_files(root / MANIFEST))
        found = {path.relative_to(root).as_posix() for side in SIDES for path in _files(root / side)}
        foreign = sorted(found - earlier)
        if foreign:
            more = f" and {len(foreign) - _NAMED} more" if len(foreign) > _NAMED else ""
            raise InputError(
                f"{root} holds files that {root / MANIFEST} does not name: {', '.join(foreign[:_NAMED])}{more}; choose another "
                "output_dir=, or move them away."
            )
        return cls(root, tuple(sorted(found & earlier)))

    def begin(self, chips: Sequence[PlannedChip], record: Mapping[str, Any]) -> None:
        """Remove the chips of an earlier run and write the manifest.

        It comes before the chips: after a run that was stopped every chip is in the manifest all the same, and the run can
        be repeated in its folder.

        ``manifest.csv`` has a row per chip: ``file`` (below the folder), ``split``, ``class``, name of the ``scene``, its
        ``image``, ``kind`` (``parcel`` of the reference or ``segment``), ``number`` (of the parcel in the reference, or of
        the segment), shares of the polygon ``inside`` parcels and in ``unlabelled`` land, the square that is the chip
        (``window_x``, ``window_y`` of its upper left corner and ``window_side``, px of the image), ``area_px`` and
        ``outline`` of the polygon (WKT, px of the image, y downwards).

        Args:
            chips: all of them.
            record: what they were made from and with, for ``manifest.json``; plain types.
        """
        for file in self.earlier:
            (self.root / file).unlink()
        with replacing(self.root / MANIFEST) as temporary, temporary.open("w", encoding="utf-8", newline="") as stream:
            writer = csv.DictWriter(stream, COLUMNS, lineterminator="\n")
            writer.writeheader()
            writer.writerows(chip.row() for chip in chips)
        write_json(record, self.root / RECORD, indent=2)
        for folder in {(self.root / file).parent for file in self.earlier}:
            if not any(folder.iterdir()):  # data=image_folder takes an empty folder for a mistake
                folder.rmdir()

    def write(self, chip: PlannedChip, pixels: npt.NDArray[np.uint8]) -> None:
        """Write a chip of (S, S, 3) uint8 RGB."""
        path = self.root / chip.file
        path.parent.mkdir(parents=True, exist_ok=True)
        with replacing(path) as temporary:
            Image.fromarray(pixels).save(temporary)


def _files(folder: Path) -> Iterable[Path]:
    """Files at any depth, without what a killed process left; the folder itself where it is a file."""
    if folder.is_file():
        return [folder]
    return [path for path in folder.rglob("*") if not path.is_dir() and not _is_leftover(path)]


def _is_leftover(path: Path) -> bool:
    return path.name.startswith(".") and path.name.endswith(".part.png")


def _named_files(manifest: Path) -> list[str]:
    if not manifest.exists():
        return []
    try:
        with manifest.open(encoding="utf-8", newline="") as stream:
            reader = csv.DictReader(stream)
            if tuple(reader.fieldnames or ()) == COLUMNS:
                return [row["file"] for row in reader]
    except (ValueError, csv.Error):
        pass  # not even a text file: no manifest of ours
    raise InputError(f"{manifest} is no manifest of chips; choose another output_dir=, or move it away.")

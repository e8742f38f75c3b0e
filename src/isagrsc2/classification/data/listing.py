"""Which images a folder of class folders holds. Names only: no image is opened."""

import os
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

IMAGE_SUFFIXES = (".jpg", ".jpeg", ".png", ".tif", ".tiff", ".bmp", ".webp")


@dataclass(frozen=True)
class Labelled:
    """An image file and the name of its class."""

    path: Path
    name: str


def list_class_folders(folder: Path) -> dict[str, list[Path]]:
    """List the images of every class folder, sorted by class and file name.

    Args:
        folder: holds one folder per class; hidden folders and loose files are passed over. Need not exist.

    Returns:
        Folder name to images; a folder without images has an empty list.
    """
    if not folder.is_dir():
        return {}
    with os.scandir(folder) as entries:
        names = sorted(entry.name for entry in entries if not entry.name.startswith(".") and entry.is_dir())
    return {name: _images(folder / name) for name in names}


def count_files(folder: Path) -> int:
    """Number of files below a folder, 0 where it does not exist."""
    return sum(len(files) for _, _, files in os.walk(folder))


def split(items: Sequence[Labelled], shares: Sequence[float], seed: int) -> list[list[Labelled]]:
    """Split at random, every class in the same shares, the same way for the same seed whatever the order of ``items``.

    Args:
        items: all images.
        shares: part of every class that goes to each further list, 0 to 1, together below 1. A share above 0 gets at
            least one image of a class.
        seed: of the shuffling.

    Returns:
        1 + len(shares) lists; the first holds what the shares leave.
    """
    generator = np.random.default_rng(seed)
    parts: list[list[Labelled]] = [[] for _ in range(1 + len(shares))]
    for name in class_names(items):
        members = sorted((item for item in items if item.name == name), key=lambda item: item.path)
        shuffled = [members[index] for index in generator.permutation(len(members))]
        start = 0
        for part, share in zip(parts[1:], shares, strict=True):
            stop = start + (max(1, round(share * len(members))) if share > 0 else 0)
            part.extend(shuffled[start:stop])
            start = stop
        parts[0].extend(shuffled[start:])
    return parts


def class_names(items: Iterable[Labelled]) -> list[str]:
    """The distinct names, sorted."""
    return sorted({item.name for item in items})


def _images(folder: Path) -> list[Path]:
    with os.scandir(folder) as entries:
        names = sorted(e.name for e in entries if e.name.lower().endswith(IMAGE_SUFFIXES) and not e.name.startswith("."))
    return [folder / name for name in names]

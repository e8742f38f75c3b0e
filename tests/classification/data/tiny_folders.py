"""Miniatures of the layouts in which chips are handed around."""

import numpy as np
from PIL import Image


def fill(folder, count, brightness=100, size=(20, 16), suffix="jpg"):
    """Write ``count`` images of one brightness (and their number added) into a folder."""
    folder.mkdir(parents=True)
    for number in range(count):
        Image.new("RGB", size, (brightness + number,) * 3).save(folder / f"{number:03d}.{suffix}")


def seed_layout(root, train=10, test=4):
    """``train/{field,nonfield}``, ``test/{field,nonfield}``, unlabelled ``val/``: fields are bright."""
    for side, count in (("train", train), ("test", test)):
        fill(root / side / "field", count, brightness=180)
        fill(root / side / "nonfield", count, brightness=40)
    fill(root / "val", 3)
    return root


def truncate(path):
    path.write_bytes(path.read_bytes()[:-40])


def noisy(path, size=64):
    """A JPEG large enough to be cut in the middle."""
    Image.fromarray(np.random.default_rng(0).integers(0, 256, (size, size, 3), dtype=np.uint8)).save(path)

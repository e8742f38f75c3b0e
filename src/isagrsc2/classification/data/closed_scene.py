"""Scenes that are opened again and again."""

import pickle
import zlib
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from isagrsc2.scene.raster import Scene


@dataclass(frozen=True)
class ClosedScene:
    """A scene that is opened again where it is needed, without measuring its stretch again.

    Attributes:
        name: tells it from the others.
        image: the file.
        width: px.
        height: px.
        pickled: the ``Scene``.
    """

    name: str
    image: Path
    width: int
    height: int
    pickled: bytes

    @classmethod
    def of(cls, name: str, scene: Scene) -> "ClosedScene":
        """Remember an open scene."""
        return cls(name, scene.path, scene.width, scene.height, pickle.dumps(scene))

    def open(self) -> Scene:
        """Open it; close it, or use it in a ``with`` statement."""
        scene: Scene = pickle.loads(self.pickled)
        return scene

    def generator(self, seed: int) -> np.random.Generator:
        """Random numbers that depend on the seed and the scene's name, whatever other scenes there are."""
        return np.random.default_rng((seed, zlib.crc32(self.name.encode())))

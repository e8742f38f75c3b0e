"""Segments as `segmenter=regions` does, and kills its process, in a module that worker processes find too."""

import os
import signal
import uuid
from pathlib import Path
from typing import Any

import numpy as np

from isagrsc2.segmenters.regions import RegionSegmenter


class DeadlySegmenter(RegionSegmenter):
    """Kills its process at an image with these many grey levels together, and at every ``every``-th image of all.

    Args:
        folder: counts images; without it nothing is killed.
        at: sum of all values of an image.
        every: images.
        options: of the segmenter.
    """

    def __init__(self, folder: str, at: int, every: int, **options: Any) -> None:
        super().__init__(**options)
        object.__setattr__(self, "_about", (Path(folder), at, every))

    def embed(self, image: np.ndarray) -> Any:
        folder, at, every = self._about  # type: ignore[attr-defined]
        if folder.exists():
            (folder / uuid.uuid4().hex).touch()
            if int(image.sum()) == at or len(list(folder.iterdir())) % every == 0:
                os.kill(os.getpid(), signal.SIGKILL)
        return super().embed(image)

"""What SAM's image encoder saw of tiles, on disk: the encoder is the expensive part, and fine-tuning does not change it.

A file holds the features of one tile, (C, h, w) float16: 2 MB with the published models. Files lie in one folder for every
encoder and scene, and are there whole or not at all. What a file depends on is in its folder's name, by a hash, and in its own,
so files are never out of date: a second run, another split or tiling, and the jobs of a sweep take those that are there.
"""

import hashlib
import json
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from filelock import FileLock
from segment_anything.modeling import Sam

from isagrsc2 import __version__
from isagrsc2.errors import InputError
from isagrsc2.files import replacing
from isagrsc2.segmenters.sam.segmenter import SamEmbedding, SamSegmenter

Features = npt.NDArray[np.float16]  # (C, h, w)
Bounds = tuple[int, int, int, int]  # x0, y0, x1, y1, scene px, the last two exclusive

# Letters of the hash in a folder's name: 48 bits.
_HASH = 12


@dataclass(frozen=True)
class SceneEmbeddings:
    """The features of one scene's tiles; goes to other processes.

    Attributes:
        folder: where they lie; see ``of``.
    """

    folder: Path

    @classmethod
    def of(cls, cache: Path, name: str, identity: dict[str, Any], encoder: str) -> "SceneEmbeddings":
        """The features one encoder has of one scene; nothing is touched.

        Args:
            cache: folder of all features.
            name: of the scene; for people.
            identity: everything the scene's pixels depend on, plain types (see ``Source.identity``).
            encoder: see ``encoder_digest``.
        """
        made_of = {"version": __version__, "encoder": encoder, "scene": identity}
        digest = hashlib.sha256(json.dumps(made_of, sort_keys=True).encode()).hexdigest()[:_HASH]
        return cls(cache / f"{name}_{digest}")

    def path(self, bounds: Bounds) -> Path:
        """The file of a tile."""
        return self.folder / "x{}_y{}_x{}_y{}.npy".format(*bounds)

    def missing(self, tiles: Iterable[Bounds]) -> list[Bounds]:
        """Those of some tiles that are not there."""
        return [bounds for bounds in tiles if not self.path(bounds).exists()]

    def complete(self, tiles: Sequence[Bounds], look: Callable[[Bounds], Features]) -> None:
        """Write what is missing.

        Args:
            tiles: which are wanted.
            look: gives the features of one.

        Raises:
            InputError: the folder cannot be written, or the disk is full.
        """
        if not self.missing(tiles):
            return
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            # The jobs of a sweep want the same tiles at the same time: one looks, the others wait.
            with FileLock(self.folder.with_name(f"{self.folder.name}.lock")):
                for bounds in self.missing(tiles):
                    self._write(bounds, look(bounds))
        except OSError as error:
            raise InputError(
                f"{self.folder} cannot be written ({error.strerror or error}); free some space, 2 MB for every tile, or choose "
                "another data.cache."
            ) from None

    def read(self, bounds: Bounds) -> Features:
        """Read the features of a tile.

        Raises:
            InputError: the file was damaged or removed.
        """
        path = self.path(bounds)
        try:
            features: Features = np.load(path, allow_pickle=False)
        except (OSError, ValueError, EOFError) as error:
            raise InputError(f"{path} cannot be read ({error}); delete it to have it made again.") from None
        return features

    def _write(self, bounds: Bounds, features: Features) -> None:
        with replacing(self.path(bounds)) as temporary:
            np.save(temporary, features, allow_pickle=False)


def encoder_digest(sam: Sam) -> str:
    """SHA-256 of all that features depend on in a SAM, 64 hex digits: the encoder's weights and how pixels are normalised.

    Not of the checkpoint's file: one with a fine-tuned decoder shares the features of the one it began with.
    """
    digest = hashlib.sha256()
    tensors = {**sam.image_encoder.state_dict(), "pixel_mean": sam.pixel_mean, "pixel_std": sam.pixel_std}
    for name, tensor in sorted(tensors.items()):
        values = tensor.detach().cpu().contiguous().numpy()
        digest.update(f"{name} {values.dtype} {values.shape}\n".encode())
        digest.update(values.tobytes())
    return digest.hexdigest()


def look_at(segmenter: SamSegmenter, image: npt.NDArray[np.uint8]) -> Features:
    """The features of an image (H, W, 3) uint8 RGB.

    Rounded to float16: SAM's features end in a layer normalisation, so they are far from its limits, and keep three digits.
    """
    features = segmenter.embed(image).features[0]  # (C, h, w) float32
    return np.asarray(features.cpu().numpy(), np.float16)


def restore(segmenter: SamSegmenter, features: Features, image_shape: tuple[int, int]) -> SamEmbedding:
    """The embedding of an image as ``SamSegmenter.embed`` gives it, from features that were kept.

    Args:
        segmenter: of the model the features are of.
        features: (C, h, w).
        image_shape: (H, W) of the image, px.
    """
    return segmenter.remember(torch.from_numpy(features)[None], image_shape)  # (1, C, h, w)

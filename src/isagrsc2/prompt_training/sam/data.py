"""Tiles of labelled scenes that SAM's image encoder has looked at."""

import logging
import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import overload

import numpy as np
import numpy.typing as npt
import torch
from rasterio.windows import Window
from segment_anything.modeling import Sam
from segment_anything.utils.transforms import ResizeLongestSide
from torch import Tensor
from torch.utils.data import DataLoader, Dataset

from isagrsc2.classification.data.scene_listing import Bands, list_labelled
from isagrsc2.classification.data.scene_split import SIDES, TRAIN, VAL, check_shares, split_scenes
from isagrsc2.errors import InputError
from isagrsc2.options import check_whole
from isagrsc2.prompt_training.batches import UNKNOWN, PromptedImage
from isagrsc2.prompt_training.data.base import PromptedDataModule, PromptedImages
from isagrsc2.prompt_training.data.labelled_source import LabelledScene
from isagrsc2.prompt_training.prompts import PromptSampler, one_prompt_per_parcel
from isagrsc2.prompt_training.sam.embedding_cache import (
    Bounds,
    Features,
    SceneEmbeddings,
    encoder_digest,
    look_at,
)
from isagrsc2.scene.raster import StretchMeasure
from isagrsc2.scene.tiling import Tiling
from isagrsc2.segmenters.sam.checkpoint import build_sam
from isagrsc2.segmenters.sam.segmenter import SamSegmenter
from isagrsc2.training.sampling import EpochSampler

logger = logging.getLogger(__name__)

# A ``PromptBatch`` at the decoder's resolution: features (N, C, h / 4, w / 4) float16 in place of images; labels (N, h, w)
# int32, ``UNKNOWN`` in SAM's padding as well; prompts (N, P, 2) float32, x and y in decoder px; draws (N,) int64.
EmbeddedBatch = tuple[Tensor, Tensor, Tensor, Tensor]
Item = tuple[Tensor, Tensor, Tensor, int]


@dataclass(frozen=True)
class EmbeddedImage(PromptedImage):
    """An image to measure on, which the encoder has looked at.

    Attributes:
        features: (C, h / 4, w / 4) float16.
    """

    features: Features


@dataclass(frozen=True)
class EmbeddedTile:
    """A tile with parcels, and where its features lie.

    Attributes:
        scene: where it is read.
        bounds: of the tile, scene px.
        embeddings: of the scene.
        labels: (h, w) int32 at the decoder's resolution, with a parcel; 0.3 MB with the published models.
    """

    scene: LabelledScene
    bounds: Bounds
    embeddings: SceneEmbeddings
    labels: npt.NDArray[np.int32]

    @property
    def name(self) -> str:
        """What a person calls it."""
        return f"{self.scene.scene.name}, tile at {self.bounds[0]}, {self.bounds[1]}"

    def features(self) -> Features:
        """What the encoder saw; see ``SceneEmbeddings.read``."""
        return self.embeddings.read(self.bounds)

    def read(self) -> tuple[npt.NDArray[np.uint8], npt.NDArray[np.int32]]:
        """(H, W, 3) uint8 RGB and (H, W) int32 labels, tile px."""
        return self.scene.read(window_of(self.bounds))


class TrainingTiles(Dataset[Item]):
    """Tiles with prompts, asked by draw (see ``EpochSampler``): the same draw gives the same prompts, whatever came before.

    Nothing but the prompts is random: what the encoder would see of a turned or recoloured tile is not in the cache.
    """

    def __init__(self, tiles: Sequence[EmbeddedTile], visits: int, prompts: PromptSampler, seed: int) -> None:
        self._tiles = tiles
        self._visits = visits
        self._prompts = prompts
        self._seed = seed

    def __len__(self) -> int:
        return len(self._tiles) * self._visits

    def __getitem__(self, draw: int) -> Item:
        tile = self._tiles[draw % len(self) % len(self._tiles)]
        points = self._prompts(tile.labels, np.random.default_rng((self._seed, draw)))  # (P, 2) decoder px
        return torch.from_numpy(tile.features()), torch.from_numpy(tile.labels), torch.from_numpy(points), draw


class TilesToMeasure(PromptedImages):
    """Tiles as they are, with one prompt in every parcel, or in so many of them."""

    def __init__(self, tiles: Sequence[EmbeddedTile], most: int, min_parcel: int, seed: int) -> None:
        self._tiles = tiles
        self._most = most
        self._min_parcel = min_parcel
        self._seed = seed

    def __len__(self) -> int:
        return len(self._tiles)

    @overload
    def __getitem__(self, index: int) -> EmbeddedImage: ...

    @overload
    def __getitem__(self, index: slice) -> list[EmbeddedImage]: ...

    def __getitem__(self, index: int | slice) -> EmbeddedImage | list[EmbeddedImage]:
        if isinstance(index, slice):
            return [self._item(number) for number in range(*index.indices(len(self)))]
        return self._item(index)

    def _item(self, index: int) -> EmbeddedImage:
        tile = self._tiles[index]
        image, labels = tile.read()
        # By its name: prompts do not depend on what other tiles there are.
        generator = np.random.default_rng((self._seed, zlib.crc32(tile.name.encode())))
        smallest = round(self._min_parcel * (max(labels.shape) / max(tile.labels.shape)) ** 2)  # decoder px² to tile px²
        prompts = one_prompt_per_parcel(labels, self._most, smallest, generator)
        return EmbeddedImage(tile.name, image, labels, prompts, index, tile.features())


class SamPrompts(PromptedDataModule):
    """Labelled scenes cut into tiles, which SAM's image encoder looks at once; whole scenes lie on one side of the split.

    Training batches are ``EmbeddedBatch``; validation and test give lists of one ``EmbeddedImage``.
    """

    def __init__(
        self,
        path: str | Sequence[str],
        reference: str,
        bands: Bands,
        stretch: StretchMeasure,
        val_share: float,
        test_share: float,
        tiling: Tiling,
        model: str,
        checkpoint: str,
        weights_dir: str,
        device: str,
        cache: str,
        prompts: PromptSampler,
        val_prompts: int,
        visits: int,
        batch_size: int,
        workers: int,
        seed: int,
    ) -> None:
        """Remember what to load; nothing is read yet.

        Args:
            path: see ``list_labelled``.
            reference: see ``list_labelled``.
            bands: see ``list_labelled``.
            stretch: see ``list_labelled``.
            val_share: part of the scenes to choose the best epoch on, 0 to 1; at least one scene.
            test_share: part of the scenes held out for the end, 0 to 1; 0 leaves the test set empty.
            tiling: how scenes are cut. Tiles without parcels are passed over.
            model: see ``SamSegmenter``.
            checkpoint: see ``SamSegmenter``.
            weights_dir: see ``SamSegmenter``.
            device: of the image encoder, see ``SamSegmenter``.
            cache: folder of all features.
            prompts: draws training prompts; its pixels are the decoder's.
            val_prompts: parcels of a tile that are asked at most when measuring.
            visits: times that an epoch shows every tile, with new prompts each time.
            batch_size: tiles per batch and process.
            workers: processes that read tiles; 0 reads in the main process.
            seed: of the split and of all draws.

        Raises:
            InputError: a number does not fit.
        """
        super().__init__(workers)
        check_shares(val_share, test_share)
        for name, number in (("val_prompts", val_prompts), ("visits", visits), ("batch_size", batch_size)):
            check_whole(f"data.{name}", number, 1)
        self._listing = (path, reference, bands, stretch)
        self._shares = (val_share, test_share)
        self._tiling = tiling
        self._sam = (model, checkpoint, Path(weights_dir))
        self._device = device
        self._cache = Path(cache)
        self._prompts = prompts
        self._val_prompts = val_prompts
        self._visits = visits
        self._batch_size = batch_size
        self._seed = seed

    @cached_property
    def tiles(self) -> dict[str, list[EmbeddedTile]]:
        """The tiles of ``train``, ``val`` and ``test``; at the first call scenes are read and the encoder looks at new tiles.

        Raises:
            InputError: scenes or parcels cannot be used, or are too few; SAM's weights are absent; the cache cannot be
                written.
        """
        read = [(file, LabelledScene.of(file)) for file in list_labelled(*self._listing)]
        found = [(file, scene) for file, scene in read if scene.count > 0]
        names, cultivated = [file.scene.name for file, _ in found], [scene.cultivated for _, scene in found]
        sides = split_scenes(names, cultivated, *self._shares, self._seed)  # before the encoder begins
        sam = build_sam(*self._sam)
        segmenter = SamSegmenter.from_model(sam, self._device, 1, 0.0, "float32", False)  # it only looks
        encoder = encoder_digest(sam)
        tiles: dict[str, list[EmbeddedTile]] = {side: [] for side in SIDES}
        for (file, scene), side in zip(found, sides, strict=True):
            embeddings = SceneEmbeddings.of(self._cache, file.scene.name, file.scene.identity(), encoder)
            tiles[side] += self._embedded(scene, embeddings, sam, segmenter)
        for side in (TRAIN, VAL):
            if not tiles[side]:
                raise InputError(
                    f"the {side} side has no tile with a parcel that is large enough for SAM to see; give more scenes, or "
                    "lower data.tiling.size."
                )
        return tiles

    def images(self, side: str) -> TilesToMeasure:
        """The tiles of ``val`` or ``test``, read when they are asked for.

        Raises:
            InputError: see ``tiles``.
        """
        return TilesToMeasure(self.tiles[side], self._val_prompts, self._prompts.min_parcel, self._seed)

    def train_dataloader(self) -> DataLoader[Item]:
        """``EmbeddedBatch`` of tiles in random order; a rest that does not fill a batch is left for another epoch."""
        tiles = TrainingTiles(self.tiles[TRAIN], self._visits, self._prompts, self._seed)
        sampler = EpochSampler(len(tiles), self._batch_size, self._seed, *self.place())
        if self.trainer:
            # The trainer sets the epoch only after it has made the first iterator, which reads ahead where there are workers.
            sampler.set_epoch(self.trainer.fit_loop.epoch_progress.current.ready)
        return DataLoader(
            tiles,
            self._batch_size,
            sampler=sampler,
            num_workers=self.workers,
            persistent_workers=self.workers > 0,
            pin_memory=torch.cuda.is_available(),
        )

    def _embedded(
        self, scene: LabelledScene, embeddings: SceneEmbeddings, sam: Sam, segmenter: SamSegmenter
    ) -> list[EmbeddedTile]:
        """The tiles of a scene that have parcels, in the cache."""
        tiles = []
        for tile in self._tiling.tiles(scene.scene.width, scene.scene.height):
            _, labels = scene.read(tile.window)
            reduced = reduce_labels(labels, sam.prompt_encoder.mask_input_size, sam.image_encoder.img_size)
            if reduced.max() > 0:
                tiles.append(EmbeddedTile(scene, tile.bounds, embeddings, reduced))
        wanted = [tile.bounds for tile in tiles]
        missing = embeddings.missing(wanted)
        if missing:
            logger.info("%s: SAM looks at %d of %d tiles", scene.scene.name, len(missing), len(wanted))
        embeddings.complete(wanted, lambda bounds: look_at(segmenter, scene.read(window_of(bounds))[0]))
        return tiles


def reduce_labels(labels: npt.NDArray[np.int32], mask_shape: tuple[int, int], longest: int) -> npt.NDArray[np.int32]:
    """Labels of a tile at the decoder's resolution: a pixel takes the label its centre lies in.

    Args:
        labels: (H, W) int32, tile px.
        mask_shape: (h, w), decoder px.
        longest: side of SAM's input, px.

    Returns:
        (h, w) int32, ``UNKNOWN`` where SAM pads its input.
    """
    resized = ResizeLongestSide.get_preprocess_shape(*labels.shape, longest)  # (H', W'), px of the input
    places = [
        ((np.arange(cells) + 0.5) * (longest / cells) * (side / of_input)).astype(int)
        for cells, side, of_input in zip(mask_shape, labels.shape, resized, strict=True)
    ]
    rows, columns = (place[place < side] for place, side in zip(places, labels.shape, strict=True))
    reduced = np.full(mask_shape, UNKNOWN, np.int32)
    reduced[: len(rows), : len(columns)] = labels[np.ix_(rows, columns)]
    return reduced


def window_of(bounds: Bounds) -> Window:
    """The window with given bounds, scene px."""
    x0, y0, x1, y1 = bounds
    return Window(x0, y0, x1 - x0, y1 - y0)

"""Crops with prompts to train a promptable segmenter, and whole images to measure it on."""

from collections.abc import Sequence
from functools import cached_property

import numpy as np
import torch
from torch import Tensor
from torch.utils.data import DataLoader, Dataset

from isagrsc2.classification.data.scene_listing import Bands
from isagrsc2.classification.data.scene_split import SIDES, TEST, TRAIN, VAL
from isagrsc2.errors import InputError
from isagrsc2.options import check_share, check_whole
from isagrsc2.prompt_training.appearance import ChangeOfAppearance
from isagrsc2.prompt_training.crops import RandomCrop, renumber
from isagrsc2.prompt_training.data.base import PromptedDataModule
from isagrsc2.prompt_training.data.draws import DrawsInOrder
from isagrsc2.prompt_training.data.held_out import HeldOutImages
from isagrsc2.prompt_training.data.labelled_source import (
    LabelledScene,
    LabelledScenes,
    LabelledWindow,
    read_labelled_scenes,
)
from isagrsc2.prompt_training.data.mixed import MixedSource
from isagrsc2.prompt_training.data.scene_sides import check_held_out, put_on_sides
from isagrsc2.prompt_training.data.source import Source, ToMeasure
from isagrsc2.prompt_training.data.synthetic_source import SyntheticScenes
from isagrsc2.prompt_training.prompts import PromptSampler
from isagrsc2.prompt_training.ranges import Range, check_factors
from isagrsc2.scene.raster import StretchMeasure

# (3, S, S) uint8 RGB, (S, S) int32 labels, (P, 2) float32 prompts, draw.
Item = tuple[Tensor, Tensor, Tensor, int]


class PromptedCrops(Dataset[Item]):
    """Crops with prompts, asked by draw (see ``DrawsInOrder``): the same draw gives the same crop, whatever came before."""

    def __init__(
        self, source: Source, crop: RandomCrop, appearance: ChangeOfAppearance, prompts: PromptSampler, seed: int
    ) -> None:
        self._source = source
        self._crop = crop
        self._appearance = appearance
        self._prompts = prompts
        self._seed = seed

    def __getitem__(self, draw: int) -> Item:
        generator = np.random.default_rng((self._seed, draw))
        image, numbers = self._source.crop(draw, self._crop, generator)
        labels = renumber(numbers)
        points = self._prompts(labels, generator)
        changed = self._appearance(image, generator)  # (S, S, 3)
        return torch.from_numpy(changed).permute(2, 0, 1), torch.from_numpy(labels), torch.from_numpy(points), draw


class PromptDataModule(PromptedDataModule):
    """Synthetic farmland, and labelled scenes where some are given.

    Training crops are ``PromptBatch``; validation and test give lists of one ``PromptedImage``.
    """

    def __init__(
        self,
        synthetic: SyntheticScenes,
        path: str | Sequence[str],
        reference: str,
        bands: Bands,
        stretch: StretchMeasure,
        labelled_share: float,
        labelled_scale: Range,
        val_share: float,
        test_share: float,
        max_side: int,
        val_prompts: int,
        crop: RandomCrop,
        appearance: ChangeOfAppearance,
        prompts: PromptSampler,
        crops_per_epoch: int,
        batch_size: int,
        workers: int,
        seed: int,
    ) -> None:
        """Remember what to load; nothing is read yet.

        Args:
            synthetic: draws scenes.
            path: labelled scenes, see ``list_labelled``; ``none`` for synthetic ones only.
            reference: their parcels, see ``list_labelled``; ``none`` for synthetic scenes only.
            bands: see ``list_labelled``.
            stretch: see ``list_labelled``.
            labelled_share: share of the training crops that comes from labelled scenes, where there are some.
            labelled_scale: range of crop px per px of a labelled scene.
            val_share: see ``put_on_sides``.
            test_share: see ``put_on_sides``.
            max_side: of the part of a labelled scene that is measured on, px.
            val_prompts: parcels of an image that are asked at most when measuring.
            crop: draws where training crops lie.
            appearance: changes their colours.
            prompts: draws where they are asked.
            crops_per_epoch: training crops of an epoch, in all processes together.
            batch_size: crops per batch and process.
            workers: processes that make crops; 0 makes them in the main process.
            seed: of the split and of all draws.

        Raises:
            InputError: a number does not fit.
        """
        super().__init__(workers)
        check_share("data.labelled_share", labelled_share)
        check_factors("data.labelled_scale", labelled_scale)
        check_held_out(val_share, test_share)
        check_whole("data.max_side", max_side, 8)
        check_whole("data.val_prompts", val_prompts, 1)
        check_whole("data.crops_per_epoch", crops_per_epoch, 1)
        check_whole("data.batch_size", batch_size, 1)
        self._synthetic = synthetic
        self._listing = (path, reference, bands, stretch)
        self._labelled_share = labelled_share
        self._labelled_scale = labelled_scale
        self._held_out_shares = (val_share, test_share)
        self._max_side = max_side
        self._val_prompts = val_prompts
        self._crop = crop
        self._appearance = appearance
        self._prompts = prompts
        self._crops_per_epoch = crops_per_epoch
        self._batch_size = batch_size
        self._seed = seed

    @cached_property
    def labelled(self) -> dict[str, list[LabelledScene]]:
        """The labelled scenes of ``train``, ``val`` and ``test``, opened at the first call; none where none are given.

        Raises:
            InputError: see ``read_labelled_scenes`` and ``put_on_sides``.
        """
        return put_on_sides(read_labelled_scenes(*self._listing), *self._held_out_shares, self._seed)

    def images(self, side: str) -> HeldOutImages:
        """The images of ``val`` or ``test``, read when they are asked for: labelled scenes, then synthetic ones.

        Raises:
            InputError: the labelled scenes cannot be used; there is nothing to validate on.
        """
        windows: list[ToMeasure] = [LabelledWindow(scene, self._max_side) for scene in self.labelled[side]]
        images = [*windows, *self._synthetic.to_measure(side)]
        if side == VAL and not images:
            raise InputError(
                "there is nothing to choose the best weights on; raise data.synthetic.val_scenes, or data.val_share with "
                "labelled scenes."
            )
        return HeldOutImages(images, self._val_prompts, self._prompts.min_parcel, self._seed)

    def describe(self) -> dict[str, int]:
        """Numbers for people: labelled scenes of each side, their parcels, and synthetic scenes to measure on."""
        counts = {f"labelled_{side}": len(self.labelled[side]) for side in SIDES}
        counts["parcels"] = sum(scene.count for scenes in self.labelled.values() for scene in scenes)
        return counts | {f"synthetic_{side}": len(self._synthetic.to_measure(side)) for side in (VAL, TEST)}

    def source(self) -> Source:
        """Where training crops come from.

        Raises:
            InputError: only labelled scenes are asked for, and there are none.
        """
        if self.labelled[TRAIN]:
            return MixedSource(
                self._synthetic, LabelledScenes(self.labelled[TRAIN], self._labelled_scale), self._labelled_share
            )
        if self._labelled_share == 1:
            raise InputError(
                "data.labelled_share=1 takes every crop from labelled scenes, and none are given; give data.path=IMAGES and "
                "data.reference=PARCELS, or lower it."
            )
        return self._synthetic

    def train_dataloader(self) -> DataLoader[Item]:
        """``PromptBatch`` of random crops.

        Raises:
            InputError: an epoch does not fill one batch; see ``source``.
        """
        process, processes = self.place()
        if self._crops_per_epoch < self._batch_size * processes:
            raise InputError(
                f"data.crops_per_epoch={self._crops_per_epoch} does not fill one batch of data.batch_size={self._batch_size} "
                f"in each of {processes} processes; raise it."
            )
        sampler = DrawsInOrder(self._crops_per_epoch, self._batch_size, process, processes)
        if self.trainer:
            # The trainer sets the epoch only after it has made the first iterator, which reads ahead where there are workers.
            sampler.set_epoch(self.trainer.fit_loop.epoch_progress.current.ready)
        crops = PromptedCrops(self.source(), self._crop, self._appearance, self._prompts, self._seed)
        return DataLoader(
            crops,
            self._batch_size,
            sampler=sampler,
            num_workers=self.workers,
            persistent_workers=self.workers > 0,
            pin_memory=torch.cuda.is_available(),
        )

"""Training of the compact segmenter: the network on dense targets, the scorer on regions around prompts."""

from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F
from torch.optim import Optimizer
from torch.optim.lr_scheduler import LRScheduler

from isagrsc2.options import check_number, check_whole
from isagrsc2.prompt_training.batches import PromptBatch
from isagrsc2.prompt_training.compact.losses import cross_entropy, depth_error, dice
from isagrsc2.prompt_training.compact.region_ious import region_ious, regions_around
from isagrsc2.prompt_training.compact.start import start_from
from isagrsc2.prompt_training.compact.targets import Targets, make_targets
from isagrsc2.prompt_training.lightning_module import PromptableModule
from isagrsc2.segmenters.compact.hierarchy import BorderHierarchy
from isagrsc2.segmenters.compact.network import BORDER, DEPTH, PARCEL
from isagrsc2.segmenters.compact.region_features import region_features
from isagrsc2.segmenters.compact.segmenter import CompactSegmenter
from isagrsc2.segmenters.compact.weights_file import CompactModel, write_weights
from isagrsc2.training.divergence import DivergedError

WEIGHTS = "compact.safetensors"


class CompactModule(PromptableModule):
    """The networks of ``CompactSegmenter`` and how they learn.

    The scorer learns from regions that the network's borders make while it learns, around the prompts of the batch and at
    the levels where the segmenter cuts, and at random ones.

    Attributes:
        model: the networks.
    """

    def __init__(
        self,
        start: Mapping[str, Any],
        trained_on: Mapping[str, Any],
        hierarchy: BorderHierarchy,
        border_width: float,
        max_depth: float,
        border_weight: float,
        loss_weights: Mapping[str, float],
        depth_tolerance: float,
        scored_images: int,
        encoder_rate: float,
        channels_last: bool,
        optimizer: Callable[[Iterable[Any]], Optimizer],
        scheduler: Callable[[Optimizer], LRScheduler],
    ) -> None:
        """Build the networks.

        Args:
            start: see ``start_from``.
            trained_on: the option of the data, plain values; written beside the weights.
            hierarchy: how regions are made of borders.
            border_width: see ``make_targets``, px.
            max_depth: see ``make_targets``, px.
            border_weight: how much more a pixel of a border counts than one of none.
            loss_weights: of ``border``, ``parcel``, ``depth`` and ``score``.
            depth_tolerance: see ``depth_error``.
            scored_images: images of each batch whose regions the scorer learns from; each costs a watershed on the CPU.
            encoder_rate: the encoder's learning rate over that of the rest; below 1 where it starts from ImageNet's weights.
            channels_last: keep images and weights as (N, H, W, C) in memory.
            optimizer: lacks only the parameters; its rate is that of all but the encoder.
            scheduler: lacks only the optimiser; stepped after every epoch.

        Raises:
            InputError: the weights to start from do not fit, or a number does not.
        """
        super().__init__()
        for name, value in (("border_width", border_width), ("max_depth", max_depth), ("depth_tolerance", depth_tolerance)):
            check_number(f"model.{name}", value, 1e-6)
        check_whole("model.scored_images", scored_images, 1)
        check_number("model.encoder_rate", encoder_rate, 0)
        self.save_hyperparameters({"network": {"architecture": "compact"}, "trained_on": dict(trained_on)})
        self.model = CompactModel()
        start_from(self.model, start)
        self._memory_format = torch.channels_last if channels_last else torch.contiguous_format
        self.model.network.to(memory_format=self._memory_format)
        self._hierarchy = hierarchy
        self._border_width = border_width
        self._max_depth = max_depth
        self._border_weight = border_weight
        self._loss_weights = loss_weights
        self._depth_tolerance = depth_tolerance
        self._scored_images = scored_images
        self._encoder_rate = encoder_rate
        self._optimizer = optimizer
        self._scheduler = scheduler

    def segmenter(self) -> CompactSegmenter:
        """See ``PromptableModule``."""
        return CompactSegmenter.from_model(self.model, str(self.device), self._hierarchy)

    def write_weights(self, folder: Path) -> Path:
        """See ``PromptableModule``."""
        path = folder / WEIGHTS
        write_weights(self.model, path, self.hparams["trained_on"])
        return path

    def usage(self, weights: Path) -> str:
        """See ``PromptableModule``."""
        return f"python segment.py scene.path=PATH segmenter=compact segmenter.checkpoint={weights}"

    def training_step(self, batch: PromptBatch) -> Tensor:
        """Loss of a batch.

        Raises:
            DivergedError: the loss is no number.
        """
        images, labels, prompts, indices = batch
        logits = self.model.network(images.contiguous(memory_format=self._memory_format)).float()  # (N, 3, S, S)
        losses = self._dense_losses(logits, make_targets(labels, self._border_width, self._max_depth))
        losses["score"] = self._score_loss(logits.detach(), labels, prompts, indices)
        loss = torch.stack([self._loss_weights[name] * value for name, value in losses.items()]).sum()
        if not loss.isfinite():
            raise DivergedError(f"the loss is {float(loss.detach())} in epoch {self.current_epoch}; lower model.optimizer.lr.")
        figures = {f"train/{name}_loss": value.detach() for name, value in losses.items()} | {"train/loss": loss.detach()}
        self.log_dict(figures, on_step=False, on_epoch=True, batch_size=len(images), sync_dist=True)
        return loss

    def _dense_losses(self, logits: Tensor, targets: Targets) -> dict[str, Tensor]:
        border, parcel, depth = logits[:, BORDER], logits[:, PARCEL], logits[:, DEPTH]
        known = targets.known
        return {
            "border": cross_entropy(border, targets.border, known, self._border_weight) + dice(border, targets.border, known),
            "parcel": cross_entropy(parcel, targets.parcel, known, 1.0) + dice(parcel, targets.parcel, known),
            "depth": depth_error(depth, targets.depth, known, self._depth_tolerance),
        }

    def _score_loss(self, logits: Tensor, labels: Tensor, prompts: Tensor, indices: Tensor) -> Tensor:
        """Cross-entropy between the predicted and the true IoU of regions around the prompts."""
        maps = logits[: self._scored_images].sigmoid().cpu().numpy()
        features, ious = [], []
        for place, image_maps in enumerate(maps):
            tree = self._hierarchy.tree(image_maps)
            points = prompts[place].cpu().numpy()
            generator = np.random.default_rng(int(indices[place]))
            cuts = [np.full(len(points), level) for level in self._hierarchy.levels] + [generator.random(len(points))]
            nodes = np.unique(np.concatenate([regions_around(tree, points, levels) for levels in cuts]))
            features.append(region_features(tree, image_maps)[nodes])
            ious.append(region_ious(tree, labels[place].cpu().numpy())[nodes])
        predicted = self.model.scorer(torch.from_numpy(np.concatenate(features)).to(logits.device))  # (R,)
        return F.binary_cross_entropy_with_logits(predicted, torch.from_numpy(np.concatenate(ious)).to(logits.device))

    def configure_optimizers(self) -> Any:
        """Two groups of parameters, the encoder and the rest, and the schedule that is stepped after every epoch."""
        encoder = self.model.network.encoder()
        theirs = {id(parameter) for parameter in encoder}
        rest = [parameter for parameter in self.parameters() if id(parameter) not in theirs]
        optimizer = self._optimizer([{"params": rest}, {"params": encoder}])
        optimizer.param_groups[1]["lr"] *= self._encoder_rate
        return {"optimizer": optimizer, "lr_scheduler": {"scheduler": self._scheduler(optimizer), "interval": "epoch"}}

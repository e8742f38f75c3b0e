"""Fine-tuning of SAM's mask decoder on tiles the image encoder has looked at."""

import copy
import logging
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any, ClassVar, cast

import numpy as np
import torch
from segment_anything.modeling import Sam
from torch import Tensor
from torch.nn import Parameter
from torch.optim import Optimizer
from torch.optim.lr_scheduler import LRScheduler
from torchmetrics import Metric
from torchmetrics.utilities import dim_zero_cat

from isagrsc2.errors import InputError
from isagrsc2.files import replacing
from isagrsc2.prompt_training.answers import Answers
from isagrsc2.prompt_training.batches import NO_PARCEL, UNKNOWN, PromptedImage
from isagrsc2.prompt_training.lightning_module import PromptableModule
from isagrsc2.prompt_training.sam.data import EmbeddedBatch, EmbeddedImage
from isagrsc2.prompt_training.sam.embedding_cache import encoder_digest, restore
from isagrsc2.prompt_training.sam.losses import SamLoss
from isagrsc2.prompt_training.sam.recalibration import IDENTITY, FloatArray, Recalibration, ScoreLine, fold
from isagrsc2.segmenters.protocol import Segmenter
from isagrsc2.segmenters.sam.asking import batch_on
from isagrsc2.segmenters.sam.checkpoint import build_sam
from isagrsc2.segmenters.sam.segmenter import SamSegmenter
from isagrsc2.training.divergence import DivergedError

logger = logging.getLogger(__name__)

# What of the state dict is in a checkpoint.
_LEARNED = "sam.mask_decoder."

# Of the encoder's digest, where people may read it.
_LETTERS = 12


class MasksOfPass(Metric):
    """Score and true IoU of every mask of a pass, gathered from all processes."""

    pairs: list[Tensor]

    def __init__(self) -> None:
        super().__init__()
        self.add_state("pairs", default=[], dist_reduce_fx="cat")

    def update(self, answers: Answers) -> None:
        """Add the answers of an image."""
        pairs = np.stack([answers.scores.ravel(), answers.ious.ravel()], axis=1)  # (P * M, 2)
        self.pairs.append(torch.from_numpy(pairs).to(self.device))

    def compute(self) -> tuple[FloatArray, FloatArray]:
        """(K,) scores and (K,) true IoUs."""
        scores, ious = dim_zero_cat(self.pairs).cpu().numpy().T
        return scores, ious


class SamDecoderModule(PromptableModule):
    """SAM of which the mask decoder learns; image encoder and prompt encoder stay as they are.

    What is trained are the three masks of an ambiguous prompt. The hypernetwork of the fourth, which answers several prompts
    at once and is not used here, stays as it is.

    After every validation the scores are recalibrated (see ``recalibration``) on what the decoder itself predicts; the line
    goes into the checkpoint. ``val/score_error`` is of the decoder's own scores; test, ``segmenter`` and the written weights
    have those that are recalibrated. A checkpoint holds the decoder only, 16 MB with the published models, and Adam's moments.

    Attributes:
        sam: the model.
    """

    # good_passing: share of the masks whose IoU is at least ``recalibration.good_iou`` that reach the threshold of automatic
    # masks after recalibration; 0 where there is no such mask.
    VAL_METRICS: ClassVar[tuple[str, ...]] = (*PromptableModule.VAL_METRICS, "good_passing")

    def __init__(
        self,
        model: str,
        checkpoint: str,
        weights_dir: str,
        batch: Mapping[str, int],
        stability_offset: float,
        trained_on: Mapping[str, Any],
        loss: SamLoss,
        recalibration: Recalibration,
        optimizer: Callable[[Iterable[Parameter]], Optimizer],
        scheduler: Callable[[Optimizer], LRScheduler],
    ) -> None:
        """Load SAM and freeze what does not learn.

        Args:
            model: see ``SamSegmenter``.
            checkpoint: see ``SamSegmenter``; the weights to start from.
            weights_dir: see ``SamSegmenter``.
            batch: prompts of a decoder call in validation, see ``SamSegmenter``.
            stability_offset: see ``SamSegmenter``.
            trained_on: the option of the data, plain values; kept, so that an evaluation can tell what was seen in training.
            loss: of one image's prompts.
            recalibration: of the scores.
            optimizer: lacks only the parameters.
            scheduler: lacks only the optimiser; stepped after every epoch.

        Raises:
            InputError: see ``SamSegmenter``.
        """
        super().__init__()
        self.sam = build_sam(model, checkpoint, Path(weights_dir))
        # Plain values only, so that a checkpoint loads without running code; nothing of the optimisation.
        self.save_hyperparameters(
            {"network": {"model": model, "encoder": encoder_digest(self.sam)[:_LETTERS]}, "trained_on": dict(trained_on)}
        )
        self.sam.requires_grad_(False)
        self.sam.mask_decoder.requires_grad_(True)
        # Of the answer to several prompts: without a gradient it would only decay.
        self.sam.mask_decoder.output_hypernetworks_mlps[0].requires_grad_(False)
        self._model = model
        self._batch = batch
        self._stability_offset = stability_offset
        self._loss = loss
        self._recalibration = recalibration
        self._optimizer = optimizer
        self._scheduler = scheduler
        self._line = IDENTITY
        self._masks = MasksOfPass()

    @property
    def line(self) -> ScoreLine:
        """What the decoder's scores go through."""
        return self._line

    def segmenter(self) -> SamSegmenter:
        """Answers with the weights as they are now, and with recalibrated scores; shares all but the decoder's weights."""
        batch = batch_on(self.device, self._batch)
        # Full precision, whatever training has. Compiling would not pay: every validation has other weights.
        return SamSegmenter.from_model(self._recalibrated(), str(self.device), batch, self._stability_offset, "float32", False)

    def write_weights(self, folder: Path) -> Path:
        """Write all of SAM with the names of the published files, scores recalibrated.

        Args:
            folder: is there.

        Raises:
            OSError: there is no room, or no permission; what was there before stays.
        """
        path = folder / f"sam_{self._model}_parcels.pth"
        state = {name: tensor.cpu() for name, tensor in self._recalibrated().state_dict().items()}
        with replacing(path) as temporary, temporary.open("wb") as stream:
            torch.save(state, stream)
        logger.info("predicted IoUs were recalibrated: %.3g x score %+.3g", self._line.slope, self._line.offset)
        return path

    def usage(self, weights: Path) -> str:
        """See ``PromptableModule.usage``."""
        return f"python segment.py scene.path=PATH segmenter=sam_{self._model} segmenter.checkpoint={weights}"

    def embed(self, segmenter: Segmenter, item: PromptedImage) -> Any:
        """What the encoder saw of an image: from the cache where it was kept."""
        if isinstance(item, EmbeddedImage):
            height, width = item.labels.shape
            own = cast(SamSegmenter, segmenter)  # what ``segmenter`` gave
            return restore(own, item.features, (height, width))
        return super().embed(segmenter, item)

    def answer(self, item: PromptedImage) -> Answers:
        """Ask the prompts of an image, in full precision whatever training has."""
        with torch.autocast(self.device.type, enabled=False):
            return super().answer(item)

    def forward(self, features: Tensor, prompts: Tensor) -> tuple[Tensor, Tensor]:
        """Masks and scores of the prompts of one image.

        Args:
            features: (C, h / 4, w / 4) float, what the encoder saw.
            prompts: (P, 2) float32, x and y in decoder px.

        Returns:
            logits (P, 3, h, w) and scores (P, 3), as the decoder has them.
        """
        encoder = self.sam.prompt_encoder
        with torch.no_grad():
            # SAM counts whole pixels of its input: the centre of the first is 0.
            points = prompts * (encoder.input_image_size[1] / encoder.mask_input_size[1]) - 0.5
            foreground = torch.ones(len(points), 1, dtype=torch.int32, device=points.device)
            sparse, dense = encoder(points=(points[:, None], foreground), boxes=None, masks=None)
        logits, scores = self.sam.mask_decoder(
            image_embeddings=features.to(points.dtype)[None],  # (1, C, h / 4, w / 4)
            image_pe=encoder.get_dense_pe(),
            sparse_prompt_embeddings=sparse,
            dense_prompt_embeddings=dense,
            multimask_output=True,
        )
        return logits, scores

    def training_step(self, batch: EmbeddedBatch) -> Tensor:
        """Mean loss of the images of a batch.

        Raises:
            DivergedError: the loss is no number.
        """
        features, labels, prompts, _ = batch
        loss = torch.stack([self._loss_of(*one) for one in zip(features, labels, prompts, strict=True)]).mean()
        if not loss.isfinite():
            raise DivergedError(
                f"the loss is {float(loss.detach())} in epoch {self.current_epoch}; lower model.optimizer.lr, "
                "or look at segmenter.checkpoint."
            )
        self.log("train/loss", loss, on_step=False, on_epoch=True, prog_bar=True, batch_size=len(features), sync_dist=True)
        return loss

    def on_validation_epoch_start(self) -> None:
        """Measure the decoder's own scores."""
        self._line = IDENTITY

    def validation_step(self, batch: list[PromptedImage]) -> None:
        """Ask the prompts of an image."""
        for item in batch:
            answers = self.answer(item)
            self._answers.update(answers)
            self._masks.update(answers)

    def on_validation_epoch_end(self) -> None:
        """Log the means over all prompts, and recalibrate."""
        super().on_validation_epoch_end()
        scores, ious = self._masks.compute()
        self._masks.reset()
        self._line = self._recalibration.fit(scores, ious)
        passing = self._recalibration.share_passing(self._line(scores), ious)
        self.log("val/good_passing", passing, sync_dist=True)  # the same in all processes

    def configure_optimizers(self) -> Any:
        """The optimiser of what is not frozen, and the schedule that is stepped after every epoch."""
        optimizer = self._optimizer(parameter for parameter in self.parameters() if parameter.requires_grad)
        return {"optimizer": optimizer, "lr_scheduler": {"scheduler": self._scheduler(optimizer), "interval": "epoch"}}

    def on_save_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        """Keep only what is learned, and the recalibration beside what describes the network."""
        state = checkpoint["state_dict"]
        checkpoint["state_dict"] = {name: state[name] for name in state if name.startswith(_LEARNED)}
        line = {"slope": self._line.slope, "offset": self._line.offset}
        checkpoint["hyper_parameters"] = {**checkpoint["hyper_parameters"], "recalibration": line}

    def on_load_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        """Take the recalibration that belongs to the decoder; what is not learned is there already.

        Raises:
            InputError: the decoder was tuned to what another image encoder sees.
        """
        described = checkpoint["hyper_parameters"]
        if described["network"] != self.hparams["network"]:
            raise InputError(
                f"the checkpoint's decoder was tuned on features of another image encoder ({described['network']['model']}); "
                "choose the segmenter and segmenter.checkpoint that the run began with."
            )
        self._line = ScoreLine(**described["recalibration"])
        checkpoint["state_dict"] = {**self.state_dict(), **checkpoint["state_dict"]}

    def _loss_of(self, features: Tensor, labels: Tensor, prompts: Tensor) -> Tensor:
        """Loss of one image; (C, h / 4, w / 4), (h, w) and (P, 2)."""
        logits, scores = self(features, prompts)
        columns, rows = prompts.long().unbind(dim=1)
        parcels = labels[rows, columns][:, None, None]  # (P, 1, 1)
        targets = (labels == parcels) & (parcels != NO_PARCEL)  # (P, h, w)
        return self._loss(logits.float(), scores.float(), targets, labels != UNKNOWN)

    def _recalibrated(self) -> Sam:
        """SAM with a decoder of its own, whose scores are recalibrated."""
        decoder = copy.deepcopy(self.sam.mask_decoder)
        fold(self._line, decoder)
        mean, deviation = (values.flatten().tolist() for values in (self.sam.pixel_mean, self.sam.pixel_std))
        return Sam(self.sam.image_encoder, self.sam.prompt_encoder, decoder, mean, deviation)

"""What all trainings of promptable segmenters share: they are measured by asking, as ``segment.py`` asks."""

from abc import ABC, abstractmethod
from pathlib import Path
from typing import Any, ClassVar

import pytorch_lightning as pl
import torch
from torch import Tensor
from torchmetrics import Metric
from torchmetrics.utilities import dim_zero_cat

from isagrsc2.prompt_training.answers import Answers, answer
from isagrsc2.prompt_training.batches import PromptedImage
from isagrsc2.segmenters.protocol import Segmenter


class AnswersOfPass(Metric):
    """Best IoU, chosen IoU and highest score of every prompt of a pass, gathered from all processes."""

    values: list[Tensor]

    def __init__(self) -> None:
        super().__init__()
        self.add_state("values", default=[], dist_reduce_fx="cat")

    def update(self, answers: Answers) -> None:
        """Add the answers of an image."""
        columns = (answers.best, answers.chosen, answers.believed)
        self.values.append(torch.stack([torch.from_numpy(column) for column in columns], dim=1).to(self.device))  # (P, 3)

    def compute(self) -> dict[str, float]:
        """Means over all prompts; see ``PromptableModule.VAL_METRICS``."""
        best, chosen, believed = dim_zero_cat(self.values).double().unbind(dim=1)
        return {
            "iou_best": float(best.mean()),
            "iou_chosen": float(chosen.mean()),
            "score_error": float((believed - chosen).abs().mean()),
        }


class PromptableModule(pl.LightningModule, ABC):
    """Base of what is trained; a subclass has ``training_step``.

    Batches of training are ``PromptBatch``; of validation and test lists of one ``PromptedImage``. A checkpoint's
    ``hyper_parameters`` are plain values: ``network``, what the network is, and ``trained_on``, the option of the data.
    """

    # Means over prompts inside parcels: IoU of the best of three masks, IoU of the mask with the highest score, and how far
    # that score lies from it.
    VAL_METRICS: ClassVar[tuple[str, ...]] = ("iou_best", "iou_chosen", "score_error")

    def __init__(self) -> None:
        super().__init__()
        self._answers = AnswersOfPass()

    @abstractmethod
    def segmenter(self) -> Segmenter:
        """Answers prompts with the weights as they are now."""

    @abstractmethod
    def write_weights(self, folder: Path) -> Path:
        """Write the file that ``segmenter.checkpoint`` reads, whole or not at all, and return its path."""

    @abstractmethod
    def usage(self, weights: Path) -> str:
        """The command that segments with these weights."""

    def embed(self, segmenter: Segmenter, item: PromptedImage) -> Any:
        """Look at an image; a subclass may remember what it saw."""
        return segmenter.embed(item.image)

    def answer(self, item: PromptedImage) -> Answers:
        """Ask the prompts of an image."""
        segmenter = self.segmenter()
        return answer(segmenter, self.embed(segmenter, item), item)

    def validation_step(self, batch: list[PromptedImage]) -> None:
        """Ask the prompts of an image."""
        self._keep_answers(batch)

    def test_step(self, batch: list[PromptedImage]) -> None:
        """Ask the prompts of an image."""
        self._keep_answers(batch)

    def on_validation_epoch_end(self) -> None:
        """Log the means over all prompts."""
        self._log_answers("val")

    def on_test_epoch_end(self) -> None:
        """Log the means over all prompts."""
        self._log_answers("test")

    def _keep_answers(self, batch: list[PromptedImage]) -> None:
        for item in batch:
            self._answers.update(self.answer(item))

    def _log_answers(self, side: str) -> None:
        figures = self._answers.compute()
        self._answers.reset()
        # All processes hold the same values; Lightning asks for sync_dist nonetheless.
        self.log_dict({f"{side}/{name}": value for name, value in figures.items()}, sync_dist=True)

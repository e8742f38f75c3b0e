"""Training a classifier of chips."""

import logging
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any

import pytorch_lightning as pl
import torch
from torch import Tensor
from torch.nn import Parameter
from torch.nn import functional as F
from torch.optim import Optimizer
from torch.optim.lr_scheduler import LRScheduler
from torchmetrics import Metric
from torchmetrics.utilities import dim_zero_cat

from isagrsc2.classification.calibration import fit_temperature
from isagrsc2.classification.first_weights import give_first_weights
from isagrsc2.classification.networks.build import build_network
from isagrsc2.classification.predictions import Predictions
from isagrsc2.classification.scores import SCORES, score
from isagrsc2.classification.weighting import loss_weights
from isagrsc2.options import check_share
from isagrsc2.training.divergence import DivergedError

Batch = tuple[
    Tensor, Tensor, Tensor
]  # (N, 3, S, S) uint8 RGB, (N,) int64 class indices, (N,) int64 index of each chip in its set

# Files of a batch named in a message; the log has them all.
NAMED = 5

# What is measured beside the scores after every epoch.
BESIDES = ("loss", "ece_uncalibrated", "temperature")

logger = logging.getLogger(__name__)


class Outputs(Metric):
    """Logits of every chip of a pass, gathered from all processes, so that scores are of the set and not means over batches."""

    logits: list[Tensor]
    labels: list[Tensor]
    indices: list[Tensor]

    def __init__(self) -> None:
        super().__init__()
        for name in ("logits", "labels", "indices"):
            self.add_state(name, default=[], dist_reduce_fx="cat")

    def update(self, logits: Tensor, labels: Tensor, indices: Tensor) -> None:
        """Add a batch: (N, K), (N,), (N,)."""
        self.logits.append(logits.detach().float())
        self.labels.append(labels)
        self.indices.append(indices)

    def compute(self) -> tuple[Tensor, Tensor]:
        """Logits (N, K) and labels (N,) of all chips in the order of the set, on the CPU."""
        order = dim_zero_cat(self.indices).argsort()
        return dim_zero_cat(self.logits)[order].cpu(), dim_zero_cat(self.labels)[order].cpu()


class ChipClassifier(pl.LightningModule):
    """A network that tells classes of chips apart; a checkpoint of it describes itself in plain values.

    After every validation the temperature is fitted on the validation chips and goes into the checkpoint. Scores are
    those of ``scores.score``, of calibrated probabilities.

    Attributes:
        net: the network, bytes in, logits out.
        temperature: divides the logits before a probability is read off them.
    """

    class_weights: Tensor

    def __init__(
        self,
        backbone: Mapping[str, Any],
        class_names: Sequence[str],
        cultivated: Sequence[str],
        class_counts: Sequence[int],
        chip_size: int,
        trained_on: Mapping[str, Any],
        class_weights: Sequence[float] | str,
        label_smoothing: float,
        channels_last: bool,
        compile: bool,  # noqa: A002 - the field's word, as in torch.compile
        gradient_checkpointing: bool,
        optimizer: Callable[[Iterable[Parameter]], Optimizer],
        scheduler: Callable[[Optimizer], LRScheduler],
    ) -> None:
        """Build the network.

        Args:
            backbone: see ``build_network`` and ``give_first_weights``.
            class_names: K names, in the order of the logits.
            cultivated: those that count as cultivated.
            class_counts: K numbers of training chips.
            chip_size: side of the chips, px.
            trained_on: the option of the data, plain values; kept, so that an evaluation can tell what was seen in training.
            class_weights: see ``loss_weights``.
            label_smoothing: share of a label that is spread over all classes, 0 to 1 (Szegedy et al. 2016, section 7).
            channels_last: keep images and weights as (N, H, W, C) in memory, which tensor cores prefer.
            compile: compile the network with ``torch.compile`` at its first batch.
            gradient_checkpointing: compute activations twice instead of keeping them: slower, far less memory.
            optimizer: lacks only the parameters.
            scheduler: lacks only the optimiser; stepped after every epoch.

        Raises:
            InputError: the backbone is unknown, its weights do not fit, or an option of the loss does not.
        """
        super().__init__()
        check_share("model.label_smoothing", label_smoothing)
        # Plain values only, so that a checkpoint loads without running code; nothing of the optimisation.
        self.save_hyperparameters(
            {
                "backbone": dict(backbone),
                "class_names": list(class_names),
                "cultivated": list(cultivated),
                "chip_size": chip_size,
                "trained_on": dict(trained_on),
            }
        )
        self.net = build_network(backbone, len(class_names))
        give_first_weights(self.net, backbone, class_names)
        self.net.set_gradient_checkpointing(gradient_checkpointing)
        self._memory_format = torch.channels_last if channels_last else torch.contiguous_format
        self.net.to(memory_format=self._memory_format)
        if compile:
            self.net.compile()  # in place: the names of the weights stay
        weights = loss_weights(class_weights, dict(zip(class_names, class_counts, strict=True)))
        self.register_buffer("class_weights", weights, persistent=False)
        self.temperature = 1.0
        self.label_smoothing = label_smoothing
        self._measured: Predictions | None = None
        self._optimizer = optimizer
        self._scheduler = scheduler
        self._outputs = Outputs()

    @property
    def val_metrics(self) -> list[str]:
        """Names of what is measured after every epoch."""
        return [f"val/{name}" for name in (*SCORES, *BESIDES)]

    def predictions(self, names: Sequence[str]) -> Predictions:
        """What was said of the chips of the last validation or test.

        Args:
            names: of the chips, in the order of the set.

        Raises:
            RuntimeError: there was none yet.
        """
        if self._measured is None:
            raise RuntimeError("nothing was validated or tested yet")
        return replace(self._measured, names=tuple(names))

    def forward(self, chips: Tensor) -> Tensor:
        """(N, 3, S, S) uint8 RGB to (N, K) logits."""
        logits: Tensor = self.net(chips.contiguous(memory_format=self._memory_format))
        return logits

    def training_step(self, batch: Batch) -> Tensor:
        """Loss of a batch.

        Raises:
            DivergedError: the loss is no number; names the chips.
        """
        chips, labels, indices = batch
        loss = self._loss(self(chips), labels)
        if not loss.isfinite():
            raise DivergedError(self._what_diverged(float(loss.detach()), indices))
        self.log("train/loss", loss, on_step=False, on_epoch=True, prog_bar=True, batch_size=len(labels), sync_dist=True)
        return loss

    def validation_step(self, batch: Batch) -> None:
        """Keep the outputs of a batch."""
        self._keep_outputs(batch)

    def test_step(self, batch: Batch) -> None:
        """Keep the outputs of a batch."""
        self._keep_outputs(batch)

    def on_validation_epoch_end(self) -> None:
        """Fit the temperature, and measure."""
        logits, labels = self._take_outputs()
        if not logits.isfinite().all():
            raise DivergedError(f"outputs are no numbers after epoch {self.current_epoch}; lower model.optimizer.lr.")
        self.temperature = fit_temperature(logits, labels)
        self._measure("val", logits, labels)

    def on_test_epoch_end(self) -> None:
        """Measure, at the temperature of the validation chips."""
        self._measure("test", *self._take_outputs())

    def configure_optimizers(self) -> Any:
        """The optimiser of what is not frozen, and the schedule that is stepped after every epoch."""
        optimizer = self._optimizer(parameter for parameter in self.parameters() if parameter.requires_grad)
        return {"optimizer": optimizer, "lr_scheduler": {"scheduler": self._scheduler(optimizer), "interval": "epoch"}}

    def on_save_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        """Store the temperature beside what describes the network."""
        checkpoint["hyper_parameters"]["temperature"] = self.temperature

    def on_load_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        """Take the temperature that belongs to the weights."""
        self.temperature = float(checkpoint["hyper_parameters"]["temperature"])

    def _loss(self, logits: Tensor, labels: Tensor) -> Tensor:
        weights = self.class_weights.to(logits.device)
        return F.cross_entropy(logits, labels, weight=weights, label_smoothing=self.label_smoothing)

    def _keep_outputs(self, batch: Batch) -> None:
        chips, labels, indices = batch
        self._outputs.update(self(chips), labels, indices)

    def _take_outputs(self) -> tuple[Tensor, Tensor]:
        logits, labels = self._outputs.compute()
        self._outputs.reset()
        return logits, labels

    def _measure(self, side: str, logits: Tensor, labels: Tensor) -> None:
        calibrated, uncalibrated = (self._predict(logits / temperature, labels) for temperature in (self.temperature, 1.0))
        self._measured = calibrated
        values = score(calibrated) | {
            "loss": float(self._loss(logits, labels)),
            "ece_uncalibrated": score(uncalibrated)["ece"],
            "temperature": self.temperature,
        }
        # All processes hold the same values; Lightning asks for sync_dist nonetheless.
        self.log_dict({f"{side}/{name}": value for name, value in values.items()}, sync_dist=True, batch_size=len(labels))

    def _predict(self, logits: Tensor, labels: Tensor) -> Predictions:
        return Predictions(
            class_names=tuple(self.hparams["class_names"]),
            cultivated=tuple(self.hparams["cultivated"]),
            names=tuple(map(str, range(len(labels)))),
            labels=labels.numpy(),
            probabilities=logits.softmax(dim=1).numpy(),
        )

    def _what_diverged(self, loss: float, indices: Tensor) -> str:
        """One line that names the first chips of the batch; the log has them all."""
        data = getattr(self.trainer, "datamodule", None)
        numbers = indices.tolist()
        names = [data.splits.train.names[number] if data else f"chip {number}" for number in numbers]
        logger.error("the loss is %s in epoch %d; its batch held:\n  %s", loss, self.current_epoch, "\n  ".join(names))
        more = f" and {len(names) - NAMED} more" if len(names) > NAMED else ""
        return (
            f"the loss is {loss} in epoch {self.current_epoch}, in the batch of {', '.join(names[:NAMED])}{more}; "
            "lower model.optimizer.lr, or look at these chips."
        )

"""Training a classifier of chips."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

import pytorch_lightning as pl
import torch
from torch import Tensor
from torch.nn import Parameter
from torch.nn import functional as F
from torch.optim import Optimizer
from torch.optim.lr_scheduler import LRScheduler
from torchmetrics import MetricCollection
from torchmetrics.classification import BinaryAUROC, BinaryF1Score, MulticlassAccuracy, MulticlassF1Score

from isagrsc2.classification.backbone import build_network
from isagrsc2.classification.pretrained import start_from
from isagrsc2.classification.probability import p_cultivated
from isagrsc2.errors import InputError

# Value of `model.class_weights` under which every class counts the same.
EQUAL = "equal"

Batch = tuple[Tensor, Tensor]  # (N, 3, S, S) uint8 RGB, (N,) int64 class indices


class ChipClassifier(pl.LightningModule):
    """A network that tells classes of chips apart; a checkpoint of it describes itself in plain values.

    Every metric is pooled over the chips of an epoch, not a mean over batches. Two of them ask the question of the
    pipeline, cultivated or not, whatever the number of classes.
    """

    is_cultivated: Tensor
    class_weights: Tensor

    def __init__(
        self,
        backbone: Mapping[str, str],
        class_names: Sequence[str],
        cultivated: Sequence[str],
        chip_size: int,
        temperature: float,
        class_weights: Sequence[float] | str,
        label_smoothing: float,
        optimizer: Callable[[Iterable[Parameter]], Optimizer],
        scheduler: Callable[[Optimizer], LRScheduler],
    ) -> None:
        """Build the network.

        Args:
            backbone: ``architecture`` and ``attention`` (see ``build_network``), ``pretrained`` (see ``start_from``).
            class_names: K names, in the order of the logits.
            cultivated: those that count as cultivated.
            chip_size: side of the chips, px.
            temperature: divides the logits before a probability is read off them.
            class_weights: K weights of the loss, or ``"equal"``.
            label_smoothing: share of a label that is spread over all classes, 0 to 1.
            optimizer: lacks only the parameters.
            scheduler: lacks only the optimiser; stepped after every epoch.

        Raises:
            InputError: the backbone is unknown, its weights do not fit, or the weights of the loss are not K.
        """
        super().__init__()
        # Plain values only, so that a checkpoint loads without running code; nothing of the optimisation.
        self.save_hyperparameters(
            {
                "backbone": dict(backbone),
                "class_names": list(class_names),
                "cultivated": list(cultivated),
                "chip_size": chip_size,
                "temperature": temperature,
            }
        )
        self.net = build_network(backbone["architecture"], backbone["attention"], len(class_names))
        start_from(self.net.body, backbone["pretrained"], backbone["architecture"])
        is_cultivated = torch.tensor([name in cultivated for name in class_names])  # (K,)
        self.register_buffer("is_cultivated", is_cultivated, persistent=False)
        self.register_buffer("class_weights", _loss_weights(class_weights, class_names), persistent=False)
        self.temperature = temperature
        self.label_smoothing = label_smoothing
        self._optimizer = optimizer
        self._scheduler = scheduler

        count = len(class_names)
        by_class = MetricCollection(
            {
                "accuracy": MulticlassAccuracy(count, average="micro"),
                "f1_macro": MulticlassF1Score(count, average="macro"),
            }
        )
        by_cover = MetricCollection({"f1_cultivated": BinaryF1Score(), "auroc": BinaryAUROC()})
        self.val_by_class, self.val_by_cover = by_class.clone(prefix="val/"), by_cover.clone(prefix="val/")
        self.test_by_class, self.test_by_cover = by_class.clone(prefix="test/"), by_cover.clone(prefix="test/")

    @property
    def val_metrics(self) -> list[str]:
        """Names of what is measured after every epoch."""
        return ["val/loss", *map(str, self.val_by_class.keys()), *map(str, self.val_by_cover.keys())]

    def forward(self, chips: Tensor) -> Tensor:
        """(N, 3, S, S) uint8 RGB to (N, K) logits."""
        logits: Tensor = self.net(chips)
        return logits

    def training_step(self, batch: Batch) -> Tensor:
        """Loss of a batch."""
        _, loss = self._logits_and_loss(batch)
        self.log("train/loss", loss, on_step=False, on_epoch=True, prog_bar=True, batch_size=len(batch[1]))
        return loss

    def validation_step(self, batch: Batch) -> None:
        """Add a batch to the validation metrics."""
        self._evaluate("val", batch, self.val_by_class, self.val_by_cover)

    def test_step(self, batch: Batch) -> None:
        """Add a batch to the test metrics."""
        self._evaluate("test", batch, self.test_by_class, self.test_by_cover)

    def configure_optimizers(self) -> Any:
        """The optimiser, and the schedule that is stepped after every epoch."""
        optimizer = self._optimizer(self.parameters())
        return {"optimizer": optimizer, "lr_scheduler": {"scheduler": self._scheduler(optimizer), "interval": "epoch"}}

    def _evaluate(self, side: str, batch: Batch, by_class: MetricCollection, by_cover: MetricCollection) -> None:
        logits, loss = self._logits_and_loss(batch)
        labels = batch[1]
        by_class.update(logits, labels)
        by_cover.update(p_cultivated(logits, self.is_cultivated, self.temperature), self.is_cultivated[labels].long())
        self.log(f"{side}/loss", loss, batch_size=len(labels))
        self.log_dict(dict(by_class.items()), batch_size=len(labels))
        self.log_dict(dict(by_cover.items()), batch_size=len(labels), prog_bar=True)

    def _logits_and_loss(self, batch: Batch) -> tuple[Tensor, Tensor]:
        chips, labels = batch
        logits = self(chips)  # (N, K)
        loss = F.cross_entropy(logits, labels, weight=self.class_weights, label_smoothing=self.label_smoothing)
        return logits, loss


def _loss_weights(weights: Sequence[float] | str, names: Sequence[str]) -> Tensor:
    """(K,) float."""
    if weights == EQUAL:
        return torch.ones(len(names))
    if isinstance(weights, str) or len(weights) != len(names):
        raise InputError(
            f"model.class_weights={weights} must be {EQUAL}, or one number for each of the classes {', '.join(names)}."
        )
    return torch.tensor([float(weight) for weight in weights])

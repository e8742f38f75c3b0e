"""The contract between the task of training and whatever is trained."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from hydra.utils import get_object
from omegaconf import DictConfig

from isagrsc2.errors import InputError

if TYPE_CHECKING:
    import pytorch_lightning as pl


class Trainee(Protocol):
    """What is trained and what it learns from.

    A constructor takes the options ``data`` and ``model`` beside its own numbers. It makes both and checks that they go
    together, so that a run that cannot be done ends before it begins.
    """

    @property
    def data(self) -> "pl.LightningDataModule":
        """What it learns from."""
        ...

    @property
    def module(self) -> "pl.LightningModule":
        """What learns."""
        ...

    @property
    def val_metrics(self) -> Sequence[str]:
        """Names of what is measured after every epoch, as in ``val/loss``."""
        ...

    def introduction(self) -> str:
        """Tell what the data are, in one line for the log."""
        ...

    def read_checkpoint(self, path: Path, remedy: str) -> Mapping[str, Any]:
        """Read a checkpoint that this run is to go on from.

        Args:
            path: of a checkpoint.
            remedy: what the user should do when it cannot be used; ends the message.

        Returns:
            Lightning's content.

        Raises:
            InputError: it cannot be read, or is of another network than the module.
        """
        ...

    def count(self, side: str) -> int:
        """Count what can be measured on: ``val`` or ``test``."""
        ...

    def draw(self, side: str, folder: Path) -> dict[str, Path]:
        """Draw what the module says of a side that it was measured on just now.

        Args:
            side: ``val`` or ``test``.
            folder: where the pictures go; it exists.

        Returns:
            PNG files by name, as in ``val/confusion_matrix``.
        """
        ...

    def result(self, checkpoint: Path, folder: Path) -> Path:
        """Give the file that others use; where that is not the checkpoint, write it.

        Args:
            checkpoint: the best one; the module holds its weights.
            folder: where the file goes; it exists.
        """
        ...

    def usage(self, result: Path) -> str:
        """Give the command that uses the result."""
        ...

    def description(self) -> dict[str, Any]:
        """Describe what was trained beside its data option and its scores, in plain values."""
        ...

    def print_scores(self, metrics: Mapping[str, float]) -> None:
        """Print the scores, ``side/score`` to value, for a person."""
        ...


def check_kind(option: str, chosen: DictConfig, kind: type, trainee: str) -> None:
    """Refuse a data or model option that is for something else.

    Args:
        option: ``data`` or ``model``.
        chosen: the option; not yet made.
        kind: the class whose subclasses fit.
        trainee: the option of the trainee, for the message.

    Raises:
        InputError: it makes something else.
    """
    target = get_object(chosen._target_)
    if not (isinstance(target, type) and issubclass(target, kind)):
        raise InputError(
            f"{option} makes a {target.__name__}, which does not go with trainee={trainee}; choose another {option}=, or start "
            "from an experiment= that has chosen them all."
        )

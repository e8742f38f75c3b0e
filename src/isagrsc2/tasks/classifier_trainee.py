"""``trainee=classifier``: classifiers of chips."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from hydra.utils import instantiate
from omegaconf import DictConfig, OmegaConf

from isagrsc2.errors import InputError
from isagrsc2.tasks.scores_table import LABELS, print_scores
from isagrsc2.tasks.trainee import check_kind

if TYPE_CHECKING:
    from isagrsc2.classification.data.base import ChipDataModule, ChipSet
    from isagrsc2.classification.lightning_module import ChipClassifier

_USES = {"train": "learn from", "val": "choose the best epoch", "test": "test"}


class ClassifierTrainee:
    """A classifier and its chips; see ``Trainee``.

    Attributes:
        data: the chips.
        module: the classifier.
    """

    data: "ChipDataModule"
    module: "ChipClassifier"

    def __init__(self, worst_mistakes: int, data: DictConfig, model: DictConfig) -> None:
        """Read and split the chips, and make a classifier of their classes.

        Args:
            worst_mistakes: chips in the picture of the worst mistakes.
            data: an option of ``data``, not yet made.
            model: an option of ``model``, not yet made.

        Raises:
            InputError: the data or the weights to start from cannot be used, or do not go together.
        """
        # Here and not above: torch takes seconds to import, and `--help` needs none of it.
        from isagrsc2.classification.data.base import ChipDataModule
        from isagrsc2.classification.lightning_module import ChipClassifier

        check_kind("data", data, ChipDataModule, "classifier")
        check_kind("model", model, ChipClassifier, "classifier")
        self._worst_mistakes = worst_mistakes
        self.data = instantiate(data)
        self._splits = self.data.splits
        self.module = self._make_module(model, OmegaConf.to_container(data, resolve=True))
        self._check_chip_size()

    @property
    def val_metrics(self) -> Sequence[str]:
        """See ``Trainee``."""
        return self.module.val_metrics

    def introduction(self) -> str:
        """See ``Trainee``."""
        sides = ", ".join(f"{len(self._chips(side).labels)} to {use}" for side, use in _USES.items())
        return f"classes {', '.join(self._splits.class_names)}; chips: {sides}"

    def read_checkpoint(self, path: Path, remedy: str) -> Mapping[str, Any]:
        """See ``Trainee``; the classes must be the same, too."""
        from isagrsc2.classification.trained import check_same_network, read_checkpoint

        content = read_checkpoint(path, remedy)
        trained, own = content["hyper_parameters"], self.module.hparams
        check_same_network(path, trained["backbone"], own["backbone"])
        if trained["class_names"] != own["class_names"]:
            raise InputError(
                f"{path} was trained on the classes {', '.join(trained['class_names'])}, but the data have "
                f"{', '.join(own['class_names'])}; choose data with the same classes."
            )
        return content

    def count(self, side: str) -> int:
        """See ``Trainee``: chips."""
        return len(self._chips(side).labels)

    def draw(self, side: str, folder: Path) -> dict[str, Path]:
        """See ``Trainee``."""
        from isagrsc2.figures.confusion_matrix import draw_confusion_matrix
        from isagrsc2.figures.reliability import draw_reliability
        from isagrsc2.figures.worst_mistakes import draw_worst_mistakes

        chips = self._chips(side)
        predictions = self.module.predictions(chips.names)
        names = ("confusion_matrix", "reliability", "worst_mistakes")
        paths = {name: folder / f"{side}_{name}.png" for name in names}
        draw_confusion_matrix(predictions, paths["confusion_matrix"])
        draw_reliability(predictions, paths["reliability"])
        draw_worst_mistakes(predictions, chips.chip, self._worst_mistakes, paths["worst_mistakes"])
        return {f"{side}/{name}": path for name, path in paths.items()}

    def result(self, checkpoint: Path, folder: Path) -> Path:  # noqa: ARG002
        """See ``Trainee``: the checkpoint itself."""
        return checkpoint

    def usage(self, result: Path) -> str:
        """See ``Trainee``."""
        return f"python segment.py scene.path=PATH classifier=trained classifier.checkpoint={result}"

    def description(self) -> dict[str, Any]:
        """See ``Trainee``."""
        return {
            "classes": list(self._splits.class_names),
            "chips": {side: len(self._chips(side).labels) for side in _USES},
        }

    def print_scores(self, metrics: Mapping[str, float]) -> None:
        """See ``Trainee``."""
        names = self._splits.class_names
        print_scores(f"{len(names)} classes: {', '.join(names)}", LABELS, metrics)

    def _chips(self, side: str) -> "ChipSet":
        chips: ChipSet = getattr(self._splits, side)
        return chips

    def _make_module(self, model: DictConfig, trained_on: Any) -> "ChipClassifier":
        for side in ("train", "val"):
            if not self._chips(side).labels:
                raise InputError(
                    f"the data have no chips to {_USES[side]}; give more images, or change the shares of the split."
                )
        splits = self._splits
        # Partial, because Hydra would make the data again where it is given their configuration.
        make_module = instantiate(model, _partial_=True)
        module: ChipClassifier = make_module(
            class_names=splits.class_names,
            cultivated=splits.cultivated,
            class_counts=[list(splits.train.labels).count(number) for number in range(len(splits.class_names))],
            chip_size=self.data.chip_size,
            trained_on=trained_on,
        )
        return module

    def _check_chip_size(self) -> None:
        """Refuse chips that the network would refuse at its first batch."""
        required = self.module.net.required_chip_size
        if required not in (0, self.data.chip_size):
            architecture = self.module.hparams["backbone"]["architecture"]
            raise InputError(f"{architecture} takes chips of {required} px and no others; give data.chip_size={required}.")

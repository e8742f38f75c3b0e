"""A checkpoint of ``train.py``, compared with the labels of any chips."""

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pandas
from hydra.utils import instantiate
from omegaconf import DictConfig, OmegaConf
from rich.progress import track
from rich.table import Table

from isagrsc2.classification.predictor import NO_CHECKPOINT
from isagrsc2.errors import InputError
from isagrsc2.files import replacing
from isagrsc2.options import check_choice, check_whole
from isagrsc2.tasks.evaluation import Evaluation
from isagrsc2.tasks.same_split import differences_of_split
from isagrsc2.tasks.scores_table import LABELS
from isagrsc2.weights.embedded import resolve
from isagrsc2.weights.registry import CLASSIFIER

if TYPE_CHECKING:
    from isagrsc2.classification.class_mapping import Classes
    from isagrsc2.classification.data.base import ChipDataModule, ChipSet
    from isagrsc2.classification.predictions import Predictions
    from isagrsc2.classification.trained import Trained

SIDES = ("train", "val", "test")
ALL = "all"

OTHER_CLASSES = "{}; {}: not the same classes, so what is compared is cultivated or not."

OTHER_SPLIT = "The same files were split otherwise in training ({}), so some of these chips may have been learned from."

REMEDY = "give subject.checkpoint=PATH of a checkpoint written by train.py."


class ClassifierSubject:
    """Chips of one or all sides of a data option, as a trained network classifies them."""

    def __init__(self, checkpoint: str, split: str, device: str, worst_mistakes: int, data: DictConfig) -> None:
        """Remember what to compare.

        Args:
            checkpoint: written by ``train.py`` or exported from one, or ``embedded``: in the package.
            split: ``test``, ``val``, ``train`` or ``all``.
            device: see ``isagrsc2.device.choose_device``.
            worst_mistakes: chips in the picture of the worst mistakes.
            data: an option of ``data``, not yet made.

        Raises:
            InputError: there is no checkpoint, or an option does not fit; see ``locate_embedded``.
        """
        if checkpoint == NO_CHECKPOINT:
            raise InputError(f"subject.checkpoint is missing; {REMEDY}")
        check_choice("subject.split", split, (*SIDES, ALL))
        check_whole("subject.worst_mistakes", worst_mistakes, 1)
        self._checkpoint = resolve(checkpoint, CLASSIFIER)
        self._split = split
        self._device = device
        self._worst_mistakes = worst_mistakes
        self._data = data

    def evaluate(self, folder: Path) -> Evaluation:
        """See ``Subject``; the score is F1 of cultivated."""
        # Here and not above: torch takes seconds to import, and a wrong option needs none of it.
        from isagrsc2.classification.class_mapping import Classes, check_comparable, is_same
        from isagrsc2.classification.scores import confusion_matrix, score
        from isagrsc2.classification.trained import load_trained

        trained = load_trained(self._checkpoint, REMEDY)
        data: ChipDataModule = instantiate(self._data, chip_size=trained.chip_size)
        splits = data.splits
        of_network = Classes(str(self._checkpoint), trained.class_names, trained.cultivated)
        of_data = Classes("the data set", splits.class_names, splits.cultivated)
        check_comparable(of_network, of_data)
        chips = self._chips(data)
        predictions = self._predict(trained, data, chips, of_network, of_data)
        scores = score(predictions)
        notes = [] if is_same(of_network, of_data) else [OTHER_CLASSES.format(of_network, of_data)]
        given: Any = OmegaConf.to_container(self._data, resolve=True)
        if differences := differences_of_split(trained.trained_on, given):
            changed = ", ".join(f"{name}={now} here, {then} there" for name, (then, now) in differences.items())
            notes.append(OTHER_SPLIT.format(changed))
        report = {
            "subject": {"checkpoint": str(self._checkpoint), "split": self._split, "chip_size": trained.chip_size},
            "temperature": trained.temperature,
            "classes": list(predictions.class_names),
            "cultivated": list(predictions.cultivated),
            "chips": len(predictions.labels),
            "scores": scores,
            "confusion_matrix": confusion_matrix(predictions).tolist(),
            "notes": notes,
        }
        path = write_predictions(predictions, folder / "predictions.parquet")
        return Evaluation(
            report=report,
            table=self._table(predictions, scores),
            notes=[
                f"classes {', '.join(predictions.class_names)}; chips of {trained.chip_size} px, as the checkpoint knows them",
                *notes,
                f"predictions, chip by chip: {path}",
            ],
            pictures=self._draw(predictions, chips, folder),
            figures={f"{self._split}/{name}": value for name, value in scores.items()},
            refused={},
            score=scores["f1_cultivated"],
        )

    def _chips(self, data: "ChipDataModule") -> "ChipSet":
        from isagrsc2.classification.data.joining import join

        sides = SIDES if self._split == ALL else (self._split,)
        chips = join([getattr(data.splits, side) for side in sides])
        if not chips.labels:
            raise InputError(f"the data have no chips for subject.split={self._split}; choose train, val or all.")
        return chips

    def _predict(
        self, trained: "Trained", data: "ChipDataModule", chips: "ChipSet", of_network: "Classes", of_data: "Classes"
    ) -> "Predictions":
        import numpy as np

        from isagrsc2.classification.class_mapping import predictions_on
        from isagrsc2.classification.inference import class_probabilities
        from isagrsc2.device import choose_device

        loader = data.plain_loader(chips)
        batches = track(loader, f"{len(chips.labels)} chips", transient=True, disable=not sys.stdout.isatty())
        probabilities = class_probabilities(trained.network, batches, trained.temperature, choose_device(self._device))
        if not np.isfinite(probabilities).all():
            raise InputError(f"{self._checkpoint} gives no numbers for some chips: its training diverged; train it again.")
        return predictions_on(of_network, of_data, chips.names, np.asarray(chips.labels, np.int64), probabilities)

    def _table(self, predictions: "Predictions", scores: dict[str, float]) -> Table:
        table = Table(title=f"{len(predictions.labels)} chips", title_justify="left")
        table.add_column("score")
        table.add_column(self._split, justify="right")
        for name, label in LABELS.items():
            table.add_row(label, f"{scores[name]:.4f}")
        return table

    def _draw(self, predictions: "Predictions", chips: "ChipSet", folder: Path) -> dict[str, Path]:
        from isagrsc2.figures.confusion_matrix import draw_confusion_matrix
        from isagrsc2.figures.reliability import draw_reliability
        from isagrsc2.figures.worst_mistakes import draw_worst_mistakes

        paths = {name: folder / f"{name}.png" for name in ("confusion_matrix", "reliability", "worst_mistakes")}
        draw_confusion_matrix(predictions, paths["confusion_matrix"])
        draw_reliability(predictions, paths["reliability"])
        draw_worst_mistakes(predictions, chips.chip, self._worst_mistakes, paths["worst_mistakes"])
        return {f"{self._split}/{name}": path for name, path in paths.items()}


def write_predictions(predictions: "Predictions", path: Path) -> Path:
    """Write one row per chip: ``name``, ``label``, ``predicted``, ``p_<class>`` of every class, ``p_cultivated``, ``correct``.

    Args:
        predictions: of any number of chips.
        path: of the Parquet file.

    Returns:
        ``path``.
    """
    classes = predictions.class_names
    columns: dict[str, Any] = {
        "name": predictions.names,
        "label": [classes[label] for label in predictions.labels],
        "predicted": [classes[label] for label in predictions.predicted],
    }
    columns |= {f"p_{name}": predictions.probabilities[:, place] for place, name in enumerate(classes)}
    columns |= {"p_cultivated": predictions.p_cultivated, "correct": predictions.predicted == predictions.labels}
    with replacing(path) as temporary:
        pandas.DataFrame(columns).to_parquet(temporary, index=False)
    return path

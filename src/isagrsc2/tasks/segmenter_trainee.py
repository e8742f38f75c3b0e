"""``trainee=segmenter``: promptable segmenters."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
from hydra.utils import instantiate
from omegaconf import DictConfig, OmegaConf

from isagrsc2.errors import InputError
from isagrsc2.options import check_whole
from isagrsc2.tasks.scores_table import print_scores
from isagrsc2.tasks.trainee import check_kind

if TYPE_CHECKING:
    from isagrsc2.figures.prompts import AnsweredImage
    from isagrsc2.prompt_training.batches import PromptedImage
    from isagrsc2.prompt_training.data.base import PromptedDataModule
    from isagrsc2.prompt_training.lightning_module import PromptableModule

# Score and what people call it, in the order of the table.
LABELS = {
    "iou_best": "mean IoU of the best of the masks of a prompt",
    "iou_chosen": "mean IoU of the mask with the highest score",
    "score_error": "mean distance of that score from the IoU",
    "good_passing": "share of good masks that automatic masks keep",
}

_SIDES = {"val": "validate", "test": "test"}


class SegmenterTrainee:
    """A promptable segmenter and its images; see ``Trainee``.

    Attributes:
        data: labelled images and prompts.
        module: the segmenter.
    """

    data: "PromptedDataModule"
    module: "PromptableModule"

    def __init__(self, shown_images: int, shown_prompts: int, data: DictConfig, model: DictConfig) -> None:
        """Make data and segmenter.

        Args:
            shown_images: in the picture of answered prompts, at most.
            shown_prompts: of each of them, at most.
            data: an option of ``data``, not yet made.
            model: an option of ``model``, not yet made.

        Raises:
            InputError: the data or the weights to start from cannot be used, or do not go together.
        """
        # Here and not above: torch takes seconds to import, and `--help` needs none of it.
        from isagrsc2.prompt_training.data.base import PromptedDataModule
        from isagrsc2.prompt_training.lightning_module import PromptableModule

        check_whole("trainee.shown_images", shown_images, 1)
        check_whole("trainee.shown_prompts", shown_prompts, 1)
        check_kind("data", data, PromptedDataModule, "segmenter")
        check_kind("model", model, PromptableModule, "segmenter")
        self._shown_images = shown_images
        self._shown_prompts = shown_prompts
        self.data = instantiate(data)
        self.data.images("val")  # raises where the data cannot be used, before anything else is made
        # Partial, because Hydra would make the data where it is given their configuration.
        make_module = instantiate(model, _partial_=True)
        self.module = make_module(trained_on=OmegaConf.to_container(data, resolve=True))

    @property
    def val_metrics(self) -> Sequence[str]:
        """See ``Trainee``."""
        return [f"val/{name}" for name in self.module.VAL_METRICS]

    def introduction(self) -> str:
        """See ``Trainee``."""
        weights = list(self.module.parameters())
        learning = sum(one.numel() for one in weights if one.requires_grad)
        return (
            f"images: {self.count('val')} to choose the best epoch, {self.count('test')} to test; "
            f"{learning:,} of {sum(one.numel() for one in weights):,} weights learn"
        )

    def read_checkpoint(self, path: Path, remedy: str) -> Mapping[str, Any]:
        """See ``Trainee``."""
        from isagrsc2.classification.torch_files import read_torch_file

        content = read_torch_file(path, remedy)
        parameters = content.get("hyper_parameters") if isinstance(content, Mapping) else None
        network = parameters.get("network") if isinstance(parameters, Mapping) else None
        if not isinstance(network, Mapping) or "epoch" not in content:
            raise InputError(f"{path} is not a checkpoint of a promptable segmenter written by train.py; {remedy}")
        own = self.module.hparams["network"]
        if network != own:
            held, asked = _told_apart(network, own)
            raise InputError(
                f"{path} holds a network with {held}, but one with {asked} was asked for; "
                "choose the model option that fits the checkpoint."
            )
        checkpoint: Mapping[str, Any] = content
        return checkpoint

    def count(self, side: str) -> int:
        """See ``Trainee``: images."""
        return len(self.data.images(side))

    def draw(self, side: str, folder: Path) -> dict[str, Path]:
        """See ``Trainee``: prompts with the masks chosen for them."""
        from isagrsc2.figures.prompts import draw_prompts

        images = self.data.images(side)
        self.module.eval()  # batch normalisation must not learn from what is shown
        answered = [self._answered(images[index]) for index in _spread(len(images), self._shown_images)]
        path = folder / f"{side}_prompts.png"
        draw_prompts(answered, path)
        return {f"{side}/prompts": path}

    def result(self, checkpoint: Path, folder: Path) -> Path:  # noqa: ARG002
        """See ``Trainee``: the weights as ``segment.py`` reads them."""
        return self.module.write_weights(folder)

    def usage(self, result: Path) -> str:
        """See ``Trainee``."""
        return self.module.usage(result)

    def description(self) -> dict[str, Any]:
        """See ``Trainee``."""
        return {"network": self.module.hparams["network"], "images": {side: self.count(side) for side in _SIDES}}

    def print_scores(self, metrics: Mapping[str, float]) -> None:
        """See ``Trainee``."""
        counts = " and ".join(f"{self.count(side)} to {use}" for side, use in _SIDES.items())
        labels = {name: LABELS.get(name, name) for name in self.module.VAL_METRICS}
        print_scores(f"prompts in images: {counts}", labels, metrics)

    def _answered(self, item: "PromptedImage") -> "AnsweredImage":
        """Ask some of the prompts of an image."""
        from isagrsc2.figures.prompts import AnsweredImage
        from isagrsc2.prompt_training.answers import mask_ious
        from isagrsc2.prompt_training.batches import UNKNOWN

        prompts = item.prompts[_spread(len(item.prompts), self._shown_prompts)]  # (K, 2)
        columns, rows = np.floor(prompts).astype(int).T
        parcels = item.labels == item.labels[rows, columns][:, None, None]  # (K, H, W)
        segmenter = self.module.segmenter()
        embedding = self.module.embed(segmenter, item)
        candidates = segmenter.segment(embedding, prompts)
        each, chosen = np.arange(len(prompts)), candidates.scores.argmax(axis=1)
        masks = candidates.enlarge((each, chosen))  # (K, H, W)
        ious = mask_ious(masks & (item.labels != UNKNOWN), parcels)
        return AnsweredImage(item.name, item.image, prompts, parcels, masks, candidates.scores[each, chosen], ious)


def _spread(count: int, wanted: int) -> npt.NDArray[np.int64]:
    """At most ``wanted`` places below ``count``, evenly spread from the first to the last."""
    return np.linspace(0, count - 1, min(count, wanted)).round().astype(np.int64)


def _told_apart(one: Mapping[str, Any], other: Mapping[str, Any]) -> tuple[str, str]:
    """What two descriptions do not share, each in words."""
    names = [name for name in dict.fromkeys((*other, *one)) if one.get(name) != other.get(name)]
    told = (", ".join(f"{name} {network.get(name, 'unset')}" for name in names) for network in (one, other))
    return next(told), next(told)

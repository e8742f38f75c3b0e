"""The temperature of texts: given, or fitted on chips with labels."""

import logging
from collections.abc import Sequence
from pathlib import Path
from typing import Protocol

import numpy as np
import torch
from torch import Tensor, nn

from isagrsc2.classification.calibration import LEAST, MOST, fit_temperature_of_sides, loss_of_sides
from isagrsc2.classification.data.image_files import ImageReader, drop_damaged
from isagrsc2.classification.data.listing import Labelled, list_class_folders
from isagrsc2.errors import InputError
from isagrsc2.options import check_number, check_share, check_whole

logger = logging.getLogger(__name__)


class Calibration(Protocol):
    """Finds the temperature that makes probabilities mean what they say."""

    def temperature(self, network: nn.Module, is_cultivated: Tensor, chip_size: int, batch: int, device: torch.device) -> float:
        """What the logits are to be divided by.

        Args:
            network: (B, 3, S, S) uint8 RGB to (B, K) logits, on ``device``.
            is_cultivated: (K,) bool.
            chip_size: S, px.
            batch: chips per forward.
            device: where to compute.
        """
        ...


class FixedTemperature:
    """A temperature that is known already."""

    def __init__(self, temperature: float) -> None:
        """Check it.

        Args:
            temperature: 1 leaves the probabilities as CLIP gives them.

        Raises:
            InputError: it is no positive number.
        """
        check_number("classifier.calibration.temperature", temperature, LEAST, MOST)
        self._temperature = temperature

    def temperature(self, network: nn.Module, is_cultivated: Tensor, chip_size: int, batch: int, device: torch.device) -> float:  # noqa: ARG002
        """See ``Calibration.temperature``."""
        return self._temperature


class LabelledChips:
    """Chips in class folders, on which the temperature is fitted (Guo et al. 2017, section 4.2)."""

    def __init__(self, root: str, cultivated: Sequence[str], max_damaged_share: float, workers: int) -> None:
        """Remember where they are.

        Args:
            root: holds class folders, or ``train/`` with class folders.
            cultivated: folders of cultivated land; the others hold other land.
            max_damaged_share: largest share of damaged images to leave out.
            workers: threads that look for damaged images.

        Raises:
            InputError: a number does not fit.
        """
        check_share("classifier.calibration.max_damaged_share", max_damaged_share)
        check_whole("classifier.calibration.workers", workers, 1)
        self._root = Path(root).expanduser()
        self._cultivated = tuple(cultivated)
        self._max_damaged_share = max_damaged_share
        self._workers = workers

    def temperature(self, network: nn.Module, is_cultivated: Tensor, chip_size: int, batch: int, device: torch.device) -> float:
        """See ``Calibration.temperature``.

        Raises:
            InputError: there are no chips, or only of one side.
        """
        items = drop_damaged(self._list(), self._max_damaged_share, self._workers)
        read = ImageReader(chip_size)
        parts = []
        with torch.inference_mode():
            for start in range(0, len(items), batch):
                chips = np.stack([read(item.path) for item in items[start : start + batch]])  # (B, S, S, 3)
                parts.append(network(torch.from_numpy(chips).to(device).permute(0, 3, 1, 2)).float().cpu())
        logits, mask = torch.cat(parts), is_cultivated.cpu()  # (N, K), (K,)
        truth = torch.tensor([item.name in self._cultivated for item in items])  # (N,)
        found = fit_temperature_of_sides(logits, mask, truth)
        before, after = (loss_of_sides(logits, mask, truth, temperature) for temperature in (1.0, found))
        logger.info(
            "temperature %.3f fitted on %d chips of %s (negative log-likelihood %.3f, at temperature 1 %.3f); "
            "classifier.calibration.temperature=%.3f gives the same without them",
            *(found, len(items), self._root, after, before, found),
        )
        return found

    def _list(self) -> list[Labelled]:
        folder = self._root / "train" if (self._root / "train").is_dir() else self._root
        folders = list_class_folders(folder)
        known = [name for name, images in folders.items() if images]
        sides = {name in self._cultivated for name in known}
        if sides != {False, True} or not set(self._cultivated) <= set(known):
            raise InputError(
                f"{folder} has images in the class folders {', '.join(known) or '(none)'}; "
                f"classifier.calibration.cultivated={list(self._cultivated)} must name some of them, and not all; "
                "classifier.calibration.root=PATH."
            )
        return [Labelled(image, name) for name in known for image in folders[name]]

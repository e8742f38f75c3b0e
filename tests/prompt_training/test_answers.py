"""How answers to prompts are measured, on masks that can be counted by hand."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest

from isagrsc2.prompt_training.answers import answer, mask_ious
from isagrsc2.prompt_training.batches import UNKNOWN, PromptedImage
from isagrsc2.segmenters.dense_candidates import DenseCandidates


@dataclass(frozen=True)
class Columns:
    """Answers every prompt with the left 2, 4 and 6 columns, and believes most in the second."""

    scores: tuple[float, float, float] = (0.2, 0.9, 0.3)

    def segment(self, embedding: Any, points: np.ndarray) -> DenseCandidates:
        logits = np.full((len(points), 3, 8, 8), -1.0, np.float32)
        for row, width in enumerate((2, 4, 6)):
            logits[:, row, :, :width] = 1
        scores = np.tile(np.array(self.scores, np.float32), (len(points), 1))
        return DenseCandidates(logits, scores, lambda some: np.ones(len(some), np.float32), lambda some: some > 0)


def item(labels: np.ndarray, *prompts: tuple[float, float]) -> PromptedImage:
    return PromptedImage("drawn", np.zeros((*labels.shape, 3), np.uint8), labels, np.array(prompts, np.float32), 0)


def test_by_hand() -> None:
    labels = np.zeros((8, 8), np.int32)
    labels[:, :6] = 7
    labels[:, 7] = UNKNOWN
    answers = answer(Columns(), None, item(labels, (0.5, 0.5), (5.5, 7.5)))  # type: ignore[arg-type]
    assert np.allclose(answers.ious, [[2 / 6, 4 / 6, 1.0]] * 2)
    assert np.allclose(answers.best, 1.0)
    assert np.allclose(answers.chosen, 4 / 6)
    assert np.allclose(answers.believed, 0.9)


def test_unknown_pixels_do_not_count() -> None:
    labels = np.zeros((8, 8), np.int32)
    labels[:4, :4] = 1
    labels[4:] = UNKNOWN
    answers = answer(Columns(), None, item(labels, (1.5, 1.5)))  # type: ignore[arg-type]
    assert np.allclose(answers.ious, [[0.5, 1.0, 4 / 6]])


def test_many_prompts_are_asked_in_batches() -> None:
    labels = np.ones((8, 8), np.int32)
    many = item(labels, *[(column % 8 + 0.5, column // 8 + 0.5) for column in range(40)])
    assert answer(Columns(), None, many).ious.shape == (40, 3)  # type: ignore[arg-type]


def test_a_prompt_outside_of_parcels_is_an_error() -> None:
    with pytest.raises(ValueError, match="drawn: a prompt lies in no parcel"):
        answer(Columns(), None, item(np.zeros((8, 8), np.int32), (1.5, 1.5)))  # type: ignore[arg-type]


def test_two_empty_masks_have_nothing_in_common() -> None:
    assert mask_ious(np.zeros((2, 3, 3), bool), np.zeros((2, 3, 3), bool)).tolist() == [0, 0]

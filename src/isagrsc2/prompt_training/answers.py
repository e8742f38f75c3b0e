"""How well a segmenter answers prompts whose parcels are known."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from isagrsc2.prompt_training.batches import NO_PARCEL, UNKNOWN, PromptedImage
from isagrsc2.segmenters.protocol import BoolArray, Segmenter

# Prompts asked at once: their masks are compared at the image's full size, 1 MB each for 1024 px.
BATCH = 16


@dataclass(frozen=True)
class Answers:
    """What was answered to P prompts, M masks each.

    Attributes:
        ious: (P, M) float32, intersection over union with the parcel under the prompt.
        scores: (P, M) float32, what the segmenter believed it to be.
    """

    ious: npt.NDArray[np.float32]
    scores: npt.NDArray[np.float32]

    @property
    def best(self) -> npt.NDArray[np.float32]:
        """(P,) IoU of the best mask."""
        return np.asarray(self.ious.max(axis=1), np.float32)

    @property
    def chosen(self) -> npt.NDArray[np.float32]:
        """(P,) IoU of the mask with the highest score."""
        return self._of_chosen(self.ious)

    @property
    def believed(self) -> npt.NDArray[np.float32]:
        """(P,) highest score."""
        return self._of_chosen(self.scores)

    def _of_chosen(self, values: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
        return np.take_along_axis(values, self.scores.argmax(axis=1)[:, None], axis=1)[:, 0]


def answer(segmenter: Segmenter, embedding: Any, item: PromptedImage) -> Answers:
    """Ask all prompts of an image; pixels of which nothing is known count neither for nor against a mask.

    Args:
        segmenter: the model.
        embedding: of the item's image.
        item: with prompts inside parcels.

    Raises:
        ValueError: a prompt lies in no parcel.
    """
    columns, rows = np.floor(item.prompts).astype(int).T
    parcels = item.labels[rows, columns]  # (P,)
    if (parcels <= NO_PARCEL).any():
        raise ValueError(f"{item.name}: a prompt lies in no parcel")
    known = item.labels != UNKNOWN
    ious, scores = [], []
    for start in range(0, len(item.prompts), BATCH):
        candidates = segmenter.segment(embedding, item.prompts[start : start + BATCH])
        count, nested = candidates.scores.shape
        each, mask = np.indices((count, nested)).reshape(2, -1)  # (B * M,)
        masks = candidates.enlarge((each, mask)).reshape(count, nested, *known.shape)  # (B, M, H, W)
        wanted = item.labels == parcels[start : start + count, None, None]  # (B, H, W)
        ious.append(mask_ious(masks & known, wanted[:, None]))
        scores.append(candidates.scores)
    return Answers(np.concatenate(ious), np.concatenate(scores).astype(np.float32))


def mask_ious(masks: BoolArray, others: BoolArray) -> npt.NDArray[np.float32]:
    """Intersection over union of masks (..., H, W), which broadcast; 0 for two empty ones."""
    intersection = np.count_nonzero(masks & others, axis=(-2, -1))
    union = np.count_nonzero(masks | others, axis=(-2, -1))
    return (intersection / np.maximum(union, 1)).astype(np.float32)

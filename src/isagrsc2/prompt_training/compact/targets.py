"""What the network of the compact segmenter should say, out of label rasters."""

from dataclasses import dataclass

import cv2
import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from isagrsc2.prompt_training.batches import NO_PARCEL, UNKNOWN


@dataclass(frozen=True)
class Targets:
    """Targets of N images.

    Attributes:
        border: (N, S, S) float32, 1 on a border, falling off beside it.
        parcel: (N, S, S) float32, 1 inside a parcel, else 0.
        depth: (N, S, S) float32, distance to the nearest border over the largest one that is told apart, 0 to 1.
        known: (N, S, S) float32, 1 where the labels say something, else 0.
    """

    border: Tensor
    parcel: Tensor
    depth: Tensor
    known: Tensor


def make_targets(labels: Tensor, border_width: float, max_depth: float) -> Targets:
    """Draw targets.

    Args:
        labels: (N, S, S) int32, see ``PromptBatch``.
        border_width: standard deviation of the border's cross-section, px; borders drawn by hand are no sharper.
        max_depth: distance from which all depths are equal, px.
    """
    distances = np.stack([distance_to_border(image) for image in labels.cpu().numpy()])  # (N, S, S)
    distance = torch.from_numpy(distances).to(labels.device)
    return Targets(
        border=torch.exp(-(distance**2) / (2 * border_width**2)),
        parcel=(labels > NO_PARCEL).float(),
        depth=distance.clamp(max=max_depth) / max_depth,
        known=(labels != UNKNOWN).float(),
    )


def distance_to_border(labels: npt.NDArray[np.int32]) -> npt.NDArray[np.float32]:
    """Distance of every pixel to the nearest pixel on a border, px; 0 on one, the image's diagonal where there is none.

    On a border are the two pixels on either side of a change of label. Where the known ends there is no border: the parcel
    may go on.

    Args:
        labels: (H, W) int32.
    """
    border = np.zeros(labels.shape, bool)
    for one, two in ((np.s_[:, :-1], np.s_[:, 1:]), (np.s_[:-1], np.s_[1:])):
        changes = (labels[one] != labels[two]) & (labels[one] != UNKNOWN) & (labels[two] != UNKNOWN)
        border[one] |= changes
        border[two] |= changes
    if not border.any():
        return np.full(labels.shape, np.hypot(*labels.shape), np.float32)
    return np.asarray(cv2.distanceTransform((~border).astype(np.uint8), cv2.DIST_L2, cv2.DIST_MASK_5), np.float32)

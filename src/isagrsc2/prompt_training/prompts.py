"""Which points of a labelled image a segmenter is asked about."""

from dataclasses import dataclass

import cv2
import numpy as np
import numpy.typing as npt

from isagrsc2.errors import InputError
from isagrsc2.options import check_number, check_whole
from isagrsc2.prompt_training.batches import NO_PARCEL, UNKNOWN

Labels = npt.NDArray[np.int32]  # (H, W), as in ``batches``
Points = npt.NDArray[np.float32]  # (P, 2), x and y of pixel centres, px
Positions = npt.NDArray[np.int64]  # (N,), row * W + column


@dataclass(frozen=True)
class PromptSampler:
    """Draws prompts in parcels, at borders and outside of parcels; never where nothing is known.

    A kind that an image does not have leaves its share to the others.

    Attributes:
        count: prompts of an image, P.
        inside: share of prompts in parcels. The parcel is drawn first, so that small ones count as much as large ones, then
            a pixel of it.
        border: share of prompts near a pixel beyond which the label changes.
        outside: share of prompts in no parcel.
        border_reach: largest distance from such a pixel, px.
        min_parcel: prompts "inside" pass over pieces of parcels that are smaller, px².
    """

    count: int
    inside: float
    border: float
    outside: float
    border_reach: float
    min_parcel: int

    def __post_init__(self) -> None:
        """Check the numbers."""
        check_whole("data.prompts.count", self.count, 1)
        for name in ("inside", "border", "outside", "border_reach"):
            check_number(f"data.prompts.{name}", getattr(self, name), 0)
        check_whole("data.prompts.min_parcel", self.min_parcel, 1)
        if self.inside + self.border + self.outside == 0:
            raise InputError("data.prompts.inside, border and outside are all 0; give one of them a share.")

    def __call__(self, labels: Labels, generator: np.random.Generator) -> Points:
        """Draw prompts, in random order.

        Args:
            labels: (H, W) int32.
            generator: draws.

        Returns:
            (P, 2) float32, x and y of pixel centres, px; the image's centre where nothing at all is known.
        """
        parcels = [pixels for pixels in pixels_of_parcels(labels) if len(pixels) >= self.min_parcel]
        border = np.flatnonzero(near_borders(labels, self.border_reach))
        outside = np.flatnonzero(labels == NO_PARCEL)
        exists = np.array([len(parcels) > 0, len(border) > 0, len(outside) > 0])
        shares = np.array([self.inside, self.border, self.outside]) * exists
        if shares.sum() == 0:
            return self._anywhere(labels, generator)
        numbers = generator.multinomial(self.count, shares / shares.sum())  # (3,)
        drawn = [
            *(generator.choice(parcels[row]) for row in generator.integers(max(len(parcels), 1), size=numbers[0])),
            *(generator.choice(border, numbers[1]) if numbers[1] else ()),
            *(generator.choice(outside, numbers[2]) if numbers[2] else ()),
        ]
        return pixel_centres(generator.permutation(drawn), labels.shape[1])

    def _anywhere(self, labels: Labels, generator: np.random.Generator) -> Points:
        """Prompts of an image that has none of the kinds that are asked for."""
        known = np.flatnonzero(labels != UNKNOWN)
        if len(known):
            return pixel_centres(generator.choice(known, self.count), labels.shape[1])
        height, width = labels.shape
        return np.tile(np.array([width / 2, height / 2], np.float32), (self.count, 1))


def one_prompt_per_parcel(labels: Labels, most: int, min_parcel: int, generator: np.random.Generator) -> Points:
    """Draw a pixel of every parcel, or of so many of them: to measure with.

    Args:
        labels: (H, W) int32.
        most: parcels that are asked at most; those asked are drawn.
        min_parcel: smaller pieces of parcels are passed over, px²; where all are smaller, the largest is asked.
        generator: draws.

    Returns:
        (P, 2) float32, x and y of pixel centres, px, in the order of the labels; P is 0 only where there is no parcel.
    """
    parcels = pixels_of_parcels(labels)
    smallest = min(min_parcel, max((len(pixels) for pixels in parcels), default=0))
    large = [pixels for pixels in parcels if len(pixels) >= smallest]
    asked = np.sort(generator.permutation(len(large))[:most])
    drawn = [generator.choice(large[row]) for row in asked]
    return pixel_centres(np.array(drawn, np.int64), labels.shape[1])


def pixels_of_parcels(labels: Labels) -> list[Positions]:
    """The pixels of every parcel, in the order of their numbers."""
    flat = labels.ravel()
    inside = np.flatnonzero(flat > NO_PARCEL)
    if len(inside) == 0:
        return []
    order = inside[np.argsort(flat[inside], kind="stable")]
    numbers = flat[order]
    return np.split(order, np.flatnonzero(numbers[1:] != numbers[:-1]) + 1)


def near_borders(labels: Labels, reach: float) -> npt.NDArray[np.bool_]:
    """(H, W) bool: known pixels at most ``reach`` px from one that has a neighbour of another label, neither unknown."""
    border = np.zeros(labels.shape, bool)
    for first, second in ((np.s_[:, :-1], np.s_[:, 1:]), (np.s_[:-1], np.s_[1:])):
        one, other = labels[first], labels[second]
        change = (one != other) & (one != UNKNOWN) & (other != UNKNOWN)
        border[first] |= change
        border[second] |= change
    if not border.any():  # no distance to nothing
        return border
    distance = cv2.distanceTransform((~border).astype(np.uint8), cv2.DIST_L2, cv2.DIST_MASK_PRECISE)
    return np.asarray((distance <= reach) & (labels != UNKNOWN))


def pixel_centres(positions: Positions, width: int) -> Points:
    """(P, 2) float32, x and y, of pixels given as row * width + column."""
    rows, columns = np.divmod(positions, width)
    return np.stack([columns, rows], axis=1).astype(np.float32) + np.float32(0.5)

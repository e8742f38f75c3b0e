"""Cultivated area against reference area, pixel by pixel; which parcel a pixel belongs to does not matter here."""

from dataclasses import dataclass

from isagrsc2.metrics.overlaps import Overlaps
from isagrsc2.metrics.ratio import Ratios, ratio


@dataclass(frozen=True)
class AreaCounts:
    """Confusion of predicted and reference area, in px of the valid area. Adds over tiles and scenes.

    Attributes:
        true_positive: in a predicted and in a reference parcel.
        false_positive: in a predicted parcel only.
        false_negative: in a reference parcel only.
        true_negative: in neither.
    """

    true_positive: float
    false_positive: float
    false_negative: float
    true_negative: float

    def __add__(self, other: "AreaCounts") -> "AreaCounts":
        return AreaCounts(
            self.true_positive + other.true_positive,
            self.false_positive + other.false_positive,
            self.false_negative + other.false_negative,
            self.true_negative + other.true_negative,
        )

    def ratios(self) -> Ratios:
        """Every score as part and whole."""
        predicted, reference = self.true_positive + self.false_positive, self.true_positive + self.false_negative
        return {
            "area_iou": (self.true_positive, predicted + self.false_negative),
            "area_precision": (self.true_positive, predicted),
            "area_recall": (self.true_positive, reference),
            "area_f1": (2 * self.true_positive, predicted + reference),
        }

    @property
    def iou(self) -> float | None:
        """Segmented-area IoU: intersection over union of the two areas. None when both are empty."""
        return ratio(*self.ratios()["area_iou"])

    @property
    def precision(self) -> float | None:
        """Share of the predicted area that is reference area. None when nothing is predicted."""
        return ratio(*self.ratios()["area_precision"])

    @property
    def recall(self) -> float | None:
        """Share of the reference area that is predicted. None when there is no reference area."""
        return ratio(*self.ratios()["area_recall"])

    @property
    def f1(self) -> float | None:
        """Dice coefficient of the two areas. None when both are empty."""
        return ratio(*self.ratios()["area_f1"])


def count_area(overlaps: Overlaps) -> AreaCounts:
    """Count the area of predicted parcels against that of reference parcels.

    Two masks are compared as label rasters with one id each.
    """
    predicted, reference, pixels = overlaps.predicted > 0, overlaps.reference > 0, overlaps.pixels
    return AreaCounts(
        true_positive=pixels[predicted & reference].sum().item(),
        false_positive=pixels[predicted & ~reference].sum().item(),
        false_negative=pixels[~predicted & reference].sum().item(),
        true_negative=pixels[~predicted & ~reference].sum().item(),
    )

"""Everything counted of a scene, round by round."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from isagrsc2.metrics.coverage import CoverageCounts
from isagrsc2.metrics.objects import BestIoUCounts, MatchCounts
from isagrsc2.metrics.pixels import AreaCounts


@dataclass(frozen=True)
class RoundCounts:
    """Everything counted after one round. Adds over scenes.

    Attributes:
        coverage: of all segments, whatever their class.
        area: of the predictions.
        matches: of the predictions, at IoU > 0.5.
        best_ious: of the predictions.
        objects: whether the reference has parcels, so that they could be compared one by one. Where it has areas only,
            ``matches`` and ``best_ious`` are of nothing.
    """

    coverage: CoverageCounts
    area: AreaCounts
    matches: MatchCounts
    best_ious: BestIoUCounts
    objects: bool

    def __add__(self, other: "RoundCounts") -> "RoundCounts":
        return RoundCounts(
            self.coverage + other.coverage,
            self.area + other.area,
            self.matches + other.matches,
            self.best_ious + other.best_ious,
            self.objects or other.objects,
        )

    def scores(self) -> dict[str, float | int | None]:
        """Scores from 0 to 1, None where undefined, and the numbers of parcels they rest on, None without objects."""
        return {
            "coverage": self.coverage.share,
            "area_iou": self.area.iou,
            "area_precision": self.area.precision,
            "area_recall": self.area.recall,
            "area_f1": self.area.f1,
            "mean_best_iou": self.best_ious.mean,
            "mean_best_iou_by_area": self.best_ious.mean_by_area,
            "object_precision": self.matches.precision,
            "object_recall": self.matches.recall,
            "object_f1": self.matches.f1,
            "panoptic_quality": self.matches.panoptic_quality,
            "segmentation_quality": self.matches.segmentation_quality,
            "recognition_quality": self.matches.recognition_quality,
            "predicted_parcels": self.matches.predicted if self.objects else None,
            "reference_parcels": self.matches.reference if self.objects else None,
            "matched_parcels": self.matches.matched if self.objects else None,
        }


@dataclass(frozen=True)
class SceneCounts:
    """The counts of one scene after round 1, rounds 1 and 2, ...

    Attributes:
        predictions: which segments count as predicted parcels, in words.
        rounds: counts of these predictions.
        oracle_class: counts had a perfect classifier chosen the cultivated segments: those of which more than half lies
            in reference parcels. This is how segmentations without classes are compared in the literature.
    """

    predictions: str
    rounds: tuple[RoundCounts, ...]
    oracle_class: tuple[RoundCounts, ...]

    def scores(self) -> dict[str, Any]:
        """The scores as they stand in ``metrics.json``."""
        return {
            "predictions": self.predictions,
            "rounds": _numbered(self.rounds),
            "oracle_class": {"rounds": _numbered(self.oracle_class)},
        }


def _numbered(rounds: Sequence[RoundCounts]) -> list[dict[str, Any]]:
    return [{"round": number, **counts.scores()} for number, counts in enumerate(rounds, start=1)]

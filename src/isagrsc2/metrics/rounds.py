"""Everything counted of a scene, round by round."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from isagrsc2.metrics.coverage import CoverageCounts
from isagrsc2.metrics.objects import BestIoUCounts, MatchCounts
from isagrsc2.metrics.pixels import AreaCounts
from isagrsc2.metrics.pooling import Samples, Scores
from isagrsc2.metrics.ratio import Ratios, ratio
from isagrsc2.metrics.resampling import resample_ratios
from isagrsc2.metrics.segmentation_errors import SegmentationErrorCounts
from isagrsc2.metrics.thresholds import ThresholdCounts


@dataclass(frozen=True)
class RoundCounts:
    """Everything counted after one round. Adds over scenes.

    Attributes:
        coverage: of all segments, whatever their class.
        area: of the predictions.
        matches: of the predictions, at IoU > 0.5.
        thresholds: of the predictions, at IoU > 0.50, 0.55, ... 0.95.
        best_ious: of the predictions.
        errors: of the predictions.
        objects: whether the reference has parcels, so that they could be compared one by one. Where it has areas only,
            everything from ``matches`` to ``errors`` is of nothing.
    """

    coverage: CoverageCounts
    area: AreaCounts
    matches: MatchCounts
    thresholds: ThresholdCounts
    best_ious: BestIoUCounts
    errors: SegmentationErrorCounts
    objects: bool

    def __add__(self, other: "RoundCounts") -> "RoundCounts":
        return RoundCounts(
            self.coverage + other.coverage,
            self.area + other.area,
            self.matches + other.matches,
            self.thresholds + other.thresholds,
            self.best_ious + other.best_ious,
            self.errors + other.errors,
            self.objects or other.objects,
        )

    def ratios(self) -> Ratios:
        """Every score as part and whole."""
        return (
            self.coverage.ratios()
            | self.area.ratios()
            | self.best_ious.ratios()
            | self.matches.ratios()
            | self.thresholds.mean_ratio()
            | self.errors.ratios()
        )

    def scores(self) -> Scores:
        """Scores from 0 to 1, None where undefined, and the numbers of parcels they rest on, None without objects."""
        scores: Scores = {name: ratio(*parts) for name, parts in self.ratios().items()}
        return scores | {
            "predicted_parcels": self.matches.predicted if self.objects else None,
            "reference_parcels": self.matches.reference if self.objects else None,
            "matched_parcels": self.matches.matched if self.objects else None,
        }

    @classmethod
    def resample(cls, scenes: Sequence["RoundCounts"], weights: npt.NDArray[np.float64]) -> Samples:
        """See ``Counts``."""
        return resample_ratios([scene.ratios() for scene in scenes], weights)


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

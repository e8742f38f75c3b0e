"""How much of the valid area lies in any segment: after each round, the curve that shows what iteration buys."""

from dataclasses import dataclass

from isagrsc2.metrics.overlaps import Overlaps
from isagrsc2.metrics.ratio import Ratios, ratio


@dataclass(frozen=True)
class CoverageCounts:
    """Covered and valid px. Adds over tiles and scenes."""

    covered: float
    valid: float

    def __add__(self, other: "CoverageCounts") -> "CoverageCounts":
        return CoverageCounts(self.covered + other.covered, self.valid + other.valid)

    def ratios(self) -> Ratios:
        """The share as part and whole."""
        return {"coverage": (self.covered, self.valid)}

    @property
    def share(self) -> float | None:
        """Share of the valid px that lies in a segment. None when no pixel is valid."""
        return ratio(*self.ratios()["coverage"])


def count_coverage(overlaps: Overlaps) -> CoverageCounts:
    """Count the pixels in predicted parcels; which reference they lie in does not matter."""
    return CoverageCounts(overlaps.pixels[overlaps.predicted > 0].sum().item(), overlaps.pixels.sum().item())

"""How much of the valid area lies in any segment: after each round, the curve that shows what iteration buys."""

from dataclasses import dataclass

from isagrsc2.metrics.overlaps import Overlaps
from isagrsc2.metrics.ratio import ratio


@dataclass(frozen=True)
class CoverageCounts:
    """Covered and valid px. Adds over tiles and scenes."""

    covered: int
    valid: int

    def __add__(self, other: "CoverageCounts") -> "CoverageCounts":
        return CoverageCounts(self.covered + other.covered, self.valid + other.valid)

    @property
    def share(self) -> float | None:
        """Share of the valid px that lies in a segment. None when no pixel is valid."""
        return ratio(self.covered, self.valid)


def count_coverage(overlaps: Overlaps) -> CoverageCounts:
    """Count the pixels in predicted parcels; which reference they lie in does not matter."""
    return CoverageCounts(int(overlaps.pixels[overlaps.predicted > 0].sum()), int(overlaps.pixels.sum()))

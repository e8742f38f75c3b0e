"""The classes of land that parcels can be of."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from isagrsc2.classification.predictor import CULTIVATED, NOT_CULTIVATED, UNCLASSIFIED

SIDES = (CULTIVATED, NOT_CULTIVATED, UNCLASSIFIED)


@dataclass(frozen=True)
class LandClasses:
    """Names of classes, in the order of legends and categories, and which of them are cultivated land.

    Attributes:
        names: all that can occur; distinct.
        cultivated: those of them that are cultivated.
    """

    names: tuple[str, ...]
    cultivated: tuple[str, ...]

    @classmethod
    def of(cls, names: Sequence[str], cultivated: Sequence[str]) -> "LandClasses":
        """Those of a classifier; one that only tells cultivated land from other land has the three of ``BINARY``."""
        return BINARY if set(names) <= set(SIDES) else cls(tuple(names), tuple(cultivated))

    def sides(self, names: Iterable[str]) -> list[str]:
        """Say of each class whether such land is cultivated, not cultivated, or unclassified."""
        known = (CULTIVATED, *self.cultivated)
        return [name if name in SIDES else CULTIVATED if name in known else NOT_CULTIVATED for name in names]

    def positions(self, names: Iterable[str]) -> list[int]:
        """Where each class stands in ``names``."""
        places = {name: place for place, name in enumerate(self.names)}
        return [places[name] for name in names]

    def plain(self) -> dict[str, Any]:
        """As JSON has it."""
        return {"names": list(self.names), "cultivated": list(self.cultivated)}


# What a classifier of cultivated land says.
BINARY = LandClasses(SIDES, (CULTIVATED,))

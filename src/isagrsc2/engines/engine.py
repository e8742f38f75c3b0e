"""What every option of ``engine`` offers: a map over independent items."""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Generic, Protocol, TypeVar

from isagrsc2.errors import InputError

Item = TypeVar("Item")
Result = TypeVar("Result")


class EngineError(InputError):
    """Nothing more can be computed, whatever the item: no worker, no scheduler, no memory. What is finished stays."""


@dataclass(frozen=True)
class Lost(Generic[Item]):
    """An item that was given up.

    Attributes:
        item: which.
        reason: one line.
    """

    item: Item
    reason: str


class Engine(Protocol):
    """Maps a function over independent items. Function, items and results travel by pickle."""

    def map(self, function: Callable[[Item], Result], items: Iterable[Item]) -> Iterator[Result | Lost[Item]]:
        """Yield one result or one ``Lost`` for every item, in any order.

        Raises:
            InputError: the function raised it, so another attempt would too.
            EngineError: nothing more can be computed.
        """
        ...

    def close(self) -> None:
        """Give back what ``map`` has kept for its next call, such as processes."""
        ...

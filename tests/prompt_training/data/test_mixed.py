from dataclasses import dataclass

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from isagrsc2.prompt_training.data.mixed import MixedSource


@dataclass
class Remembering:
    """Gives its name and the number it was asked for."""

    name: str

    def crop(self, number, crop, generator):
        return self.name, number


def crops(share, count):
    source = MixedSource(Remembering("first"), Remembering("second"), share)
    return [source.crop(number, None, np.random.default_rng(0)) for number in range(count)]


def test_by_turns():
    assert crops(0.5, 4) == [("first", 0), ("second", 0), ("first", 1), ("second", 1)]
    assert {name for name, _ in crops(0, 9)} == {"first"}
    assert {name for name, _ in crops(1, 9)} == {"second"}


@given(st.floats(0, 1), st.integers(1, 200))
def test_each_source_counts_its_own_without_gaps(share, count):
    for name in ("first", "second"):
        numbers = [number for source, number in crops(share, count) if source == name]
        assert numbers == list(range(len(numbers)))
    second = sum(name == "second" for name, _ in crops(share, count))
    assert abs(second - share * count) <= 1

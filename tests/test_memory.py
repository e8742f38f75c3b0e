import numpy as np
import pytest

from isagrsc2.memory import give_back
from isagrsc2.stopwatch import Stopwatch


def held_mb() -> float:
    """What the process holds now, MB."""
    watch = Stopwatch()
    with watch.stage("now"):
        pass
    return watch.memory_mb["now"]


def test_what_was_freed_goes_back() -> None:
    watch = Stopwatch()
    with watch.stage("now"):
        pass
    if not watch.memory_mb:
        pytest.skip("only Linux tells how much memory is held")
    give_back()
    before = held_mb()
    small = [np.zeros(1000) for _ in range(20_000)]  # 160 MB in pieces that the allocator would keep
    last = np.zeros(1000)  # above them
    assert held_mb() > before + 100
    del small
    give_back()
    assert held_mb() < before + 40
    assert last.sum() == 0

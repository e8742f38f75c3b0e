import concurrent.futures
import functools
import multiprocessing
import sys
import time
from collections.abc import Callable

import pytest

from isagrsc2.stopwatch import Stopwatch

ONLY_LINUX = pytest.mark.skipif(not sys.platform.startswith("linux"), reason="only Linux tells the memory of a stage")
LARGE = 64_000_000  # bytes


def in_a_fresh_process(test: Callable[[], None]) -> Callable[[], None]:
    """Run a test where nothing was freed before: freed memory that a process keeps would be used again, unseen."""

    @functools.wraps(test)
    def run() -> None:
        with concurrent.futures.ProcessPoolExecutor(1, multiprocessing.get_context("spawn")) as pool:
            pool.submit(call, test.__name__).result()

    return run


def call(name: str) -> None:
    """Call a test of this module without its wrapper."""
    globals()[name].__wrapped__()


def use(size: int) -> None:
    """Have so many bytes in memory for a moment."""
    held = bytearray(size)
    held[::4096] = b"x" * len(held[::4096])  # every page is touched


def test_seconds_add_up_in_the_order_of_the_stages() -> None:
    watch = Stopwatch()
    for name in ("read", "merge", "read"):
        with watch.stage(name):
            time.sleep(0.01)
    watch.add({"merge": 1.0, "stitch": 2.0}, {"stitch": 5.0})
    watch.add({}, {"stitch": 3.0})
    assert list(watch.seconds) == ["read", "merge", "stitch"]
    assert watch.seconds["read"] >= 0.02
    assert 1.01 <= watch.seconds["merge"] < 2
    assert watch.memory_mb["stitch"] == 5.0  # the largest, not the sum


def test_a_stage_that_fails_is_measured() -> None:
    watch = Stopwatch()
    with pytest.raises(ValueError, match="no"), watch.stage("read"):
        raise ValueError("no")
    assert watch.seconds["read"] > 0
    with watch.stage("merge"):
        pass
    assert list(watch.seconds) == ["read", "merge"]


@ONLY_LINUX
@in_a_fresh_process
def test_memory_is_that_of_the_stage_and_not_of_the_stages_before() -> None:
    watch = Stopwatch()
    with watch.stage("large"):
        use(LARGE)
    with watch.stage("small"):
        pass
    assert watch.memory_mb["large"] - watch.memory_mb["small"] > 0.9 * LARGE / 1e6


@ONLY_LINUX
@in_a_fresh_process
def test_a_stage_inside_another_hides_nothing_of_it() -> None:
    outer, inner = Stopwatch(), Stopwatch()
    with outer.stage("before"):
        use(LARGE)
        with inner.stage("small"):
            pass
    with outer.stage("inside"), inner.stage("large"):
        use(LARGE)
    with outer.stage("small"):
        pass
    small = outer.memory_mb["small"]
    assert outer.memory_mb["before"] - small > 0.9 * LARGE / 1e6
    assert outer.memory_mb["inside"] - small > 0.9 * LARGE / 1e6
    assert inner.memory_mb["small"] - small < 0.5 * LARGE / 1e6

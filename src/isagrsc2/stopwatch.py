"""Seconds and peak memory per stage."""

import contextlib
import time
from collections.abc import Iterator, Mapping
from pathlib import Path

# Where Linux says how much memory a process has had at most, and lets that begin anew (proc(5), `clear_refs`).
_STATUS, _BEGIN_ANEW = Path("/proc/self/status"), Path("/proc/self/clear_refs")
_KIB, _MB = 1024, 1e6

# The most memory of every stage that is going on, MB, the outermost first: a stage inside another begins the count anew.
_GOING_ON: list[float] = []


class Stopwatch:
    """Adds up the wall-clock seconds of named stages and keeps the most memory each has had, in the order of first occurrence.

    Memory is what the process holds in RAM (resident set), of whatever made it grow: what stood there before the stage
    counts too. Only Linux tells it; elsewhere ``memory_mb`` stays empty. Stages may lie inside each other, in one thread.

    Attributes:
        seconds: per stage.
        memory_mb: per stage, MB (10⁶ bytes); of several processes that of the largest.
    """

    def __init__(self) -> None:
        self.seconds: dict[str, float] = {}
        self.memory_mb: dict[str, float] = {}

    @contextlib.contextmanager
    def stage(self, name: str) -> Iterator[None]:
        """Measure what happens inside the block."""
        start = time.perf_counter()
        _begin_peak()
        try:
            yield
        finally:
            self.add({name: time.perf_counter() - start}, {name: peak} if (peak := _end_peak()) else {})

    def add(self, seconds: Mapping[str, float], memory_mb: Mapping[str, float]) -> None:
        """Add what another stopwatch measured."""
        for name, value in seconds.items():
            self.seconds[name] = self.seconds.get(name, 0.0) + value
        for name, value in memory_mb.items():
            self.memory_mb[name] = max(self.memory_mb.get(name, 0.0), value)


def _begin_peak() -> None:
    if _GOING_ON:
        _GOING_ON[-1] = max(_GOING_ON[-1], _peak_mb())
    _GOING_ON.append(0.0)
    # Where the system does not let it begin anew, the peak is that since the start of the process.
    with contextlib.suppress(OSError):
        _BEGIN_ANEW.write_text("5")


def _end_peak() -> float:
    peak = max(_GOING_ON.pop(), _peak_mb())
    if _GOING_ON:
        _GOING_ON[-1] = max(_GOING_ON[-1], peak)
    return peak


def _peak_mb() -> float:
    """The peak of the resident set, MB; 0 where the system does not tell it."""
    if not _STATUS.exists():
        return 0.0
    # Not getrusage: its peak is inherited from whatever process started this one.
    lines = dict(line.split(":", 1) for line in _STATUS.read_text().splitlines() if ":" in line)
    return int(lines["VmHWM"].split()[0]) * _KIB / _MB if "VmHWM" in lines else 0.0

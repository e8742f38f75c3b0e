import shutil
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from isagrsc2.scene.tiling import Tiling
from isagrsc2.tasks import plan as module
from isagrsc2.tasks.plan import Remaining, plan


@pytest.mark.parametrize(("free", "room"), [(10**12, "1.0 TB are free"), (10**8, "100 MB are free (MAY NOT BE ENOUGH)")])
def test_a_plan_says_tiles_and_disk(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, free: int, room: str) -> None:
    monkeypatch.setattr(shutil, "disk_usage", lambda folder: SimpleNamespace(free=free))
    scene: Any = SimpleNamespace(width=10_000, height=5000)
    tiles = Tiling(1000, 0).tiles(10_000, 5000)
    # 50 Mpx: 0.4 bytes of each are 20 MB, 4 are 200 MB.
    assert plan(scene, tiles, [], tmp_path) == f"10000 x 5000 px in 50 tiles; needs 20 MB to 200 MB of disk, {room}"
    assert "50 tiles, 12 of them done before;" in plan(scene, tiles[12:], tiles[:12], tmp_path)
    assert "in 1 tile; needs 400 kB to 4.0 MB of disk" in plan(scene, tiles[:1], [], tmp_path)


def test_the_time_left_is_guessed_once_without_the_first_tile(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = iter([100.0, 110.0, 116.0, 121.0, 126.0])  # the first tile took who knows how long; then some 7 s each
    monkeypatch.setattr(module.time, "monotonic", lambda: next(clock))
    remaining = Remaining(100)
    said = [remaining.after_tile() for _ in range(5)]
    assert said == ["", "", "", "11 min to go for 96 tiles, 7.0 s each", ""]


def test_nothing_is_said_of_what_is_nearly_done(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = iter([0.0, 1.0, 2.0, 3.0, 500.0])
    monkeypatch.setattr(module.time, "monotonic", lambda: next(clock))
    remaining = Remaining(5)
    assert [remaining.after_tile() for _ in range(5)] == [""] * 5


@pytest.mark.parametrize(("seconds", "text"), [(5, "5 s"), (89, "89 s"), (600, "10 min"), (36_000, "10.0 h")])
def test_durations(seconds: float, text: str) -> None:
    assert module._duration(seconds) == text

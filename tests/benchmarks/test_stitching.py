"""The benchmark of joining tiles, in miniature: it runs, and nothing of the area is lost."""

import importlib
import re
from pathlib import Path

import pytest

BENCHMARKS = Path(__file__).parents[2] / "benchmarks"


def test_a_few_tiles(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.syspath_prepend(str(BENCHMARKS))
    importlib.import_module("stitching").main(["--rows", "1", "--columns", "2", "--workers", "1"])
    told = re.search(r"2 tiles of 1024 px, (\d+) x 1024 px: (\d+) parcels, (\S+) of the area", capsys.readouterr().out)
    assert told is not None
    bricks = int(told[1]) * 1024 / 77**2
    assert 0.8 * bricks < int(told[2]) < 1.3 * bricks
    assert float(told[3]) == pytest.approx(1, abs=1e-3)

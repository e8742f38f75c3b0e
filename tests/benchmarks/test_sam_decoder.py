"""The benchmark of encoder and decoder, in miniature."""

import importlib
import sys
from pathlib import Path

import pytest
import torch
from segment_anything import sam_model_registry
from tiny_sam import random_sam

BENCHMARKS = Path(__file__).parents[2] / "benchmarks"


def test_a_line_for_every_rival(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.syspath_prepend(str(BENCHMARKS))
    monkeypatch.setitem(sam_model_registry, "vit_b", lambda: random_sam(64))
    benchmark, limits = importlib.import_module("sam_decoder"), importlib.import_module("limits")
    monkeypatch.setattr(limits, "PRODUCT", (64, 64, 64))
    monkeypatch.setattr(benchmark, "SIDE", 64)
    monkeypatch.setattr(sys, "argv", ["sam_decoder.py", "device=cpu"])
    benchmark.main()
    said = capsys.readouterr().out
    assert all(name in said for name in ("segment-anything", "float32", "bfloat16", "operations: encoder"))


def test_operations_are_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(str(BENCHMARKS))
    limits = importlib.import_module("limits")
    left, right, total = torch.zeros(2, 3, 5), torch.zeros(2, 5, 7), torch.zeros(2, 3, 7)
    assert limits.operations(lambda: left @ right) == 2 * (2 * 3 * 5 * 7)
    assert limits.operations(lambda: total.baddbmm_(left, right)) == 2 * (2 * 3 * 5 * 7)

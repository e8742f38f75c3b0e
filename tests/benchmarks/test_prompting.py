"""The benchmark of all ways to prompt, in miniature: it runs, and what it says adds up."""

import csv
import importlib
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path
from types import ModuleType, SimpleNamespace

import numpy as np
import pytest
import torch
from segment_anything import sam_model_registry
from segment_anything.utils.amg import calculate_stability_score
from tiny_sam import patchwork, random_sam

from isagrsc2.segmenters.dense_candidates import DenseCandidates

BENCHMARKS = Path(__file__).parents[2] / "benchmarks"
SIDE = 4  # points of a grid: 16 prompts a pass


@pytest.fixture
def load(monkeypatch: pytest.MonkeyPatch) -> Callable[[str], ModuleType]:
    monkeypatch.syspath_prepend(str(BENCHMARKS))
    return importlib.import_module


def grids(rounds: int) -> tuple[str, ...]:
    return tuple(f"prompting.rounds.round_{number}.search.prompts.side={SIDE}" for number in range(1, rounds + 1))


@pytest.mark.slow
def test_a_table_of_all_rivals(load: Callable[[str], ModuleType], monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setitem(sam_model_registry, "vit_b", lambda: random_sam(128))
    prompting, procedures, limits = load("prompting"), load("procedures"), load("limits")
    monkeypatch.setattr(limits, "PRODUCT", (64, 64, 64))
    fewer = {procedures.ONE_PASS: grids(1), procedures.PUBLISHED: (*grids(4), f"refinement.search.prompts.side={SIDE}")}
    small = {
        name: replace(procedure, options=procedure.options + fewer.get(procedure.options, ()))
        for name, procedure in procedures.PROCEDURES.items()
        if procedure.package == "isagrsc2"  # others need not be installed
    }
    monkeypatch.setattr(prompting, "PROCEDURES", small)
    scene = ["scene=synthetic", "scene.seeds=[3]", "scene.width=128", "scene.height=128", "device=cpu"]
    prompting.main([*scene, "--timed", "1", "--output", str(tmp_path)], run=prompting.measure)

    with (tmp_path / "prompting.csv").open() as stream:
        lines = list(csv.DictReader(stream))
    assert [line["segmenter"] for line in lines] == ["compact"] * 3 + ["sam_vit_b"] * 5
    rows = {(line["segmenter"], line["procedure"]): line for line in lines}

    def value(segmenter: str, procedure: str, column: str) -> float:
        return float(rows[segmenter, procedure][column])

    for key in rows:
        parts = sum(value(*key, f"{part}, s") for part in ("encoder", "decoder", "masks", "rest"))
        assert parts == pytest.approx(value(*key, "total, s"))
        assert value(*key, "rest, s") > 0
        assert value(*key, "limit of the encoder, s") > 0
        assert 0 <= value(*key, "coverage") <= 1
    for segmenter in ("compact", "sam_vit_b"):
        assert value(segmenter, procedures.OURS, "encoder calls") == 1
        assert value(segmenter, procedures.OURS, "ratio") == 1
        assert value(segmenter, "one-pass", "prompts") == SIDE**2
    # Random weights: the answers are those of compact, so the same is asked and found, and nothing else is found by our code.
    for procedure in (procedures.OURS, "one-pass", "published"):
        for column in ("prompts", "encoder calls", "coverage", "F1"):
            assert rows["sam_vit_b", procedure][column] == rows["compact", procedure][column]
    for column in ("prompts", "encoder calls"):
        assert rows["sam_vit_b", "one-pass-segment-anything"][column] == rows["compact", "one-pass"][column]
    assert value("sam_vit_b", "published-segment-anything", "encoder calls") >= 4
    assert value("sam_vit_b", "published-segment-anything", "made") < 1
    assert value("sam_vit_b", "published", "made") == 1
    assert value("sam_vit_b", procedures.OURS, "coverage") > 0.3
    assert (tmp_path / "prompting.md").read_text().count("\n| ") == 2 + len(rows)


def test_calls_that_are_not_made_are_entered_at_the_mean(
    load: Callable[[str], ModuleType], monkeypatch: pytest.MonkeyPatch
) -> None:
    ledger_module = load("ledger")
    durations = iter([3.0, 5.0, 100.0])
    monkeypatch.setattr(ledger_module, "clocked", lambda device, work: (work(), next(durations)))
    ledger = ledger_module.Ledger(torch.device("cpu"), most=2)
    answers = [ledger.charge(ledger_module.DECODER, points, lambda: "made") for points in (4, 4, 2)]
    assert answers == ["made", "made", None]
    assert ledger.asked[ledger_module.DECODER] == 10
    assert ledger.made[ledger_module.DECODER] == 8
    assert ledger.seconds[ledger_module.DECODER] == 3 + 5 + 2  # 8 points in 8 s
    assert ledger.rest(20.0) == 20 - 8
    ledger.make(ledger_module.DECODER, 1, lambda: "always")
    assert ledger.seconds[ledger_module.DECODER] == 110


@dataclass
class Squares:
    """Answers every point with 10 x 10 px around it, of which only the first is stable."""

    asked: np.ndarray = field(default_factory=lambda: np.zeros((0, 2)))

    def embed(self, image: np.ndarray) -> SimpleNamespace:
        return SimpleNamespace(tile_shape=image.shape[:2])

    def segment(self, embedding: SimpleNamespace, points: np.ndarray) -> DenseCandidates:
        self.asked = points
        logits = np.full((len(points), 1, *embedding.tile_shape), -1.0, np.float32)
        for row, (x, y) in enumerate(points.round().astype(int)):
            logits[row, 0, y - 5 : y + 5, x - 5 : x + 5] = 1
        scores, stability = np.full((len(points), 1), 0.9, np.float32), np.array([1.0, 0.5], np.float32)
        return DenseCandidates(logits, scores, lambda some: stability[: len(some)], lambda some: some > 0)


def test_a_substitute_answers_and_the_network_works(load: Callable[[str], ModuleType]) -> None:
    ledger_module = load("ledger")
    image, points = patchwork(96, 128), np.array([[20.0, 30.0], [100.0, 70.0]])
    ledger = ledger_module.Ledger(torch.device("cpu"))
    told = Squares()
    predictor = ledger_module.SubstitutedPredictor(random_sam(64), ledger, told)
    predictor.set_image(image)
    coordinates = torch.as_tensor(predictor.transform.apply_coords(points, image.shape[:2]))[:, None]
    masks, scores, _ = predictor.predict_torch(coordinates, torch.ones(2, 1), multimask_output=True, return_logits=True)
    np.testing.assert_allclose(told.asked, points)
    assert masks.shape == (2, 1, 96, 128)
    assert scores.shape == (2, 1)
    stability = calculate_stability_score(masks, 0.0, 1.0)[:, 0]
    assert stability.tolist() == [1.0, 0.0], "the second was told to be unstable"
    assert [int((mask > 0).sum()) for mask in masks[:, 0]] == [100, 100]
    assert ledger.asked == ledger.made == {"encoder": 1, "decoder": 2, "masks": 0}
    assert ledger.elsewhere > 0

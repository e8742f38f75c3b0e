"""The table and picture that a sweep over variants of the method ends with."""

import csv
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from omegaconf import OmegaConf
from PIL import Image
from run_folders import write_configuration

from isagrsc2.tasks.ablation import COLUMNS, markdown, read_variants, write_ablation

ROOT = Path(__file__).parents[2]


def write_job(sweep: Path, number: int, variant: str | None, figures: dict[str, float] | None) -> None:
    choices = {"subject": "parcels"} | ({} if variant is None else {"experiment": f"evaluate/{variant}"})
    job = write_configuration(sweep / str(number), "evaluate", {}, choices)
    if figures is not None:
        (job / "metrics.json").write_text(json.dumps({"figures": figures}))


def coverage(*shares: float) -> dict[str, float]:
    return {f"coverage/round_{number}": share for number, share in enumerate(shares, 1)}


@pytest.fixture
def sweep(tmp_path: Path) -> Path:
    """Of twelve jobs, one of which stopped; the first has ten rounds, the last no reference that could be found."""
    whole = {"parcels/iou": 0.5, "parcels/f1": 0.25, "parcels/object_f1_75": 0.125, "parcels/pq": 0.2}
    whole |= {"parcels/mean_best_iou_by_area": 0.4, "oracle_class/f1": 0.3, "seconds/total": 12.345}
    write_job(tmp_path, 0, "whitened", coverage(*(number / 16 for number in range(1, 11))) | whole)
    write_job(tmp_path, 1, "regions", None)
    write_job(tmp_path, 2, None, coverage(0.5) | {"seconds/total": 1.0})
    write_job(tmp_path, 10, "residual", coverage(0.5, 1.0) | {"parcels/iou": 0.75, "seconds/total": 4.0})
    return tmp_path


def test_every_finished_job_is_a_row_in_the_order_of_the_sweep(sweep: Path) -> None:
    variants = read_variants(sweep)
    assert [one.name for one in variants] == ["whitened", "2", "residual"]
    assert list(variants[0].values.values()) == [0.625, 0.5, 0.25, 0.125, 0.2, 0.4, 0.3, 12.345]
    assert list(variants[2].values.values()) == [1.0, 0.75, *[None] * 5, 4.0]


def test_the_table_for_a_paper(sweep: Path) -> None:
    assert markdown(read_variants(sweep)).splitlines()[2:] == [
        "| whitened | 0.625 | 0.500 | 0.250 | 0.125 | 0.200 | 0.400 | 0.300 | 12.3 |",
        "| 2 | 0.500 | – | – | – | – | – | – | 1.0 |",
        "| residual | 1.000 | 0.750 | – | – | – | – | – | 4.0 |",
    ]


def test_the_table_for_a_program_keeps_all_digits(sweep: Path) -> None:
    paths = write_ablation(sweep)
    assert [path.name for path in paths] == ["ablation.md", "ablation.csv", "ablation.png"]
    with paths[1].open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert list(rows[0]) == ["variant", *COLUMNS]
    assert rows[0]["seconds per scene"] == "12.345"
    assert rows[1]["area IoU"] == ""
    assert min(Image.open(paths[2]).size) > 300


def test_nothing_is_written_before_a_job_is_done(tmp_path: Path) -> None:
    write_job(tmp_path, 0, "residual", None)
    assert write_ablation(tmp_path) == []
    assert sorted(path.name for path in tmp_path.iterdir()) == ["0"]


def test_the_published_list_of_variants() -> None:
    variants = OmegaConf.load(ROOT / "conf" / "hparams" / "rounds.yaml").hydra.sweeper.params.experiment.split(",")
    there = {f"evaluate/{path.stem}" for path in (ROOT / "conf" / "experiment" / "evaluate").glob("*.yaml")}
    assert len(variants) == len(set(variants))
    assert set(variants) == there - {"evaluate/residual_real_esrgan_x4"}  # its weights must be fetched


@pytest.mark.slow
def test_a_sweep_ends_with_the_table(tmp_path: Path) -> None:
    scenes = [
        "scene=synthetic",
        "scene.seeds=[3]",
        "scene.width=128",
        "scene.height=96",
        "segmenter=regions",
        "classifier=none",
    ]
    method = ["segmenter=regions", "classifier=none"]
    variants = "experiment=evaluate/whitened,evaluate/residual_1"
    sweep = tmp_path / "rounds"
    command = [sys.executable, "evaluate.py", "hparams=rounds", variants, *scenes, *method, f"output_dir={sweep}"]
    environment = os.environ | {"OMP_NUM_THREADS": "1"}
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    whitened, residual = read_variants(sweep)
    assert (whitened.name, residual.name) == ("whitened", "residual_1")
    for number, variant in enumerate((whitened, residual)):
        figures = json.loads((sweep / str(number) / "metrics.json").read_text())["figures"]
        assert variant.values["F1 at IoU 0.75"] == figures["parcels/object_f1_75"]
        assert variant.values["best IoU by area"] == figures["parcels/mean_best_iou_by_area"]
        assert variant.values["F1, perfect classes"] == figures["oracle_class/f1"]
        assert variant.values["seconds per scene"] > 0
    configurations = [OmegaConf.load(sweep / str(number) / ".hydra" / "config.yaml") for number in (0, 1)]
    assert [len(one.prompting.rounds) for one in configurations] == [4, 4]
    assert [one.prompting.max_rounds for one in configurations] == [4, 1]
    assert f"table and picture: {sweep}/ablation.md, .csv, .png" in done.stdout
    assert (sweep / "ablation.md").read_text() == markdown([whitened, residual])

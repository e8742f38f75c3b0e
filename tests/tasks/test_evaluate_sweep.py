"""A sweep of ``evaluate.py`` as dashboards get it, and without any account."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from wandb_files import read_runs

from isagrsc2.tasks.compare.__main__ import main

ROOT = Path(__file__).parents[2]
STAGES = ("open", "read", "segment", "refine", "merge", "stitch", "classify", "parcels")


@pytest.mark.slow
def test_every_job_is_a_run_with_all_that_runs_are_compared_by(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    scenes = ["scene=synthetic", "scene.seeds=[3,4]", "scene.width=96", "scene.height=96"]
    method = ["segmenter=regions", "classifier=none", "prompting=residual,single_pass"]
    command = ["evaluate.py", "-m", *scenes, *method, f"runs_dir={tmp_path}", "logger=wandb", "logger.tags=[mine]"]
    environment = os.environ | {"WANDB_DATA_DIR": str(tmp_path / "data"), "OMP_NUM_THREADS": "1"}
    done = subprocess.run([sys.executable, *command], cwd=ROOT, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr

    runs = read_runs(tmp_path)
    assert [run.begun.display_name for run in runs] == ["0 prompting=residual", "1 prompting=single_pass"]
    assert len({run.begun.run_group for run in runs}) == 1
    (sweep,) = (path for path in tmp_path.iterdir() if path.name != "data")
    for number, run in enumerate(runs):
        assert (run.begun.job_type, list(run.begun.tags), run.exit_code) == ("evaluate", ["mine"], 0)
        assert run.settings["scene"]["width"] == 96
        assert run.settings["output_dir"].endswith(f"{sweep.name}/{number}")  # resolved
        assert {"commit", "versions"} <= run.settings.keys()
        rounds = json.loads((sweep / str(number) / "metrics.json").read_text())["mean"]["rounds"]
        keys = {"parcels/iou", "parcels/f1", "seconds/total", "memory_mb/peak"}
        keys |= {f"coverage/round_{one}" for one in range(1, len(rounds) + 1)}
        keys |= {f"{kind}/{stage}" for kind in ("seconds", "memory_mb") for stage in STAGES}
        assert keys <= run.summary.keys()
        assert all(isinstance(run.summary[key], int | float) for key in keys)
        assert [set(image["masks"]) for image in run.logged("overlay")] == [{"class", "round", "reference"}] * 2
        assert {row["scene"] for row in run.table("scenes")} == {row["scene"] for row in run.table("parcels")}
        assert [artifact.type for artifact in run.artifacts] == ["parcels"]

    assert main([str(tmp_path), "--plot", str(tmp_path / "runs.png"), "--sort", "seconds/total"]) == 0
    shown = capsys.readouterr().out
    assert "evaluate parcels: 2 runs by seconds/total, the best first" in shown
    for number in (0, 1):
        figures = json.loads((sweep / str(number) / "metrics.json").read_text())["figures"]
        assert f"{figures['parcels/iou']:.4f}" in shown

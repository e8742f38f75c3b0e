"""The command line."""

import json
import subprocess
import sys
from pathlib import Path

import pytest
from run_folders import write_evaluation, write_segmentation, write_training

from isagrsc2.tasks.compare.__main__ import main

ROOT = Path(__file__).parents[3]


def test_tables_pictures_and_what_was_skipped(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    write_segmentation(Path("outputs/segment/a"), [0.5, 1.0], "regions", 0.5, as_table=True)
    write_segmentation(Path("outputs/segment/b"), [0.25], "sam", 0.5, as_table=False)
    write_training(Path("outputs/train/a"), 0.5, 1e-3)
    write_training(Path("outputs/train/b"), 0.75, 1e-2)
    write_evaluation(Path("outputs/evaluate/a"), "x", 0.5)
    write_evaluation(Path("outputs/evaluate/b"), "x", 0.5)
    Path("outputs/evaluate/b/metrics.json").unlink()
    assert main(["outputs"]) == 0
    shown = capsys.readouterr()
    assert (
        shown.out.index("evaluate parcels: 1 run")
        < shown.out.index("segment: 2 runs")
        < shown.out.index("train classifier: 2 runs")
    )
    assert "more figures with --figures: scenes" in shown.out
    assert (
        shown.err
        == "skipped: outputs/evaluate/b has no metrics.json: the run is not finished, or failed; it is not compared.\n"
    )
    pictures = [f"comparison_{kind}.png" for kind in ("evaluate_parcels", "segment", "train_classifier")]
    assert shown.out.splitlines()[-1] == f"pictures: {', '.join(pictures)}"
    assert all(Path(picture).exists() for picture in pictures)


def test_one_kind_has_one_picture(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folders = [str(write_training(tmp_path / name, f1, lr)) for name, f1, lr in (("a", 0.5, 1e-3), ("b", 0.75, 1e-2))]
    picture = tmp_path / "mine.png"
    assert main([*folders, "--plot", str(picture), "--sort", "val/ece", "--figures", "val/*"]) == 0
    shown = capsys.readouterr().out
    assert picture.exists()
    assert "train classifier: 2 runs by val/ece, the best first" in shown
    assert shown.index("0.001") < shown.index("0.01 ")  # less is better
    assert "data.lr" not in shown.replace("\n", "")  # follows another option


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["absent"], "absent is not there; give output folders"),
        (
            ["a", "--sort", "iou"],
            "--sort iou is no figure of these runs; choose from test/accuracy, val/ece, val/f1_cultivated.",
        ),
        (["a", "--figures", "iou"], "--figures iou fits no figure of these runs; choose from "),
        (["a", "--plot", "absent/x.png"], "the folder of absent/x.png is not there; choose another --plot."),
    ],
)
def test_mistakes_are_one_line(
    arguments: list[str], message: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    write_training(Path("a"), 0.5, 1e-3)
    assert main(arguments) == 2
    shown = capsys.readouterr()
    assert shown.err.startswith(message)
    assert shown.err.count("\n") == 1
    assert (shown.out, list(tmp_path.glob("*.png"))) == ("", [])


@pytest.mark.slow
def test_the_jobs_of_a_real_sweep(tmp_path: Path) -> None:
    scene = ["scene=synthetic", "scene.seeds=[3]", "scene.width=96", "scene.height=96", "export=metrics"]
    command = [
        "segment.py",
        "-m",
        *scene,
        "segmenter=regions",
        "classifier=none",
        "prompting=residual,single_pass",
        f"output_dir={tmp_path / 'runs'}",
    ]
    subprocess.run([sys.executable, *command], cwd=ROOT, check=True, capture_output=True)
    compared = ["-m", "isagrsc2.tasks.compare", str(tmp_path / "runs"), "--plot", str(tmp_path / "runs.png")]
    done = subprocess.run([sys.executable, *compared], cwd=ROOT, check=True, capture_output=True, text=True)
    assert done.stderr == ""
    assert "segment: 2 runs by parcels/iou, the best first" in done.stdout
    assert "residual" in done.stdout
    assert "single_pass" in done.stdout
    metrics = json.loads((tmp_path / "runs" / "0" / "synthetic_3" / "metrics.json").read_text())
    assert f"{metrics['reference']['rounds'][-1]['area_iou']:.4f}" in done.stdout
    assert (tmp_path / "runs.png").exists()

"""Where figures go: a CSV file, or an offline run of Weights & Biases, read back from its file."""

import csv
import json
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from omegaconf import DictConfig, OmegaConf
from PIL import Image
from wandb_files import read_runs

from isagrsc2.tasks.segment import segment
from isagrsc2.tasks.tracking import choose_tracker, scene_figures
from isagrsc2.tasks.tracking.csv_table import CsvTable
from isagrsc2.tasks.tracking.csv_tracker import CsvTracker
from isagrsc2.tasks.tracking.no_tracker import NoTracker
from isagrsc2.tasks.tracking.provenance import NO_COMMIT, commit_of
from isagrsc2.tasks.tracking.wandb_tracker import WandbTracker

SMALL = ("scene=synthetic", "scene.width=128", "scene.height=128", "scene.seeds=[3,4]", "export=[overlay,metrics]")


@pytest.fixture(autouse=True)
def no_files_elsewhere(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> None:
    """Weights & Biases keeps its own things beside the runs."""
    monkeypatch.setenv("WANDB_DATA_DIR", str(tmp_path_factory.mktemp("wandb_data")))


def rows(path: Path) -> list[dict[str, str]]:
    with path.open(newline="") as file:
        return list(csv.DictReader(file))


def make_wandb_tracker(folder: Path, **changes: Any) -> WandbTracker:
    options = {"name": "mine", "group": "ours", "job_type": "train", "tags": ["test"], "offline": True, "max_side": 64}
    return WandbTracker(**{"folder": str(folder), "project": "isagrsc2", **options, **changes})


def test_an_offline_run_holds_figures_overlays_and_configuration(
    compose_config: Callable[..., DictConfig], tmp_path: Path
) -> None:
    segment(compose_config("segment", *SMALL, "logger=wandb", "logger.tags=[test]", f"output_dir={tmp_path}"))
    (run,) = read_runs(tmp_path)
    assert [step["scene"] for step in run.steps] == ["synthetic_3", "synthetic_4"]
    for step in run.steps:
        metrics = json.loads((tmp_path / step["scene"] / "metrics.json").read_text())
        assert step["parcels/iou"] == metrics["reference"]["rounds"][-1]["area_iou"]
        assert step["coverage/round_4"] == metrics["coverage"][3]
        assert step["overlay"]["_type"] == "image-file"
        assert (run.folder / "files" / step["overlay"]["path"]).exists()
    begun = run.begun
    assert (begun.project, begun.display_name, begun.run_group) == ("isagrsc2", "default", "default")
    assert (begun.job_type, list(begun.tags)) == ("segment", ["test"])
    assert run.settings["tiling"]["size"] == 1024
    assert run.best_by["parcels/iou"] == "mean"
    assert run.exit_code == 0


def test_figures_without_a_reference_name_no_scores() -> None:
    metrics = {"parcels": 2, "coverage": [0.5, 1.0], "seconds": {"read": 0.25}, "classes": {"cultivated": {"area_px": 9.0}}}
    assert scene_figures(metrics) == {
        "parcels/count": 2,
        "coverage/round_1": 0.5,
        "coverage/round_2": 1.0,
        "seconds/read": 0.25,
        "cultivated/area_px": 9.0,
    }


def test_a_training_is_one_run_with_metrics_pictures_artifact_and_the_best_as_summary(tmp_path: Path) -> None:
    picture, checkpoint = tmp_path / "matrix.png", tmp_path / "best.ckpt"
    Image.new("RGB", (30, 20)).save(picture)
    checkpoint.write_bytes(b"weights")
    tracker = make_wandb_tracker(tmp_path)
    tracker.start({"seed": 3, "model": {"lr": 0.1}})
    logger = tracker.lightning()
    for epoch, (f1, loss) in enumerate([(0.5, 2.0), (0.75, 0.5), (0.25, 1.0)]):
        logger.log_metrics(
            {"lr-SGD": 0.1 / (epoch + 1), "val/f1_cultivated": f1, "val/loss": loss, "epoch": epoch}, step=10 * epoch
        )
    tracker.pictures({"val/confusion_matrix": picture})
    tracker.summary({"test/f1_cultivated": 0.625})
    tracker.artifact("my classifier", "model", checkpoint, {"data": {"root": "chips"}})
    tracker.finish(failed=0)

    (run,) = read_runs(tmp_path)
    assert run.logged("val/f1_cultivated") == [0.5, 0.75, 0.25]
    assert run.logged("trainer/global_step")[:3] == [0, 10, 20]
    assert run.logged("lr-SGD") == pytest.approx([0.1, 0.05, 0.1 / 3])
    assert run.best_by["val/f1_cultivated"] == run.best_by["val/accuracy"] == "max"
    assert run.best_by["val/loss"] == run.best_by["val/ece"] == "min"
    assert run.summary["val/f1_cultivated"] == {"max": 0.75}
    assert run.summary["val/loss"] == {"min": 0.5}
    assert run.summary["test/f1_cultivated"] == 0.625
    (image,) = run.logged("val/confusion_matrix")
    assert (image["width"], image["height"]) == (30, 20)
    assert (run.folder / "files" / image["path"]).read_bytes() == picture.read_bytes()
    assert run.settings["model"]["lr"] == 0.1
    assert run.settings["versions"].keys() >= {"python", "torch", "timm", "isagrsc2"}
    (artifact,) = run.artifacts
    described = json.loads(artifact.metadata)
    assert (artifact.name, artifact.type, described["data"]) == ("my-classifier", "model", {"root": "chips"})
    assert described["commit"] == run.settings["commit"]
    (file,) = artifact.manifest.contents
    assert (file.local_path, file.size) == (str(checkpoint), 7)  # in its place, not copied
    assert run.exit_code == 0


def test_a_failed_run_is_finished_as_failed_and_the_next_has_a_run_of_its_own(tmp_path: Path) -> None:
    for place, failed in (("a", 1), ("b", 0)):
        (tmp_path / place).mkdir()
        tracker = make_wandb_tracker(tmp_path / place)
        tracker.start({"place": place})
        tracker.summary({"figure": 1.0})
        tracker.finish(failed=failed)
    runs = read_runs(tmp_path)
    assert [(run.settings["place"], run.exit_code, run.summary["failed"]) for run in runs] == [("a", 1, 1), ("b", 0, 0)]


def test_a_folder_below_the_working_directory_is_where_the_run_is_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    # The process that writes was started by an earlier test, in another working directory.
    monkeypatch.chdir(tmp_path)
    Path("below").mkdir()
    tracker = make_wandb_tracker(Path("below"))
    tracker.start({"place": "below"})
    tracker.finish(failed=0)
    assert [run.settings["place"] for run in read_runs(tmp_path / "below")] == ["below"]


def test_a_run_left_open_is_not_written_into(tmp_path: Path) -> None:
    for place in ("a", "b"):
        (tmp_path / place).mkdir()
        tracker = make_wandb_tracker(tmp_path / place)
        tracker.start({"place": place})
    tracker.finish(failed=0)
    assert [(run.settings["place"], run.exit_code) for run in read_runs(tmp_path)] == [("a", 0), ("b", 0)]


def test_the_csv_file_has_a_line_per_scene_and_begins_anew(tmp_path: Path) -> None:
    metrics = {"parcels": 2, "coverage": [0.5], "seconds": {"read": 0.25}, "classes": {}}
    for count in (1, 2):  # the second run goes through the scenes again
        tracker = CsvTracker(str(tmp_path))
        tracker.start({})
        for number in range(count):
            classes = {"cultivated": {"parcels": 1}} if number else {}
            tracker.scene(f"scene_{number}", {**metrics, "classes": classes}, {})
        tracker.finish(failed=0)
    table = rows(tmp_path / "metrics.csv")
    assert [row["scene"] for row in table] == ["scene_0", "scene_1"]
    assert [row["cultivated/parcels"] for row in table] == ["", "1"]


def test_a_resumed_training_keeps_the_lines_of_the_first(tmp_path: Path) -> None:
    first = CsvTracker(str(tmp_path)).lightning()
    first.log_metrics({"train/loss": 2.0, "epoch": 0}, step=4)
    second = CsvTracker(str(tmp_path)).lightning()
    second.log_metrics({"train/loss": 1.0, "epoch": 1}, step=9)
    second.log_metrics({"lr": 0.5}, step=10)
    assert rows(tmp_path / "metrics.csv") == [
        {"step": "4", "train/loss": "2.0", "epoch": "0.0", "lr": ""},
        {"step": "9", "train/loss": "1.0", "epoch": "1.0", "lr": ""},
        {"step": "10", "train/loss": "", "epoch": "", "lr": "0.5"},
    ]


def test_a_line_without_new_columns_is_only_appended(tmp_path: Path) -> None:
    table = CsvTable(tmp_path / "t.csv")
    table.add({"a": 1, "b": "x,y"})
    before = (tmp_path / "t.csv").stat().st_ino
    table.add({"b": 2})
    assert (tmp_path / "t.csv").stat().st_ino == before
    assert (tmp_path / "t.csv").read_text().splitlines() == ["a,b", '1,"x,y"', ",2"]


@pytest.mark.parametrize(("variable", "rank"), [("LOCAL_RANK", 1), ("RANK", 3), ("SLURM_PROCID", 2)])
def test_only_the_first_process_keeps_figures(
    variable: str, rank: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    option = OmegaConf.create({"_target_": "isagrsc2.tasks.tracking.csv_tracker.CsvTracker", "folder": str(tmp_path)})
    monkeypatch.setenv(variable, "0")
    assert isinstance(choose_tracker(option), CsvTracker)
    monkeypatch.setenv(variable, str(rank))
    tracker = choose_tracker(option)
    assert isinstance(tracker, NoTracker)
    tracker.start({})
    tracker.lightning().log_metrics({"a": 1.0}, step=0)
    tracker.pictures({})
    tracker.summary({})
    tracker.artifact("a", "model", tmp_path / "absent", {})
    tracker.finish(failed=0)
    assert list(tmp_path.iterdir()) == []


def test_the_commit_is_that_of_the_code_and_not_of_a_repository_around_it(tmp_path: Path) -> None:
    def git(*command: str) -> str:
        identity = ("-c", "user.name=a", "-c", "user.email=a@b.c", "-c", "commit.gpgsign=false")
        return subprocess.run(["git", *identity, *command], cwd=tmp_path, check=True, capture_output=True, text=True).stdout

    code = tmp_path / "code.py"
    code.touch()
    assert commit_of(code) == NO_COMMIT
    git("init", "-q")
    assert commit_of(code) == NO_COMMIT
    git("add", "code.py")
    git("commit", "-q", "-m", "begin")
    assert commit_of(code) == git("rev-parse", "HEAD").strip()
    code.write_text("pass")
    assert commit_of(code) == git("rev-parse", "HEAD").strip() + "-dirty"

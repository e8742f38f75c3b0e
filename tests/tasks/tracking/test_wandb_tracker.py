"""An offline run of Weights & Biases, read back from its file."""

import json
import os
import pty
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import geopandas
import numpy as np
import pandas
import pytest
from classical import CLASSICAL
from omegaconf import DictConfig
from PIL import Image
from rasterio.features import rasterize
from small_scene import small_result
from wandb_files import read_runs

from isagrsc2.errors import InputError
from isagrsc2.tasks.evaluate import evaluate
from isagrsc2.tasks.segment import segment
from isagrsc2.tasks.tracking import directions
from isagrsc2.tasks.tracking.wandb_tracker import WandbTracker

SMALL = ("scene=synthetic", "scene.width=128", "scene.height=128", "scene.seeds=[3,4]", "export=[overlay,metrics,geoparquet]")


@pytest.fixture(autouse=True)
def no_files_elsewhere(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> None:
    """Weights & Biases keeps its own things beside the runs."""
    monkeypatch.setenv("WANDB_DATA_DIR", str(tmp_path_factory.mktemp("wandb_data")))


def make_wandb_tracker(folder: Path, **changes: Any) -> WandbTracker:
    options = {"name": "mine", "group": "ours", "job_type": "train", "tags": ["test"], "offline": True}
    options |= {"connect_seconds": 1, "upload_seconds": 5, "max_side": 64, "max_rows": 100}
    return WandbTracker(**{"folder": str(folder), "project": "isagrsc2", **options, **changes})


def test_an_offline_run_holds_figures_overlays_and_configuration(
    compose_config: Callable[..., DictConfig], tmp_path: Path
) -> None:
    segment(compose_config("segment", *CLASSICAL, *SMALL, "logger=wandb", "logger.tags=[test]", f"output_dir={tmp_path}"))
    (run,) = read_runs(tmp_path)
    assert run.logged("scene") == ["synthetic_3", "synthetic_4"]
    tables = run.table("scenes"), run.table("parcels")
    assert [row["scene"] for row in tables[0]] == run.logged("scene")
    scenes = [step for step in run.steps if "scene" in step]
    for step, row in zip(scenes, tables[0], strict=True):
        folder = tmp_path / step["scene"]
        metrics = json.loads((folder / "metrics.json").read_text())
        last = metrics["reference"]["rounds"][-1]
        assert (step["parcels/iou"], step["parcels/f1"]) == (last["area_iou"], last["object_f1"])
        assert [step[f"coverage/round_{number}"] for number in (1, 2, 3, 4)] == metrics["coverage"]
        assert step["seconds/segment"] == metrics["seconds"]["segment"] > 0
        assert step["memory_mb/segment"] == metrics["memory_mb"]["segment"] > 20  # Python alone needs more
        assert step["memory_mb/peak"] == max(value for name, value in step.items() if name.startswith("memory_mb/"))
        # The image with its layers, and the picture that was drawn.
        assert {step[name]["_type"] for name in ("overlay", "picture")} == {"image-file"}
        assert (step["overlay"]["width"], step["overlay"]["height"]) == (128, 128)
        segments = geopandas.read_parquet(folder / "segments.parquet")
        painted = rasterize(zip(segments.geometry, segments["round"], strict=True), out_shape=(128, 128))
        assert (run.mask(step["overlay"], "round") == painted).all()
        assert (run.mask(step["overlay"], "class") == 3 * (painted > 0)).all()
        assert run.mask(step["overlay"], "reference").max() == 1
        assert {name: row[name] for name in row} == {name: step[name] for name in row}
        parcels = geopandas.read_parquet(folder / "parcels.parquet")
        rows = [row for row in tables[1] if row["scene"] == step["scene"]]
        assert [row["area_m2"] for row in rows] == parcels["area_m2"].tolist()
        assert {row["p_cultivated"] for row in rows} == {None}  # unclassified
        assert set(rows[0]) == {"scene", *parcels.columns} - {"geometry"}
    assert run.labels("overlay", "class") == {"0": "none", "1": "cultivated", "2": "not_cultivated", "3": "unclassified"}
    assert run.labels("overlay", "round") == {"0": "none", **{str(number): f"round {number}" for number in (1, 2, 3, 4)}}
    (artifact,) = run.artifacts
    assert (artifact.name, artifact.type) == ("default-parcels", "parcels")
    files = {file.path: file.local_path for file in artifact.manifest.contents}
    kept = ("metrics.json", "parcels.parquet", "segments.parquet")
    assert files == {f"{scene}/{name}": str(tmp_path / scene / name) for scene in run.logged("scene") for name in kept}
    assert json.loads(artifact.metadata)["commit"] == run.settings["commit"]
    begun = run.begun
    assert (begun.project, begun.display_name, begun.run_group) == ("isagrsc2", "default", "default")
    assert (begun.job_type, list(begun.tags)) == ("segment", ["test"])
    assert run.settings["tiling"]["size"] == 1024
    assert run.settings["versions"].keys() >= {"python", "numpy", "isagrsc2"}
    # What the table of runs shows of the scenes together.
    means = {"parcels/*": "mean", "coverage/*": "mean", "seconds/*": "mean", "memory_mb/*": "max"}
    assert run.best_by == means
    for name, together in {"parcels/iou": np.mean, "seconds/total": np.mean, "memory_mb/peak": np.max}.items():
        assert run.summary[name] == pytest.approx(together(run.logged(name)))
    assert (run.summary["scenes"], run.exit_code) == (2, 0)


def test_an_evaluation_has_the_same_figures_overlays_tables_and_artifact(
    compose_config: Callable[..., DictConfig], tmp_path: Path
) -> None:
    scenes = [option for option in SMALL if not option.startswith("export")]
    evaluate(compose_config("evaluate", *CLASSICAL, *scenes, "logger=wandb", f"output_dir={tmp_path}"))
    (run,) = read_runs(tmp_path)
    report = json.loads((tmp_path / "metrics.json").read_text())
    last = report["mean"]["rounds"][-1]
    assert (run.summary["parcels/iou"], run.summary["parcels/f1"]) == (last["area_iou"], last["object_f1"])
    coverage = [scores["coverage"] for scores in report["mean"]["rounds"]]
    assert [run.summary[f"coverage/round_{number}"] for number in range(1, len(coverage) + 1)] == coverage
    assert run.summary["seconds/evaluate"] > run.summary["seconds/segment"] > 0
    assert run.summary["memory_mb/evaluate"] > 20
    assert run.summary["memory_mb/segment"] > 20
    assert {name: run.summary[name] for name in report["figures"]} == report["figures"]
    assert run.logged("scene") == ["synthetic_3", "synthetic_4"]
    assert {len(run.logged(name)) for name in ("overlay", "picture")} == {2}
    for image in run.logged("overlay"):
        assert set(image["masks"]) == {"class", "round", "reference"}
        assert set(np.unique(run.mask(image, "class"))) <= {0, 3}
        assert run.mask(image, "reference").max() == 1
    assert [row["scene"] for row in run.table("scenes")] == ["synthetic_3", "synthetic_4"]
    parcels = geopandas.read_parquet(tmp_path / "synthetic_4" / "segments.parquet")
    rows = [row for row in run.table("parcels") if row["scene"] == "synthetic_4"]
    assert [row["parcel_id"] for row in rows] == parcels["parcel_id"].tolist()
    # Metres of UTM on its central meridian are 0.9996 of those on the ground; the pixel size is 1 m or more.
    assert all(row["area_m2"] > area for row, area in zip(rows, parcels.area, strict=True))
    (artifact,) = run.artifacts
    assert (artifact.name, artifact.type) == ("parcels-parcels", "parcels")
    names = {f"{scene}/{file}" for scene in run.logged("scene") for file in ("metrics.json", "segments.parquet")}
    assert {file.path for file in artifact.manifest.contents} == names
    assert (run.begun.job_type, run.begun.run_group, run.exit_code) == ("evaluate", "parcels", 0)


def test_an_evaluation_that_fails_is_a_failed_run(compose_config: Callable[..., DictConfig], tmp_path: Path) -> None:
    predictions = [f"subject.predictions={tmp_path / 'absent'}", f"subject.reference={tmp_path}"]
    with pytest.raises(InputError):
        evaluate(compose_config("evaluate", *predictions, "logger=wandb", f"output_dir={tmp_path}"))
    (run,) = read_runs(tmp_path)
    assert (run.exit_code, run.summary["failed"]) == (1, 1)


def test_before_a_run_is_finished_its_summary_is_the_mean_and_not_the_last(tmp_path: Path) -> None:
    tracker = make_wandb_tracker(tmp_path)
    tracker.start({"name": "mine"})
    for iou, memory in ((1.0, 3), (0.5, 2)):
        tracker._run.log({"parcels/iou": iou, "memory_mb/segment": memory})
    tracker.finish(failed=0)
    (run,) = read_runs(tmp_path)
    assert (run.summary["parcels/iou"], run.summary["memory_mb/segment"]) == ({"mean": 0.75}, {"max": 3})


def test_a_table_has_a_limit_and_says_so(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    tracker = make_wandb_tracker(tmp_path, max_rows=3)
    tracker.start({"name": "mine"})
    for name in ("a", "b"):
        tracker.scene(name, small_result(parcels=2), {})
    pandas.DataFrame({"a": [1, 2, 3, 4], "geometry": [b""] * 4}).to_parquet(tmp_path / "t.parquet")
    tracker.table("given", tmp_path / "t.parquet")
    tracker.finish(failed=0)
    (run,) = read_runs(tmp_path)
    assert [(row["scene"], row["parcel_id"]) for row in run.table("parcels")] == [("a", 1), ("a", 2), ("b", 1)]
    assert run.table("given") == [{"a": 1}, {"a": 2}, {"a": 3}]
    said = "The table of {} in Weights & Biases holds the first 3 rows and not the other 1 (logger.max_rows)."
    told = [record.message for record in caplog.records if record.levelname == "WARNING"]
    assert told == [said.format("given"), said.format("parcels")]


# In a process of its own: the server is read from the environment once.
UNREACHABLE = """
import logging, sys, time
from isagrsc2.tasks.tracking.wandb_tracker import WandbTracker

logging.basicConfig(format="%(message)s", stream=sys.stdout)
options = dict(project="p", name="n", group="g", job_type="train", tags=[], offline=False, max_side=8, max_rows=5)
tracker = WandbTracker(folder=sys.argv[1], connect_seconds=1, upload_seconds=5, **options)
tracker.start({"name": "mine"})
tracker.summary({"parcels/iou": 0.5})
tracker.finish(failed=0)
"""


def refused_port() -> int:
    """A port that nothing listens at."""
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        return int(listening.getsockname()[1])


@pytest.mark.parametrize(
    ("key", "reason"),
    [("a" * 40, "connection refused"), pytest.param("", "No API key configured", marks=pytest.mark.slow)],
)
def test_a_run_that_the_server_does_not_take_is_kept_offline(key: str, reason: str, tmp_path: Path) -> None:
    kept = {name: value for name, value in os.environ.items() if not name.startswith("WANDB_")}
    server = {"WANDB_BASE_URL": f"http://127.0.0.1:{refused_port()}", "HOME": str(tmp_path), "NETRC": str(tmp_path / "netrc")}
    environment = kept | server | ({"WANDB_API_KEY": key} if key else {})
    # A terminal, where a person would be asked for the key.
    ours, theirs = pty.openpty()
    command = [sys.executable, "-c", UNREACHABLE, str(tmp_path)]
    begun = time.monotonic()
    done = subprocess.run(
        command, env=environment, stdin=theirs, stderr=theirs, stdout=subprocess.PIPE, text=True, check=False, timeout=120
    )
    os.close(theirs)
    os.close(ours)
    assert done.returncode == 0
    assert time.monotonic() - begun < 60  # of which most is imports on a busy machine
    (line,) = done.stdout.splitlines()
    assert line.startswith("Weights & Biases does not take the run (")
    assert reason in line
    assert line.endswith(f"); it is kept offline in {tmp_path / 'wandb'}, and `wandb sync` uploads it.")
    (run,) = read_runs(tmp_path)
    assert (run.summary["parcels/iou"], run.exit_code) == (0.5, 0)
    assert list((tmp_path / "wandb").glob("run-*")) == []  # nothing half begun


# A server that knows as much as a run needs to begin, and is gone before it ends.
LOST = """
import json, os, threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

class Server(BaseHTTPRequestHandler):
    def do_POST(self):
        asked = json.loads(self.rfile.read(int(self.headers["Content-Length"])) or b"{}")
        project = {"id": "a", "name": "p", "entity": {"id": "b", "name": "e"}}
        run = {"id": "c", "name": asked.get("variables", {}).get("name"), "displayName": "n", "config": "{}"}
        run["project"] = project
        answer = json.dumps({"data": {"upsertBucket": {"bucket": run, "inserted": True}, "serverInfo": {"features": []}}})
        self.send_response(200)
        self.send_header("Content-Length", str(len(answer)))
        self.end_headers()
        self.wfile.write(answer.encode())

    def log_message(self, *arguments):
        pass

server = ThreadingHTTPServer(("127.0.0.1", 0), Server)
threading.Thread(target=server.serve_forever, daemon=True).start()
os.environ["WANDB_BASE_URL"] = f"http://127.0.0.1:{server.server_port}"
""" + UNREACHABLE.replace("connect_seconds=1, upload_seconds=5", "connect_seconds=30, upload_seconds=1").replace(
    "tracker.summary", "server.shutdown(); server.server_close()\ntracker.summary"
)


@pytest.mark.slow
def test_a_run_whose_server_goes_away_ends_and_is_kept(tmp_path: Path) -> None:
    kept = {name: value for name, value in os.environ.items() if not name.startswith("WANDB_")}
    environment = kept | {"HOME": str(tmp_path), "WANDB_API_KEY": "a" * 40}
    done = subprocess.run(
        [sys.executable, "-c", LOST, str(tmp_path)], env=environment, capture_output=True, text=True, check=False, timeout=120
    )
    (run,) = read_runs(tmp_path)
    assert run.folder.name.startswith("run-")
    assert (run.summary["parcels/iou"], run.exit_code) == (0.5, 0)
    said = "Weights & Biases has not taken all of the run in 1 s (logger.upload_seconds); `wandb sync {}` uploads it.\n"
    assert (done.returncode, done.stdout) == (0, said.format(run.folder))


def test_what_is_refused_offline_too_is_the_users_mistake(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"^Weights & Biases refuses the run .*; correct this option of logger\.$"):
        make_wandb_tracker(tmp_path, project="a/b").start({})


@pytest.mark.parametrize(
    ("option", "value", "message"),
    [
        ("max_rows", 0, "logger.max_rows=0 does not fit; give a whole number from 1."),
        ("max_side", 1.5, "logger.max_side=1.5 does not fit; give a whole number from 1."),
        ("connect_seconds", 0, "logger.connect_seconds=0 does not fit; give a number from 1."),
        ("upload_seconds", "long", "logger.upload_seconds=long does not fit; give a number from 1."),
    ],
)
def test_numbers_are_checked(option: str, value: object, message: str, tmp_path: Path) -> None:
    with pytest.raises(InputError) as caught:
        make_wandb_tracker(tmp_path, **{option: value})
    assert str(caught.value) == message


def test_a_training_is_one_run_with_metrics_pictures_artifact_and_the_best_as_summary(tmp_path: Path) -> None:
    picture, checkpoint = tmp_path / "matrix.png", tmp_path / "best.ckpt"
    Image.new("RGB", (30, 20)).save(picture)
    checkpoint.write_bytes(b"weights")
    tracker = make_wandb_tracker(tmp_path)
    tracker.start({"seed": 3, "model": {"lr": 0.1}})
    logger = tracker.lightning(directions(["val/f1_cultivated", "val/loss", "val/ece"]) | {"val/mine": "min"})
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
    assert run.best_by["val/f1_cultivated"] == "max"
    assert run.best_by["val/loss"] == run.best_by["val/ece"] == run.best_by["val/mine"] == "min"
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

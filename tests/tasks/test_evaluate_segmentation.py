"""`evaluate.py` on scenes that it segments itself."""

import json
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from classical import CLASSICAL
from hydra.errors import InstantiationException

from isagrsc2.errors import InputError
from isagrsc2.tasks.evaluate import evaluate
from isagrsc2.tasks.segment import segment

SMALL = ("scene.width=128", "scene.height=96", "subject.picture_size=128")
TWO = ("scene=synthetic", "scene.seeds=[1,2]", *SMALL)

Evaluate = Callable[..., Path]


@pytest.fixture
def run(run_classical: Callable[..., Path]) -> Evaluate:
    """Evaluate in-process; returns the output folder."""
    return partial(run_classical, evaluate)


def report(folder: Path) -> dict[str, Any]:
    return json.loads((folder / "metrics.json").read_text())


def test_segmented_scenes_are_compared_as_finished_runs_are(run: Evaluate, compose_config: Any, tmp_path: Path) -> None:
    now = run(*TWO, "prompting=single_pass")
    segment(
        compose_config("segment", *CLASSICAL, *TWO[:-1], "export=metrics", "prompting=single_pass", f"output_dir={tmp_path}/s")
    )
    later = run(f"subject.predictions={tmp_path}/s", folder="later")
    first, second = report(now), report(later)
    for one in (*first["scenes"], *second["scenes"]):
        del one["folder"], one["reference"]["path"]
    assert first["scenes"] == second["scenes"]
    assert first["mean"] == second["mean"]
    assert [scene["scene"] for scene in first["scenes"]] == ["synthetic_1", "synthetic_2"]
    assert [len(scene["rounds"]) for scene in first["scenes"]] == [1, 1]
    names = {"synthetic_1", "synthetic_2", "agreement", "worst_scenes.png", "scenes.parquet", "metrics.json"}
    assert names <= {path.name for path in now.iterdir()}
    # The evaluation's own folder is one of finished runs too.
    assert report(run(f"subject.predictions={now}", folder="again"))["mean"] == first["mean"]


def test_an_evaluation_goes_on_where_it_was_stopped(run: Evaluate, monkeypatch: pytest.MonkeyPatch, caplog: Any) -> None:
    import isagrsc2.tasks.segment as task

    done = []
    segment_tiles = task.segment_tiles

    def until_the_second(scene: Any, *rest: Any) -> Any:
        if done:
            raise KeyboardInterrupt
        done.append(scene)
        return segment_tiles(scene, *rest)

    monkeypatch.setattr(task, "segment_tiles", until_the_second)
    with pytest.raises(SystemExit) as stopped:
        run(*TWO)
    assert stopped.value.code == 130
    assert "the same command with output_dir=" in caplog.messages[-1]
    assert caplog.messages[-1].endswith("/out goes on.")
    monkeypatch.undo()
    table = pd.read_parquet(run(*TWO) / "scenes.parquet")
    assert table["tiles/reused"].tolist() == [1, 0]
    assert table["tiles/computed"].tolist() == [0, 1]


def test_images_with_references(run: Evaluate, tmp_path: Path, write_raster: Callable[..., Path], caplog: Any) -> None:
    image = np.zeros((64, 96, 3), np.uint8)
    image[:, :48], image[:, 48:] = (90, 140, 60), (180, 150, 110)
    for name in ("a.png", "b.png"):
        write_raster(name, image)
    (tmp_path / "c.png").write_bytes(b"no image")
    (tmp_path / "references").mkdir()
    halves = np.ones((64, 96), np.int32)
    halves[:, 48:] = 2
    write_raster("references/a.tif", halves)
    write_raster("references/c.tif", halves)
    command = [f"scene.path={tmp_path}/*.png", f"subject.reference={tmp_path / 'references'}", "subject.picture_size=96"]
    with pytest.raises(SystemExit) as stopped:
        run(*command)
    assert stopped.value.code == 1  # of c, which is no image
    found = report(tmp_path / "out")
    assert [scene["scene"] for scene in found["scenes"]] == ["a"]
    assert found["mean"]["rounds"][-1]["object_f1"] == 1
    (skipped,), (refused,) = found["skipped"].values(), found["refused"].values()
    assert "holds no reference for b" in skipped
    assert "c.png is not a raster that can be read" in refused
    assert not (tmp_path / "out" / "b").exists()


def test_images_need_a_reference(run: Evaluate, tmp_path: Path, write_raster: Callable[..., Path]) -> None:
    path = write_raster("a.png", np.zeros((8, 8, 3), np.uint8))
    with pytest.raises(InputError, match=r"subject\.reference is missing: .*a\.png brings none"):
        run(f"scene.path={path}")
    with pytest.raises(InputError, match=r"nowhere\.gpkg does not exist"):
        run(f"scene.path={path}", "subject.reference=nowhere.gpkg")
    assert [one.name for one in (tmp_path / "out").iterdir()] == []


@pytest.mark.slow
def test_tile_consistency(run: Evaluate, caplog: pytest.LogCaptureFixture) -> None:
    tiles = ("tiling.size=64", "tiling.overlap=16", "tile_consistency=shifted", "prompting=single_pass")
    with caplog.at_level("INFO"):
        folder = run(*TWO, *tiles)
    found = report(folder)
    scores = [scene["tile_consistency"]["consistency_iou"] for scene in found["scenes"]]
    assert all(0 < score < 1 for score in scores)
    assert found["mean"]["tile_consistency"]["consistency_iou"] == pytest.approx(np.mean(scores))
    assert found["mean"]["tile_consistency"]["interval_95"]["consistency_iou"] == pytest.approx(sorted(scores))
    assert "consistency_f1" in found["pooled"]["tile_consistency"]
    assert pd.read_parquet(folder / "scenes.parquet")["consistency_iou"].tolist() == scores
    assert "tile consistency, mean over 2 of 2 scenes: F1 0." in caplog.text
    assert len(report(run(f"subject.predictions={folder}", folder="again"))["scenes"]) == 2  # without those of shifted tiles
    again = report(run(*TWO, *tiles))
    assert again["scenes"] == found["scenes"]


def test_scenes_of_one_tile_have_no_tile_consistency(run: Evaluate, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level("INFO"):
        folder = run(*TWO, "tile_consistency=shifted", "prompting=single_pass")
    assert "tile consistency is undefined: no scene is larger than a tile" in caplog.text
    assert not (folder / "shifted_tiles").exists()
    assert "tile_consistency" not in report(folder)["mean"]


def test_shifts_are_checked_before_anything_is_segmented(run: Evaluate) -> None:
    with pytest.raises(InstantiationException, match=r"must not be larger than tiling\.size"):
        run(*TWO, "tile_consistency=shifted", "tile_consistency.tiling.shift=900")

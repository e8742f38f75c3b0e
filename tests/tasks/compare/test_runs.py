"""Reading finished runs from their folders."""

from pathlib import Path

import pytest
from run_folders import write_configuration, write_evaluation, write_segmentation, write_training

from isagrsc2.errors import InputError
from isagrsc2.tasks.compare.runs import find_runs, read_run


def test_scenes_of_a_table_are_one_figure(tmp_path: Path) -> None:
    run = read_run(write_segmentation(tmp_path / "a", [0.5, 1.0], "regions", 0.5, as_table=True))
    assert run.kind == "segment"
    assert run.figures == {"scenes": 3, "parcels/iou": 0.75, "seconds/total": 3.0}
    assert run.choices == {"logger": "csv", "segmenter": "regions", "tiling": "default"}
    assert run.options["segmenter.scale"] == 0.5
    assert run.monitored is None


def test_scenes_without_a_table_are_read_one_by_one(tmp_path: Path) -> None:
    run = read_run(write_segmentation(tmp_path / "a", [0.5, 1.0], "regions", 0.5, as_table=False))
    assert run.figures == {
        "scenes": 2,
        "parcels/count": 4,
        "coverage/round_1": 0.25,
        "coverage/round_2": 0.5,
        "parcels/iou": 0.75,
        "seconds/read": 1.5,
        "seconds/merge": 0.5,
        "seconds/total": 2.0,
        "memory_mb/read": 101.0,
        "memory_mb/peak": 101.0,
    }


def test_trainings_and_evaluations(tmp_path: Path) -> None:
    training = read_run(write_training(tmp_path / "train", 0.5, 1e-3))
    assert (training.kind, training.monitored) == ("train classifier", ("val/f1_cultivated", "max"))
    assert training.figures == {"val/f1_cultivated": 0.5, "val/ece": 0.25, "test/accuracy": 0.5}
    assert training.options["data.lr"] == "${model.lr}"  # as it is written: what it stands for is another option
    evaluation = read_run(write_evaluation(tmp_path / "evaluate", "x", 0.5))
    assert (evaluation.kind, evaluation.figures) == ("evaluate parcels", {"parcels/iou": 0.5, "parcels/count": 10.0})


def test_runs_are_found_at_any_depth_and_once(tmp_path: Path) -> None:
    for number, f1 in enumerate((0.5, 0.75)):
        write_training(tmp_path / "train" / "mine" / "sweep_x" / str(number), f1, 1e-3)
    write_training(tmp_path / "train" / "halted", 0.5, 1e-3)
    (tmp_path / "train" / "halted" / "metrics.json").unlink()
    found = find_runs([tmp_path, tmp_path / "train" / "mine"])
    assert [run.folder.name for run in found.runs] == ["0", "1"]
    halted = tmp_path / "train" / "halted"
    assert found.skipped == [f"{halted} has no metrics.json: the run is not finished, or failed; it is not compared."]


REMEDY = "give output folders of segment.py, train.py or evaluate.py, or folders that hold some."


def test_folders_without_runs(tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    (tmp_path / "file").touch()
    for name, reason in {
        "absent": "is not there",
        "file": "is no folder",
        "empty": "holds no run (.hydra/config.yaml)",
    }.items():
        with pytest.raises(InputError) as caught:
            find_runs([tmp_path / name])
        assert str(caught.value) == f"{tmp_path / name} {reason}; {REMEDY}"


@pytest.mark.parametrize(
    ("file", "content", "said"),
    [
        ("metrics.json", "{", "cannot be read (Expecting property name enclosed in double quotes: line 1 column 2 (char 1))"),
        ("metrics.json", "[]", "is not what a run leaves"),
        ("metrics.json", "{}", "holds no figures"),
        ("metrics.json", '{"val/loss": null, "classes": [1], "diverged": true}', "holds no figures"),
        (".hydra/config.yaml", "a: [", "cannot be read (while parsing a flow node"),
        (".hydra/config.yaml", "[1]", "is not what a run leaves"),
        (".hydra/config.yaml", "task: other", "is of no task that can be compared"),
    ],
)
def test_damaged_trainings(file: str, content: str, said: str, tmp_path: Path) -> None:
    folder = write_training(tmp_path / "a", 0.5, 1e-3)
    (folder / file).write_text(content)
    with pytest.raises(InputError) as caught:
        read_run(folder)
    assert said in str(caught.value)
    assert str(folder) in str(caught.value)
    assert "\n" not in str(caught.value)


def test_damaged_segmentations_and_evaluations(tmp_path: Path) -> None:
    bare = write_configuration(tmp_path / "bare", "segment", {}, {})
    broken = write_segmentation(tmp_path / "broken", [0.5], "regions", 0.5, as_table=False)
    (broken / "scene_0" / "metrics.json").write_text("{}")
    binary = write_configuration(tmp_path / "binary", "segment", {}, {})
    (binary / "metrics.csv").write_bytes(b"\xff\xfe\x00")
    words = write_configuration(tmp_path / "words", "segment", {}, {})
    (words / "metrics.csv").write_text("scene,parcels/iou\na,much\n")
    old = write_evaluation(tmp_path / "old", "x", 0.5)
    (old / "metrics.json").write_text('{"scenes": []}')
    for folder, said in {
        bare: f"{bare} holds no scene that is done, neither metrics.csv nor */metrics.json; it is not compared.",
        broken: f"{broken / 'scene_0' / 'metrics.json'} cannot be read ('parcels'); run it again, or leave it out.",
        binary: f"{binary / 'metrics.csv'} cannot be read ('utf-8' codec",
        words: f"{words / 'metrics.csv'} cannot be read (could not convert string to float: 'much'); run it again",
        old: f"{old / 'metrics.json'} has no figures to compare; run evaluate.py again.",
    }.items():
        with pytest.raises(InputError) as caught:
            read_run(folder)
        assert str(caught.value).startswith(said)
    with pytest.raises(InputError, match=r"4 more runs cannot be compared either"):
        find_runs([tmp_path])


def test_a_run_whose_choices_were_not_kept_is_compared_by_its_options(tmp_path: Path) -> None:
    folder = write_evaluation(tmp_path / "a", "x", 0.5)
    (folder / ".hydra" / "hydra.yaml").unlink()
    assert (read_run(folder).kind, read_run(folder).choices) == ("evaluate", {})
    (folder / ".hydra" / "hydra.yaml").write_text("hydra: {runtime: 3}")
    assert read_run(folder).choices == {}

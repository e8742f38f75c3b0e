"""Figures in a CSV file."""

import csv
from pathlib import Path

from small_scene import small_result

from isagrsc2.tasks.tracking.csv_table import CsvTable
from isagrsc2.tasks.tracking.csv_tracker import CsvTracker


def rows(path: Path) -> list[dict[str, str]]:
    with path.open(newline="") as file:
        return list(csv.DictReader(file))


def test_the_csv_file_has_a_line_per_scene_and_begins_anew(tmp_path: Path) -> None:
    for count in (1, 2):  # the second run goes through the scenes again
        tracker = CsvTracker(str(tmp_path))
        tracker.start({})
        for number in range(count):
            result = small_result(parcels=2)
            result.metrics["classes"] = {"cultivated": {"parcels": 1}} if number else {}
            tracker.scene(f"scene_{number}", result, {})
        tracker.finish(failed=0)
    table = rows(tmp_path / "metrics.csv")
    assert [row["scene"] for row in table] == ["scene_0", "scene_1"]
    assert [row["cultivated/parcels"] for row in table] == ["", "1"]


def test_a_resumed_training_keeps_the_lines_of_the_first(tmp_path: Path) -> None:
    first = CsvTracker(str(tmp_path)).lightning({})
    first.log_metrics({"train/loss": 2.0, "epoch": 0}, step=4)
    second = CsvTracker(str(tmp_path)).lightning({})
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

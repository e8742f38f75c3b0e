"""Which tracker keeps the figures of a process."""

import subprocess
import sys
from pathlib import Path

import pytest
import pytorch_lightning  # noqa: F401  # it takes the process's rank for good when it is first imported: not from a test below
from omegaconf import OmegaConf
from small_scene import never_opened, small_result

from isagrsc2.tasks.evaluation import ComparedScene
from isagrsc2.tasks.tracking import choose_tracker
from isagrsc2.tasks.tracking.csv_tracker import CsvTracker
from isagrsc2.tasks.tracking.no_tracker import NoTracker


def test_only_its_own_option_imports_weights_and_biases() -> None:
    code = (
        "import sys\n"
        "import isagrsc2.tasks.segment, isagrsc2.tasks.train, isagrsc2.tasks.evaluate, isagrsc2.tasks.compare.__main__\n"
        "import isagrsc2.tasks.tracking.csv_tracker\n"
        "print([name for name in ('wandb', 'torch') if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


@pytest.mark.parametrize(("variable", "rank"), [("LOCAL_RANK", 1), ("NODE_RANK", 1), ("RANK", 3), ("SLURM_PROCID", 2)])
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
    tracker.lightning({}).log_metrics({"a": 1.0}, step=0)
    tracker.scene("a", small_result(parcels=1), {})
    tracker.pictures({})
    tracker.table("a", tmp_path / "absent")
    tracker.compared(ComparedScene("a", never_opened, {}))
    tracker.summary({})
    tracker.artifact("a", "model", tmp_path / "absent", {})
    tracker.finish(failed=0)
    assert list(tmp_path.iterdir()) == []

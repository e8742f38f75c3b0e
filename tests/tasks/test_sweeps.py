"""Sweeps: names of jobs, jobs that fail, launchers, Optuna; with a task that only writes down what it was given."""

import json
import math
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hydra import compose, initialize_config_dir
from omegaconf import OmegaConf
from PIL import Image
from wandb_files import read_runs

ROOT = Path(__file__).parents[2]

# The task of train.py is replaced; configuration, launchers and the rest are real.
APP = f"""
import json, math, sys
from pathlib import Path
import hydra
from omegaconf import OmegaConf
from isagrsc2.errors import InputError
from isagrsc2.tasks.entry import launch, run_task

def task(cfg):
    (Path(cfg.output_dir) / "job.json").write_text(json.dumps(OmegaConf.to_container(cfg, resolve=True)))
    if cfg.seed == 1:
        raise InputError("seed 1 is refused; choose another.")
    if cfg.seed == 2:
        raise ValueError("a fault of the program")
    if cfg.seed == 3:
        sys.exit(1)
    return -abs(math.log10(cfg.model.optimizer.lr) + 3)

@hydra.main(version_base="1.3", config_path={str(ROOT / "conf")!r}, config_name="train")
def main(cfg):
    return run_task(task, cfg)

if __name__ == "__main__":
    launch(main)
"""


def run(folder: Path, *overrides: str, code: str = APP) -> subprocess.CompletedProcess[str]:
    (folder / "app.py").write_text(code)
    return subprocess.run([sys.executable, "app.py", *overrides], cwd=folder, capture_output=True, text=True, check=False)


def jobs(folder: Path) -> list[dict[str, Any]]:
    """What the jobs were given, by number."""
    found = sorted(folder.glob("outputs/train/classifier/*/*/job.json"), key=lambda path: int(path.parent.name))
    return [json.loads(path.read_text()) for path in found]


def log(folder: Path, number: int) -> str:
    return next(folder.glob(f"outputs/train/classifier/*/{number}/app.log")).read_text()


def test_the_other_jobs_run_and_the_failed_are_told(tmp_path: Path) -> None:
    done = run(tmp_path, "-m", "seed=0,1,2,3,4", "logger=wandb", "data=image_folder", "data.root='/a b/c'")
    assert done.returncode == 2  # of the first that failed
    made = jobs(tmp_path)
    assert [job["seed"] for job in made] == [0, 1, 2, 3, 4]
    assert done.stderr.count("seed 1 is refused; choose another.\n") == 1
    assert "Traceback" not in done.stderr
    assert "seed 1 is refused; choose another." in log(tmp_path, 1)
    assert "ValueError: a fault of the program" in log(tmp_path, 2)  # not swallowed

    # Every job has a name and a folder of its own, and all one group that no other sweep has.
    assert [job["logger"]["name"] for job in made] == [f"{number} seed={number}" for number in range(5)]
    (sweep,) = (tmp_path / "outputs" / "train" / "classifier").iterdir()
    assert {job["logger"]["group"] for job in made} == {f"classifier {sweep.name}"}
    folders = [str((sweep / str(number)).relative_to(tmp_path)) for number in range(5)]
    assert [job["output_dir"] for job in made] == [job["logger"]["folder"] for job in made] == folders


def test_a_sweep_in_several_processes_tells_the_same(tmp_path: Path) -> None:
    done = run(tmp_path, "-m", "seed=2,1,0", "hydra/launcher=joblib", "hydra.launcher.n_jobs=2", "logger=wandb")
    assert done.returncode == 1
    assert "ValueError: a fault of the program" in done.stderr
    assert "Traceback" not in done.stderr
    made = jobs(tmp_path)
    assert [job["logger"]["name"] for job in made] == ["0 seed=2", "1 seed=1", "2 seed=0"]
    assert len({job["logger"]["group"] for job in made}) == 1


@pytest.mark.parametrize(
    ("override", "code", "said"),
    [("seed=1", 2, "seed 1 is refused; choose another.\n"), ("seed=2", 1, "Traceback"), ("model=none", 2, "Could not find")],
)
def test_a_single_run_is_as_before(override: str, code: int, said: str, tmp_path: Path) -> None:
    done = run(tmp_path, override)
    assert done.returncode == code
    assert said in done.stderr
    assert ("Traceback" in done.stderr) == (code == 1)


def test_a_single_run_has_the_name_of_the_configuration(tmp_path: Path) -> None:
    assert run(tmp_path, "logger=wandb", "output_dir=out", "name=mine").returncode == 0
    job = json.loads((tmp_path / "out" / "job.json").read_text())
    assert (job["logger"]["name"], job["logger"]["group"], job["output_dir"]) == ("mine", "mine", "out")


def test_the_output_folder_is_the_one_that_hydra_made(tmp_path: Path) -> None:
    # As Lightning starts the other processes of a training: the folder of the first, not the time of the second.
    assert run(tmp_path, "hydra.run.dir=first").returncode == 0
    assert json.loads((tmp_path / "first" / "job.json").read_text())["output_dir"] == "first"


@pytest.mark.slow
def test_optuna_searches(tmp_path: Path) -> None:
    done = run(tmp_path, "hparams=classifier_optuna", "hydra.sweeper.n_trials=2", "model.label_smoothing=0.1")
    assert (done.returncode, "Traceback" in done.stderr) == (0, False)
    made = jobs(tmp_path)
    rates = [job["model"]["optimizer"]["lr"] for job in made]
    assert len(set(rates)) == 2
    assert all(1e-5 <= rate <= 1e-2 for rate in rates)
    assert {(job["divergence"], job["model"]["label_smoothing"]) for job in made} == {("worst", 0.1)}
    (result,) = tmp_path.glob("outputs/train/classifier/*/optimization_results.yaml")
    best = OmegaConf.load(result)
    # The largest of the returned values: the direction is that of monitor.mode.
    assert best.best_value == pytest.approx(max(-abs(math.log10(rate) + 3) for rate in rates))


def composed(*overrides: str) -> Any:
    with initialize_config_dir(str(ROOT / "conf"), version_base="1.3"):
        return compose("train", list(overrides), return_hydra_config=True)


@pytest.mark.parametrize("hparams", ["classifier_optuna", "classifier_backbones"])
@pytest.mark.parametrize(
    ("launcher", "made_by"),
    [
        ("joblib", "JoblibLauncher"),
        ("submitit_slurm", "SlurmLauncher"),
        ("slurm", "SlurmLauncher"),
        ("submitit_local", "LocalLauncher"),
    ],
)
def test_every_search_goes_with_every_launcher(hparams: str, launcher: str, made_by: str) -> None:
    cfg = composed(f"hparams={hparams}", f"hydra/launcher={launcher}")
    assert cfg.hydra.launcher._target_.endswith(made_by)
    assert cfg.hydra.mode.name == "MULTIRUN"
    assert cfg.divergence == "worst"


@pytest.mark.parametrize(("mode", "direction"), [("max", "maximize"), ("min", "minimize")])
def test_the_search_has_the_direction_and_the_seed_of_the_run(mode: str, direction: str) -> None:
    sweeper = composed("hparams=classifier_optuna", f"monitor.mode={mode}", "seed=7").hydra.sweeper
    assert (sweeper.direction, sweeper.sampler.seed) == (direction, 7)


def test_what_is_searched_exists() -> None:
    searched = composed("hparams=classifier_optuna").hydra.sweeper.params
    cfg = composed()
    for key in searched:
        assert isinstance(OmegaConf.select(cfg, key), float), key
    for model in composed("hparams=classifier_backbones").hydra.sweeper.params.model.split(","):
        composed(f"model={model}")


def test_without_the_extra_packages_all_but_the_search_works(tmp_path: Path) -> None:
    script = str(ROOT / "train.py")
    code = f"import runpy, sys; sys.modules['hydra_plugins'] = None; runpy.run_path({script!r}, run_name='__main__')"
    assert run(tmp_path, "--cfg", "job", code=code).returncode == 0
    done = run(tmp_path, "hparams=classifier_optuna", code=code)
    assert done.returncode == 2
    assert "Could not find 'hydra/sweeper/optuna'" in done.stderr


def write_chips(root: Path) -> None:
    """Class folders: brown fields and blue others."""
    rng = np.random.default_rng(0)
    for name, colour in (("field", (150, 110, 60)), ("nonfield", (60, 90, 150))):
        (root / name).mkdir(parents=True)
        for index in range(10):
            chip = rng.normal(colour, 30, (40, 40, 3)).clip(0, 255).astype(np.uint8)
            Image.fromarray(chip).save(root / name / f"{index}.png")


@pytest.mark.slow
def test_every_training_of_a_sweep_is_one_finished_run(tmp_path: Path) -> None:
    write_chips(tmp_path / "chips")
    data = ("data=image_folder", "data.root=chips", "data.chip_size=32", "data.batch_size=16", "data.workers=0")
    trainer = ("trainer=cpu", "trainer.max_epochs=2", "+trainer.enable_progress_bar=false")
    swept = "model.optimizer.lr=1e-3,1e-4,1e30"  # the last diverges
    code = (ROOT / "train.py").read_text().replace('config_path="conf"', f"config_path={str(ROOT / 'conf')!r}")
    done = run(
        tmp_path, "-m", "model=cbam_resnet18", "model.backbone.frozen=true", *data, *trainer, "logger=wandb", swept, code=code
    )
    assert done.returncode == 2, done.stderr
    assert "Traceback" not in done.stderr

    runs = read_runs(tmp_path)
    assert [run.exit_code for run in runs] == [0, 0, 1]
    assert [run.begun.display_name.split()[0] for run in runs] == ["0", "1", "2"]
    (sweep,) = (tmp_path / "outputs" / "train" / "classifier").iterdir()
    assert {(run.begun.run_group, run.begun.job_type) for run in runs} == {(f"classifier {sweep.name}", "train")}
    for number, rate in ((0, 1e-3), (1, 1e-4)):
        run_, folder = runs[number], sweep / str(number)
        metrics = json.loads((folder / "metrics.json").read_text())
        assert run_.settings["model"]["optimizer"]["lr"] == rate
        assert run_.settings["data"]["root"] == "chips"
        assert run_.logged("lr-AdamW")[0] == rate
        assert len(run_.logged("train/loss")) == 2
        assert metrics["val/f1_cultivated"] == pytest.approx(max(run_.logged("val/f1_cultivated")))
        assert run_.summary["val/f1_cultivated"] == pytest.approx(metrics["val/f1_cultivated"])
        for name in ("confusion_matrix", "reliability", "worst_mistakes"):
            (image,) = run_.logged(f"val/{name}")
            kept = Image.open(run_.folder / "files" / image["path"])
            assert kept.tobytes() == Image.open(folder / f"val_{name}.png").tobytes()
        (artifact,) = run_.artifacts
        assert json.loads(artifact.metadata)["data"]["root"] == "chips"
        assert artifact.manifest.contents[0].size == (folder / "checkpoints" / "best.ckpt").stat().st_size

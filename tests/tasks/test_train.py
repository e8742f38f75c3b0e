import json
import os
import re
import resource
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
import torch
from hydra import compose, initialize_config_dir
from hydra.errors import InstantiationException
from hydra.utils import instantiate
from killing import KilledError
from PIL import Image

from isagrsc2.errors import InputError
from isagrsc2.tasks.entry import run_task, users_mistake
from isagrsc2.tasks.train import train

ROOT = Path(__file__).parents[2]

PICTURES = ("confusion_matrix", "reliability", "worst_mistakes")

# A network of which only the linear layer learns: nothing in it depends on how chips are dealt to batches and processes.
HEAD_ONLY = ("model.backbone.frozen=true", "model.gradient_checkpointing=false")


def write_chips(root, size=40, count=11):
    """Class folders: brown fields and blue others."""
    rng = np.random.default_rng(0)
    for number, name in enumerate(("field", "nonfield")):
        (root / name).mkdir(parents=True)
        for index in range(count):
            colour = [(150, 110, 60), (60, 90, 150)][number]
            chip = rng.normal(colour, 30, (size, size, 3)).clip(0, 255).astype(np.uint8)
            Image.fromarray(chip).save(root / name / f"{index}.png")


@pytest.fixture(scope="module")
def chips(tmp_path_factory):
    root = tmp_path_factory.mktemp("chips")
    write_chips(root)
    return root


def small(chips, output, *overrides):
    """Overrides that make a run small enough for a test."""
    return [
        "model=cbam_resnet18",
        "data=image_folder",
        f"data.root={chips}",
        "data.chip_size=32",
        "data.batch_size=4",
        "data.workers=0",
        "trainer=cpu",
        "trainer.max_epochs=1",
        "+trainer.enable_progress_bar=false",
        f"runs_dir={output.parent}",
        f"output_dir={output}",
        *overrides,
    ]


def configured(chips, output, *overrides):
    """The configuration of ``train.py``, small enough for a test."""
    output.mkdir(parents=True, exist_ok=True)
    with initialize_config_dir(str(ROOT / "conf"), version_base="1.3"):
        return compose("train", small(chips, output, *overrides))


def last(output):
    return torch.load(output / "checkpoints" / "last.ckpt", weights_only=True)


@pytest.fixture(scope="module")
def first_run(chips, tmp_path_factory):
    output = tmp_path_factory.mktemp("runs") / "first"
    return output, train(configured(chips, output))


def test_a_run_leaves_checkpoints_metrics_and_pictures(first_run):
    output, best = first_run
    assert {path.name for path in (output / "checkpoints").iterdir()} == {"best.ckpt", "last.ckpt"}
    metrics = json.loads((output / "metrics.json").read_text())
    assert metrics["val/f1_cultivated"] == pytest.approx(best)
    scores = {"accuracy", "f1_macro", "f1_cultivated", "auroc", "ece", "ece_cultivated", "loss", "temperature"}
    assert {f"{side}/{name}" for side in ("val", "test") for name in scores} < metrics.keys()
    for side in ("val", "test"):
        for picture in PICTURES:
            assert min(Image.open(output / f"{side}_{picture}.png").size) > 80
    content = torch.load(output / "checkpoints" / "best.ckpt", weights_only=True)
    described = content["hyper_parameters"]
    assert described["class_names"] == ["not_cultivated", "cultivated"]
    assert described["chip_size"] == 32
    assert described["temperature"] == pytest.approx(metrics["val/temperature"])
    assert metrics["test/temperature"] == metrics["val/temperature"]


def test_the_csv_file_has_metrics_per_epoch_and_the_learning_rate(first_run):
    (table,) = first_run[0].rglob("metrics.csv")
    header = table.read_text().splitlines()[0].split(",")
    assert {"epoch", "train/loss", "val/f1_cultivated", "val/ece", "val/temperature", "lr-AdamW"} <= set(header)


@pytest.mark.parametrize("workers", [0, pytest.param(1, marks=pytest.mark.slow)])
def test_a_killed_run_goes_on_to_the_weights_of_an_uninterrupted_one(chips, tmp_path, workers):
    # Dropout, shuffling, augmentation, schedule, moments of the optimiser: all must go on where they stopped.
    options = ["model=cbam_squeezenet", "trainer.max_epochs=3", f"data.workers={workers}"]
    whole, halted = tmp_path / "whole", tmp_path / "halted"
    train(configured(chips, whole, *options))
    with pytest.raises(KilledError):
        train(configured(chips, halted, *options, "+callbacks.killed={_target_: killing.KilledBefore, epoch: 2}"))
    assert last(halted)["epoch"] == 1
    train(configured(chips, halted, *options, "ckpt_path=last"))
    one, other = last(whole), last(halted)
    assert (one["epoch"], one["global_step"]) == (other["epoch"], other["global_step"])
    assert all(torch.equal(one["state_dict"][key], other["state_dict"][key]) for key in one["state_dict"])
    assert one["hyper_parameters"] == other["hyper_parameters"]
    measured = [json.loads((folder / "metrics.json").read_text()) for folder in (whole, halted)]
    assert measured[0] == measured[1]


def test_last_is_the_newest_run_of_the_name_and_its_best_comes_along(first_run, chips):
    output = first_run[0].parent / "second"
    train(configured(chips, output, "ckpt_path=last", "trainer.max_epochs=2", "model.optimizer.lr=0"))
    before, after = last(first_run[0]), last(output)
    assert (before["epoch"], after["epoch"]) == (0, 1)
    assert after["global_step"] == 2 * before["global_step"]
    assert (output / "checkpoints" / "best.ckpt").is_file()


def test_a_diverged_run_stops_or_counts_as_the_worst(chips, tmp_path):
    diverging = ["model/optimizer=sgd_published", "model.optimizer.lr=1e30", "trainer.max_epochs=3"]
    with pytest.raises(InputError, match=r"lower model\.optimizer\.lr"):
        train(configured(chips, tmp_path / "stop", *diverging))
    assert train(configured(chips, tmp_path / "worst", *diverging, "divergence=worst")) == float("-inf")
    smallest = ["monitor.metric=val/loss", "monitor.mode=min"]
    assert train(configured(chips, tmp_path / "least", *diverging, *smallest, "divergence=worst")) == float("inf")


def test_a_full_disk_keeps_the_previous_checkpoint(chips, tmp_path, capsys):
    output = tmp_path / "run"
    train(configured(chips, output))
    before = {path.name: path.read_bytes() for path in (output / "checkpoints").iterdir()}
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (1_000_000, limits[1]))  # bytes; a checkpoint has more
    try:
        with pytest.raises(SystemExit) as stopped:
            run_task(train, configured(chips, output, "ckpt_path=last", "trainer.max_epochs=2"))
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert stopped.value.code == 2
    assert "make room, or choose another output_dir" in capsys.readouterr().err
    assert {path.name: path.read_bytes() for path in (output / "checkpoints").iterdir()} == before


def run_script(*arguments, cwd, **options):
    return subprocess.run(
        [sys.executable, str(ROOT / "train.py"), *arguments], cwd=cwd, capture_output=True, text=True, check=False, **options
    )


@pytest.mark.slow
def test_two_processes_give_the_metrics_of_one(chips, tmp_path):
    """Also where the chips are odd in number: 4 to validate, 4 to test, 14 to learn from, of which 12 fill batches."""
    options = [*HEAD_ONLY, "trainer.max_epochs=2", "model.optimizer.lr=1e-2"]
    train(configured(chips, tmp_path / "one", *options, "data.batch_size=4"))
    arguments = small(chips, tmp_path / "two", *options, "trainer=ddp", "trainer.accelerator=cpu", "trainer.devices=2")
    result = run_script(*arguments, "data.batch_size=2", cwd=tmp_path, env={**os.environ, "OMP_NUM_THREADS": "1"})
    assert result.returncode == 0, result.stderr[-2000:]
    one, two = (json.loads((tmp_path / name / "metrics.json").read_text()) for name in ("one", "two"))
    assert two == pytest.approx(one, abs=1e-4)
    weights = [last(tmp_path / name)["state_dict"] for name in ("one", "two")]
    assert all(torch.allclose(weights[0][key], weights[1][key], atol=1e-5) for key in weights[0])
    # Only the first process leaves results.
    assert result.stdout.count("best checkpoint:") == 1


@pytest.mark.slow
def test_ctrl_c_says_how_to_go_on(chips, tmp_path):
    arguments = small(chips, tmp_path / "run", "trainer.max_epochs=100000", "callbacks.early_stopping.patience=100000")
    command = [sys.executable, str(ROOT / "train.py"), *arguments]
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.STDOUT, "text": True}
    # A shell lets what it runs in the background ignore Ctrl-C, and that is inherited.
    with subprocess.Popen(
        command, cwd=tmp_path, preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL), **pipes
    ) as process:
        while not (tmp_path / "run" / "checkpoints" / "last.ckpt").exists():
            assert process.poll() is None, process.stdout.read()
            time.sleep(0.2)
        process.send_signal(signal.SIGINT)
        output, _ = process.communicate(timeout=120)
    assert process.returncode == 130
    assert "ckpt_path=last goes on" in output
    assert "Traceback" not in output


@pytest.mark.parametrize(
    ("overrides", "words"),
    [
        (["model/optimizer=sgd_published", "ckpt_path=absent.ckpt"], r"absent\.ckpt does not exist; give ckpt_path"),
        (["ckpt_path={first}"], "trained for 1 epochs already; raise trainer.max_epochs above 1"),
        (["ckpt_path={first}", "model.backbone.attention=none"], "attention cbam.*attention none"),
        (["ckpt_path={first}", "model=cbam_squeezenet"], "resnet18.*squeezenet1_0"),
        (["ckpt_path={first}", "data.labels=folders"], "classes not_cultivated, cultivated, but the data have field, nonfield"),
        (["ckpt_path=last", "runs_dir=nowhere"], "nowhere holds no run with a checkpoint"),
        (["monitor.metric=val/f2"], "monitor.metric=val/f2 is not known; choose from val/accuracy"),
        (["divergence=ignore"], "divergence=ignore is not one of stop, worst"),
        (["trainer.max_epochs=0"], "trainer.max_epochs=0 does not fit"),
        (["data.batch_size=0"], r"data\.batch_size=0 does not fit"),
    ],
)
def test_bad_input(first_run, chips, tmp_path, overrides, words):
    first = first_run[0] / "checkpoints" / "last.ckpt"
    cfg = configured(chips, tmp_path / "run", *[override.format(first=first) for override in overrides])
    with pytest.raises((InputError, InstantiationException)) as refused:
        train(cfg)
    assert re.search(words, users_mistake(refused.value) or "")


def test_absent_data_are_one_line_and_exit_code_two(tmp_path, capsys):
    with pytest.raises(SystemExit) as stopped:
        run_task(train, configured(tmp_path / "absent", tmp_path / "run"))
    assert stopped.value.code == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert "absent holds no images to learn from (0 files found)" in line


def test_help_and_configuration_import_no_torch(tmp_path):
    code = "import sys, isagrsc2.tasks.train; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
    result = run_script("--cfg", "job", "model=resnet50", cwd=tmp_path)
    assert "attention: none" in result.stdout


# Those that are not of segmenters.
MODELS = sorted(path.stem for path in (ROOT / "conf" / "model").glob("*.yaml") if "prompt_training" not in path.read_text())


@pytest.mark.parametrize("option", MODELS)
def test_every_model_is_built_from_its_option(option, tmp_path):
    if "_l14" in option:
        pytest.skip("400 M parameters; its shapes are checked on the meta device")
    cfg = configured(tmp_path, tmp_path / "run", f"model={option}")
    module = instantiate(cfg.model, class_names=("a", "b"), cultivated=("b",), class_counts=(1, 1), chip_size=64, trained_on={})
    assert module.hparams["backbone"] == dict(cfg.model.backbone)
    module.configure_optimizers()

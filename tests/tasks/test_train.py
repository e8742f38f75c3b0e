import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from hydra import compose, initialize_config_dir
from PIL import Image

from isagrsc2.errors import InputError
from isagrsc2.tasks.train import train

ROOT = Path(__file__).parents[2]


def write_chips(root, folders=("field", "nonfield"), count=6, size=64):
    rng = np.random.default_rng(0)
    for number, name in enumerate(folders):
        (root / name).mkdir(parents=True)
        for index in range(count):
            chip = rng.normal(60 + 90 * number, 20, (size, size, 3)).clip(0, 255).astype(np.uint8)
            Image.fromarray(chip).save(root / name / f"{index}.png")


@pytest.fixture(scope="module")
def chips(tmp_path_factory):
    root = tmp_path_factory.mktemp("chips")
    write_chips(root)
    return root


def configured(chips, output, *overrides):
    """The configuration of ``train.py``, small enough for a test."""
    small = [
        "model=cbam_resnet18",
        "data=image_folder",
        f"data.root={chips}",
        "data.chip_size=64",
        "data.batch_size=4",
        "data.workers=0",
        "trainer=cpu",
        "trainer.max_epochs=1",
        "+trainer.enable_progress_bar=false",
        f"runs_dir={output.parent}",
        f"output_dir={output}",
    ]
    with initialize_config_dir(str(ROOT / "conf"), version_base="1.3"):
        return compose("train", [*small, *overrides])


@pytest.fixture(scope="module")
def first_run(chips, tmp_path_factory):
    output = tmp_path_factory.mktemp("runs") / "first"
    output.mkdir()
    return output, train(configured(chips, output))


def test_a_run_leaves_checkpoints_and_metrics(first_run):
    output, best = first_run
    assert {path.name for path in (output / "checkpoints").iterdir()} == {"best.ckpt", "last.ckpt"}
    metrics = json.loads((output / "metrics.json").read_text())
    assert metrics["val/f1_cultivated"] == best
    assert {"test/accuracy", "test/f1_macro", "test/f1_cultivated", "test/auroc", "test/loss"} < metrics.keys()
    header = (output / "csv" / "metrics.csv").read_text().splitlines()[0].split(",")
    assert {"epoch", "train/loss", "val/f1_cultivated", "lr-AdamW"} <= set(header)
    content = torch.load(output / "checkpoints" / "best.ckpt", weights_only=True)
    assert content["hyper_parameters"]["class_names"] == ["not_cultivated", "cultivated"]
    assert content["hyper_parameters"]["chip_size"] == 64


def test_last_goes_on_where_the_newest_run_ended(first_run, chips):
    output = first_run[0].parent / "second"
    output.mkdir()
    train(configured(chips, output, "ckpt_path=last", "trainer.max_epochs=2"))
    before, after = (torch.load(path / "checkpoints" / "last.ckpt", weights_only=True) for path in (first_run[0], output))
    assert (before["epoch"], after["epoch"]) == (0, 1)
    assert after["global_step"] == 2 * before["global_step"]


@pytest.mark.parametrize(
    ("overrides", "words"),
    [
        (["model/optimizer=sgd_published", "ckpt_path=absent.ckpt"], r"absent\.ckpt does not exist; give ckpt_path"),
        (["ckpt_path={first}"], "trained for 1 epochs already; raise trainer.max_epochs above 1"),
        (["ckpt_path={first}", "model.backbone.attention=none"], "attention cbam, but resnet18 with attention none"),
        (["ckpt_path={first}", "data.labels=folders"], "classes not_cultivated, cultivated, but the data have field, nonfield"),
        (["ckpt_path=last", "runs_dir=nowhere"], "nowhere holds no run with a checkpoint"),
        (["monitor.metric=val/f2"], "monitor.metric=val/f2 is not known; choose from val/loss"),
    ],
)
def test_bad_input(first_run, chips, tmp_path, overrides, words):
    first = first_run[0] / "checkpoints" / "last.ckpt"
    cfg = configured(chips, tmp_path / "run", *[override.format(first=first) for override in overrides])
    with pytest.raises(InputError, match=words):
        train(cfg)


def run_script(*arguments, cwd):
    return subprocess.run(
        [sys.executable, str(ROOT / "train.py"), *arguments], cwd=cwd, capture_output=True, text=True, check=False
    )


def test_absent_data_are_one_line_and_exit_code_two(tmp_path):
    result = run_script("data=image_folder", "data.root=absent", "model=cbam_resnet18", cwd=tmp_path)
    assert result.returncode == 2
    assert "absent holds no images to learn from (0 files found)" in result.stderr
    assert "Traceback" not in result.stderr


def test_help_and_configuration_import_no_torch(tmp_path):
    code = "import sys, isagrsc2.tasks.train; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
    result = run_script("--cfg", "job", "model=resnet50", cwd=tmp_path)
    assert "attention: none" in result.stdout


@pytest.mark.parametrize("option", sorted(path.stem for path in (ROOT / "conf" / "model").glob("*.yaml")))
def test_every_model_is_built_from_its_option(option, tmp_path):
    from hydra.utils import instantiate

    cfg = configured(tmp_path, tmp_path / "run", f"model={option}")
    module = instantiate(cfg.model, class_names=("a", "b"), cultivated=("b",), chip_size=64)
    wanted = cfg.model.backbone
    attentive = any("se." in name for name, _ in module.named_parameters())
    assert attentive == (wanted.attention == "cbam")
    assert module.hparams["backbone"] == dict(wanted)
    module.configure_optimizers()

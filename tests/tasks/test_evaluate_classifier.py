import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas
import pytest
import torch
from hydra import compose, initialize_config_dir
from hydra.errors import InstantiationException
from PIL import Image
from torch import nn

from isagrsc2.classification.export import export_classifier
from isagrsc2.classification.trained import Trained
from isagrsc2.errors import InputError
from isagrsc2.tasks.entry import users_mistake
from isagrsc2.tasks.evaluate import evaluate

ROOT = Path(__file__).resolve().parents[2]
SIZE = 8  # px, of the classifier's chips
TEMPERATURE = 2.0

# Red, green or blue level of the chips of a class folder; the brightest channel is what the stand-in network sees.
COLOURS = {"field": (200, 100, 0), "road": (0, 200, 100), "wood": (100, 0, 200)}


class Colours(nn.Module):
    """Logits: mean of every channel / 50."""

    def forward(self, chips):
        assert chips.shape[1:] == (3, SIZE, SIZE)
        return chips.float().mean(dim=(2, 3)) / 50


def colour_network(names, cultivated):
    return Trained(Colours(), {}, names, cultivated, SIZE, TEMPERATURE, {})


@pytest.fixture
def known(monkeypatch):
    """Sets what the checkpoint is found to hold."""

    def hold(names=("field", "road", "wood"), cultivated=("field",)):
        monkeypatch.setattr(
            "isagrsc2.classification.trained.load_trained", lambda path, remedy: colour_network(names, cultivated)
        )

    hold()
    return hold


@pytest.fixture
def chips(tmp_path):
    """Test chips as the network expects them, but for one field that is drawn as road; 4, 2 and 3 of the classes."""
    for side, counts in (("train", (5, 5, 5)), ("test", (4, 2, 3))):
        for (name, colour), count in zip(COLOURS.items(), counts, strict=True):
            (tmp_path / "chips" / side / name).mkdir(parents=True)
            for number in range(count):
                Image.new("RGB", (20, 20), colour).save(tmp_path / "chips" / side / name / f"{number}.png")
    Image.new("RGB", (20, 20), COLOURS["road"]).save(tmp_path / "chips" / "test" / "field" / "3.png")
    return tmp_path / "chips"


def run(chips, *overrides):
    output = chips.parent / "output"
    output.mkdir(exist_ok=True)
    given = ["subject=classifier", "subject.checkpoint=best.ckpt", "data=image_folder", f"data.root={chips}"]
    settings = ["data.workers=0", "data.batch_size=2", "subject.device=cpu", f"output_dir={output}"]
    with initialize_config_dir(str(ROOT / "conf"), version_base="1.3"):
        return evaluate(compose("evaluate", [*given, *settings, *overrides]))


def report(chips):
    return json.loads((chips.parent / "output" / "metrics.json").read_text())


def test_the_same_classes(chips, known, capsys, caplog):
    with caplog.at_level("INFO"):
        f1 = run(chips, "data.labels=folders")
    found = report(chips)
    assert found["classes"] == ["field", "road", "wood"]
    assert found["confusion_matrix"] == [[3, 1, 0], [0, 2, 0], [0, 0, 3]]
    assert found["chips"] == 9
    assert found["scores"]["accuracy"] == pytest.approx(8 / 9)
    assert found["scores"]["f1_cultivated"] == pytest.approx(f1) == pytest.approx(6 / 7)
    assert found["notes"] == []
    assert (found["temperature"], found["subject"]["chip_size"], found["subject"]["split"]) == (2.0, SIZE, "test")
    printed = capsys.readouterr().out
    assert "9 chips" in printed
    assert "classes field, road, wood; chips of 8 px" in caplog.text
    assert "0.8889" in printed
    output = chips.parent / "output"
    for name in ("confusion_matrix", "reliability", "worst_mistakes"):
        with Image.open(output / f"{name}.png") as picture:
            assert min(picture.size) > 100
        assert str(output / f"{name}.png") in caplog.text


def test_predictions_chip_by_chip(chips, known):
    run(chips, "data.labels=folders")
    table = pandas.read_parquet(chips.parent / "output" / "predictions.parquet")
    assert list(table) == ["name", "label", "predicted", "p_field", "p_road", "p_wood", "p_cultivated", "correct"]
    assert table["name"].tolist() == [
        str(chips / "test" / name / f"{number}.png")
        for name, count in zip(COLOURS, (4, 2, 3), strict=True)
        for number in range(count)
    ]
    assert table["label"].tolist() == ["field"] * 4 + ["road"] * 2 + ["wood"] * 3
    assert table["predicted"].tolist() == ["field"] * 3 + ["road"] * 3 + ["wood"] * 3
    assert table["correct"].tolist() == [True] * 3 + [False] + [True] * 5
    # Logits of a field: (4, 2, 0) / 2 after the temperature.
    shares = np.exp([2, 1, 0]) / np.exp([2, 1, 0]).sum()
    np.testing.assert_allclose(table.loc[0, ["p_field", "p_road", "p_wood"]].astype(float), shares, rtol=1e-5)
    np.testing.assert_array_equal(table["p_cultivated"], table["p_field"])


def test_other_classes_are_compared_as_cultivated_or_not(chips, known, caplog):
    with caplog.at_level("INFO"):
        run(chips)  # data.labels=binary
    found = report(chips)
    assert found["classes"] == ["not_cultivated", "cultivated"]
    assert found["confusion_matrix"] == [[5, 0], [1, 3]]
    (note,) = found["notes"]
    assert "best.ckpt has field, road, wood (cultivated: field)" in note
    assert "the data set has not_cultivated, cultivated (cultivated: cultivated)" in note
    assert "what is compared is cultivated or not" in note
    assert note in caplog.text
    table = pandas.read_parquet(chips.parent / "output" / "predictions.parquet")
    assert list(table) == ["name", "label", "predicted", "p_not_cultivated", "p_cultivated", "correct"]
    known(names=("crops", "pasture", "rest"), cultivated=("crops",))
    run(chips, "data.labels=folders")
    assert report(chips)["confusion_matrix"] == [[5, 0], [1, 3]]


def test_classes_that_cannot_be_compared(chips, known):
    known(names=("a", "b", "c"), cultivated=())
    with pytest.raises(
        InputError, match=r"best\.ckpt has a, b, c .* the data set has field, road, wood .* do not map"
    ) as caught:
        run(chips, "data.labels=folders")
    assert "\n" not in str(caught.value)
    known(cultivated=("wood",))
    with pytest.raises(InputError, match="field, wood cannot be both cultivated and not"):
        run(chips, "data.labels=folders")


@pytest.mark.parametrize(("split", "count"), [("train", 12), ("val", 3), ("test", 9), ("all", 24)])
def test_sides(chips, known, split, count):
    run(chips, f"subject.split={split}")
    assert report(chips)["chips"] == count
    table = pandas.read_parquet(chips.parent / "output" / "predictions.parquet")
    assert table["name"].is_unique
    if split == "all":
        assert set(table["name"]) == {str(path) for path in chips.rglob("*.png")}


def test_any_data_option(chips, known):
    known(names=("crops", "pasture", "rest"), cultivated=("crops",))
    scenes = ["data.scenes={train: 1, val: 1, test: 1}", "data.scene_size=128", "data.per_scene=3"]
    with initialize_config_dir(str(ROOT / "conf"), version_base="1.3"):
        cfg = compose(
            "evaluate",
            ["subject=classifier", "subject.checkpoint=best.ckpt", *scenes, "data.workers=0", f"output_dir={chips.parent}"],
        )
    evaluate(cfg)  # data=synthetic, in the output folder that is there
    assert json.loads((chips.parent / "metrics.json").read_text())["chips"] <= 6


def refused(chips, *overrides):
    with pytest.raises((InputError, InstantiationException)) as caught:
        run(chips, *overrides)
    message = users_mistake(caught.value)
    assert message is not None
    assert "\n" not in message
    assert not (chips.parent / "output" / "metrics.json").exists()
    return message


def test_options_that_do_not_fit(chips, known):
    assert "subject.checkpoint is missing; give subject.checkpoint=PATH" in refused(chips, "subject.checkpoint=none")
    assert "subject.split=both is not one of train, val, test, all" in refused(chips, "subject.split=both")
    assert "subject.worst_mistakes=0 does not fit" in refused(chips, "subject.worst_mistakes=0")
    assert "device=tpu is not understood" in refused(chips, "subject.device=tpu")
    assert "data.labels=both is not known" in refused(chips, "data.labels=both")
    assert "holds no images" in refused(chips, f"data.root={chips / 'nowhere'}")
    assert "no chips for subject.split=test" in refused(chips, f"data.root={chips / 'train'}", "data.test_share=0")


def test_a_network_that_diverged(chips, monkeypatch):
    class Broken(nn.Module):
        def forward(self, chips):
            return torch.full((len(chips), 3), torch.nan)

    broken = Trained(Broken(), {}, ("field", "road", "wood"), ("field",), SIZE, 1.0, {})
    monkeypatch.setattr("isagrsc2.classification.trained.load_trained", lambda path, remedy: broken)
    assert "best.ckpt gives no numbers for some chips" in refused(chips)


def command(folder, *overrides):
    return subprocess.run(
        [sys.executable, str(ROOT / "evaluate.py"), "subject=classifier", *overrides],
        cwd=folder,
        capture_output=True,
        text=True,
    )


def test_a_missing_checkpoint_is_one_line_and_exit_code_2(tmp_path):
    done = command(tmp_path, "output_dir=out")
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr == "subject.checkpoint is missing; give subject.checkpoint=PATH of a checkpoint written by train.py.\n"


def test_a_real_checkpoint(chips):
    """A file that ``torch.save`` wrote with the content of a checkpoint of ``train.py``."""
    from isagrsc2.classification.networks.build import build_network

    backbone = {"architecture": "resnet18", "attention": "cbam", "colour": "none", "pretrained": False, "frozen": False}
    torch.manual_seed(0)
    state = {f"net.{name}": value for name, value in build_network(backbone, 2).state_dict().items()}
    described = {
        "class_names": ["not_cultivated", "cultivated"],
        "cultivated": ["cultivated"],
        "chip_size": 32,
        "trained_on": {"_target_": "isagrsc2.classification.data.image_folder.ImageFolder", "root": str(chips), "seed": 7},
        "temperature": 1.5,
    }
    path = chips.parent / "best.ckpt"
    torch.save({"hyper_parameters": {"backbone": backbone, **described}, "state_dict": state}, path)
    run(chips, f"subject.checkpoint={path}")
    found = report(chips)
    assert found["subject"] == {"checkpoint": str(path), "split": "test", "chip_size": 32}
    assert found["temperature"] == 1.5
    assert "split otherwise in training" in found["notes"][0]
    assert "seed=0 here, 7 there" in found["notes"][0]
    assert np.sum(found["confusion_matrix"]) == 9
    small = path.with_suffix(".safetensors")
    export_classifier(path, small)
    run(chips, f"subject.checkpoint={small}")
    assert report(chips) == found | {"subject": found["subject"] | {"checkpoint": str(small)}}
    path.write_bytes(path.read_bytes()[:5000])
    with pytest.raises(InputError, match=r"best\.ckpt is damaged .* give subject\.checkpoint=PATH"):
        run(chips, f"subject.checkpoint={path}")

"""Training of a promptable segmenter, with a miniature of a network and of its data."""

import json
import re
from pathlib import Path

import numpy as np
import pytest
import torch
from hydra import compose, initialize_config_dir
from killing import KilledError
from omegaconf import OmegaConf
from PIL import Image

from isagrsc2.errors import InputError
from isagrsc2.tasks.segmenter_trainee import SegmenterTrainee, _spread, _told_apart
from isagrsc2.tasks.train import train
from isagrsc2.tasks.trainee import check_kind

CONF = Path(__file__).parents[2] / "conf"


def configured(output, *overrides, val=2, test=1, width=4):
    """The configuration of ``train.py`` with data and model of the test."""
    output.mkdir(parents=True, exist_ok=True)
    given = [
        "trainee=segmenter",
        "trainer=cpu",
        "trainer.max_epochs=3",
        "+trainer.enable_progress_bar=false",
        "callbacks.early_stopping.patience=100",
        "monitor.metric=val/iou_best",
        "name=tiny",
        f"runs_dir={output.parent}",
        f"output_dir={output}",
    ]
    with initialize_config_dir(str(CONF), version_base="1.3"):
        cfg = compose("train", [*given, *overrides])
    cfg.data = {"_target_": "tiny_promptable.TwoParcels", "val": val, "test": test}
    network = {"architecture": "plane", "width": width}
    cfg.model = {"_target_": "tiny_promptable.TinyPromptable", "_convert_": "all", "network": network, "lr": 0.1}
    return cfg


def checkpoint(output, name="last"):
    return torch.load(output / "checkpoints" / f"{name}.ckpt", weights_only=True)


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    output = tmp_path_factory.mktemp("runs") / "finished"
    return output, train(configured(output))


def test_a_run_leaves_metrics_weights_and_checkpoints(finished):
    output, best = finished
    metrics = json.loads((output / "metrics.json").read_text())
    scores = {f"{side}/{name}" for side in ("val", "test") for name in ("iou_best", "iou_chosen", "score_error")}
    assert metrics.keys() == scores
    assert metrics["val/iou_best"] == pytest.approx(best)
    assert 0.5 < best <= 1
    content = checkpoint(output, "best")
    assert content["hyper_parameters"]["network"] == {"architecture": "plane", "width": 4}
    assert content["hyper_parameters"]["trained_on"] == {"_target_": "tiny_promptable.TwoParcels", "val": 2, "test": 1}
    weights = torch.load(output / "weights.pt", weights_only=True)  # of the best epoch, and nothing learned from the pictures
    assert all(torch.equal(weights[key], content["state_dict"][f"net.{key}"]) for key in weights)


def test_the_csv_file_has_the_metrics_of_every_epoch(finished):
    header, *lines = (finished[0] / "metrics.csv").read_text().splitlines()
    assert {"epoch", "train/loss", "val/iou_best", "val/iou_chosen", "val/score_error", "lr-Adam"} <= set(header.split(","))
    assert len(lines) >= 3


@pytest.mark.parametrize("side", ["val", "test"])
def test_the_pictures_show_masks(finished, side):
    picture = np.asarray(Image.open(finished[0] / f"{side}_prompts.png").convert("RGB")).astype(int)
    for colour in ((255, 212, 0), (53, 208, 255)):  # outlines and numbers of the first two prompts
        assert (np.abs(picture - colour).max(axis=2) < 8).sum() > 100


def test_what_is_said_at_the_end(tmp_path, capsys, caplog):
    caplog.set_level("INFO")
    train(configured(tmp_path / "run", "trainer.max_epochs=1", test=0))
    table = capsys.readouterr().out
    assert "prompts in images: 2 to validate and 0 to test" in table
    assert re.search(r"mean IoU of the best of the masks of a prompt\W+\d\.\d{4}", table)
    assert "images: 2 to choose the best epoch, 0 to test; 29 of 29 weights learn" in caplog.messages
    assert f"use it: python segment.py segmenter.checkpoint={tmp_path / 'run' / 'weights.pt'}" in caplog.messages
    assert f"pictures: {tmp_path / 'run' / 'val_prompts.png'}" in caplog.messages
    assert {name.split("/")[0] for name in json.loads((tmp_path / "run" / "metrics.json").read_text())} == {"val"}


def test_a_killed_run_goes_on_to_the_weights_of_an_uninterrupted_one(finished, tmp_path):
    halted = tmp_path / "halted"
    with pytest.raises(KilledError):
        train(configured(halted, "+callbacks.killed={_target_: killing.KilledBefore, epoch: 1}"))
    assert checkpoint(halted)["epoch"] == 0
    assert train(configured(halted, "ckpt_path=last")) == finished[1]
    one, other = checkpoint(finished[0]), checkpoint(halted)
    assert (one["epoch"], one["global_step"]) == (other["epoch"], other["global_step"]) == (2, 6)
    assert all(torch.equal(one["state_dict"][key], other["state_dict"][key]) for key in one["state_dict"])
    metrics = [(folder / "metrics.json").read_text() for folder in (finished[0], halted)]
    assert metrics[0] == metrics[1]


@pytest.mark.parametrize(
    ("overrides", "given", "words"),
    [
        (["ckpt_path={last}"], {"width": 8}, r"last\.ckpt holds a network with width 4, but one with width 8 was asked for"),
        (["ckpt_path={last}"], {}, "trained for 3 epochs already; raise trainer.max_epochs above 3"),
        (["ckpt_path={weights}"], {}, r"weights\.pt is not a checkpoint of a promptable segmenter"),
        (["ckpt_path=absent.ckpt"], {}, r"absent\.ckpt does not exist; give ckpt_path=PATH"),
        (["monitor.metric=val/f1_cultivated"], {}, "not known; choose from val/iou_best, val/iou_chosen, val/score_error"),
        (["trainee.shown_prompts=0"], {}, r"trainee\.shown_prompts=0 does not fit"),
    ],
)
def test_bad_input(finished, tmp_path, overrides, given, words):
    places = {"last": finished[0] / "checkpoints" / "last.ckpt", "weights": finished[0] / "weights.pt"}
    with pytest.raises(InputError, match=words):
        train(configured(tmp_path / "run", *[override.format(**places) for override in overrides], **given))


@pytest.mark.parametrize(
    ("part", "option", "words"),
    [
        ("model", {"_target_": "isagrsc2.classification.lightning_module.ChipClassifier"}, "model makes a ChipClassifier"),
        ("data", {"_target_": "isagrsc2.classification.data.synthetic.SyntheticChips"}, "data makes a SyntheticChips"),
        ("trainee", {"_target_": "isagrsc2.tasks.classifier_trainee.ClassifierTrainee", "worst_mistakes": 1}, "TwoParcels"),
    ],
)
def test_parts_that_do_not_go_together(tmp_path, part, option, words):
    cfg = configured(tmp_path / "run")
    cfg[part] = option
    with pytest.raises(InputError, match=f"{words}.*does not go with trainee=.*experiment="):
        train(cfg)


def test_a_function_that_makes_data_is_refused_too():
    with pytest.raises(InputError, match="model makes a check_kind, which does not go with trainee=segmenter"):
        check_kind("model", OmegaConf.create({"_target_": "isagrsc2.tasks.trainee.check_kind"}), int, "segmenter")


def test_the_picture_is_of_prompts_spread_over_all(finished):
    cfg = configured(finished[0], val=5)
    trainee = SegmenterTrainee(shown_images=2, shown_prompts=2, data=cfg.data, model=cfg.model)
    shown = trainee._answered(trainee.data.images("val")[4])
    np.testing.assert_array_equal(shown.prompts, [(5.5, 4.5), (17.5, 12.5)])  # the first and the last
    assert shown.parcels[:, 0, [0, -1]].tolist() == [[True, False], [False, True]]
    np.testing.assert_allclose(shown.scores, 0.8)
    known = np.ones(shown.masks.shape[1:], bool)
    known[-2:] = False
    masks = shown.masks & known
    ious = (masks & shown.parcels).sum(axis=(1, 2)) / (masks | shown.parcels).sum(axis=(1, 2))
    np.testing.assert_allclose(shown.ious, ious, rtol=1e-6)


@pytest.mark.parametrize(
    ("count", "wanted", "places"), [(0, 6, []), (1, 6, [0]), (3, 6, [0, 1, 2]), (5, 3, [0, 2, 4]), (4, 1, [0])]
)
def test_what_is_shown_is_spread(count, wanted, places):
    assert _spread(count, wanted).tolist() == places


def test_networks_are_told_apart_by_what_they_do_not_share():
    one, other = {"kind": "plane", "width": 4, "depth": 2}, {"kind": "plane", "width": 8}
    assert _told_apart(one, other) == ("width 4, depth 2", "width 8, depth unset")

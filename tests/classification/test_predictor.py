import logging
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from hydra.utils import instantiate

from isagrsc2.classification.predictor import Unclassified, classifier_from_checkpoint

CONF = Path(__file__).parents[2] / "conf"
USING = {"labels": "binary", "threshold": 0.5, "device": "cpu", "batch": 2}


def test_unclassified_knows_nothing():
    classifier = Unclassified()
    names, p = classifier.classify(np.zeros((3, 0, 0, 3), np.uint8))
    assert p.dtype == np.float32
    assert p.shape == (3,)
    assert np.isnan(p).all()
    assert names == ["unclassified"] * 3
    assert (classifier.class_names, classifier.cultivated) == (("unclassified",), ())


def test_no_checkpoint_is_unclassified_and_says_so_once(caplog):
    with caplog.at_level(logging.WARNING):
        classifier = classifier_from_checkpoint("none", "as_trained", "as_trained", **USING)
    assert isinstance(classifier, Unclassified)
    assert len(caplog.records) == 1
    assert "unclassified" in caplog.records[0].message


def test_nothing_here_imports_torch():
    code = (
        "import sys, isagrsc2.classification.segments\n"
        "from isagrsc2.classification.predictor import classifier_from_checkpoint\n"
        f"classifier_from_checkpoint('none', 'as_trained', 'as_trained', **{USING})\n"
        "sys.exit('torch' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


OPTIONS = sorted(path.stem for path in (CONF / "classifier").glob("*.yaml"))
# Models of chips have a backbone, given or inherited; those of segmenters name another module.
MODELS = sorted(path.stem for path in (CONF / "model").glob("*.yaml") if "prompt_training" not in path.read_text())


@pytest.mark.parametrize("option", sorted({*OPTIONS} - {"embedded", "clip"}))
def test_options_of_trained_networks_are_unclassified_until_there_is_a_checkpoint(option, compose_config):
    cfg = compose_config("segment", f"classifier={option}", "device=cpu")
    assert isinstance(instantiate(cfg.classifier), Unclassified)


@pytest.mark.parametrize("option", MODELS)
def test_the_option_of_a_model_insists_on_its_network(option, compose_config):
    """Every model has a classifier of its name; what it insists on are parts of the model's backbone."""
    backbone = compose_config("train", f"model={option}").model.backbone
    network = compose_config("segment", f"classifier={option}").classifier.network
    assert dict(network) == {part: backbone[part] for part in ("architecture", "attention", "colour")}


def test_there_is_an_option_for_every_model_and_one_for_all():
    assert set(OPTIONS) == {*MODELS, "trained", "embedded", "clip", "none"}

"""Runs that notebooks start leave what those of a command line leave."""

import json

import pytest
from hydra.errors import HydraException
from omegaconf import OmegaConf
from PIL import Image

from isagrsc2.errors import InputError
from isagrsc2.tasks.compare.comparison import compare
from isagrsc2.tasks.compare.runs import find_runs
from isagrsc2.tasks.notebook import compose_run, scene_folders
from isagrsc2.tasks.rounds_picture import draw_rounds_of
from isagrsc2.tasks.segment import segment

SMALL = ["segmenter=regions", "classifier=none", "scene=synthetic", "scene.seeds=[3,4]", "scene.width=96", "scene.height=64"]


@pytest.fixture
def conf(pytestconfig):
    return pytestconfig.rootpath / "conf"


def test_the_record_is_that_of_a_command_line(conf, tmp_path):
    output = tmp_path / "a folder, with = and [brackets]"
    cfg = compose_run("segment", conf, SMALL, output)
    assert "hydra" not in cfg
    assert cfg.output_dir == str(output)
    assert OmegaConf.load(output / ".hydra" / "config.yaml") == cfg
    choices = OmegaConf.load(output / ".hydra" / "hydra.yaml").hydra.runtime.choices
    assert (choices.segmenter, choices.scene) == ("regions", "synthetic")
    assert OmegaConf.load(output / ".hydra" / "overrides.yaml") == SMALL


def test_runs_can_be_compared_and_their_rounds_drawn(conf, tmp_path):
    for prompting in ("residual", "single_pass"):
        cfg = compose_run("segment", conf, [*SMALL, f"prompting={prompting}"], tmp_path / prompting)
        segment(cfg)
    (comparison,) = compare(find_runs([tmp_path]).runs, [], None)
    assert sorted(comparison.options["prompting"]) == ["residual", "single_pass"]
    assert [folder.name for folder in scene_folders(cfg)] == ["synthetic_3", "synthetic_4"]
    assert all(json.loads((folder / "metrics.json").read_text())["parcels"] for folder in scene_folders(cfg))
    path = draw_rounds_of(cfg)
    assert path == tmp_path / "single_pass" / "synthetic_3" / "rounds.png"
    assert Image.open(path).size[0] > 600


def test_no_round_is_one_message(conf, tmp_path):
    cfg = compose_run("segment", conf, [*SMALL, "prompting.min_residual=1"], tmp_path)
    with pytest.raises(InputError, match=r"no round was done on the first tile.*prompting\.min_residual=1"):
        draw_rounds_of(cfg)


def test_wrong_names(conf, tmp_path):
    with pytest.raises(InputError, match=r"delineate\.yaml is not there; give the folder conf"):
        compose_run("delineate", conf, [], tmp_path)
    with pytest.raises(HydraException, match="no_such"):
        compose_run("segment", conf, ["segmenter=no_such"], tmp_path)
    assert not (tmp_path / ".hydra").exists()

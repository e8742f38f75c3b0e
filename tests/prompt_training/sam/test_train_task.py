"""``train.py experiment=train/sam_decoder`` from scenes to a file that ``segment.py`` reads."""

import json
from pathlib import Path

import pytest
from segment_anything import sam_model_registry
from tiny_sam import random_sam

from isagrsc2.errors import InputError
from isagrsc2.segmenters.sam.segmenter import SamSegmenter
from isagrsc2.tasks.train import train


@pytest.fixture
def compose_run(compose_config, tmp_path, checkpoint, scenes):
    images, reference = scenes

    def compose(*overrides):
        return compose_config(
            "train",
            "experiment=train/sam_decoder",
            f"segmenter.checkpoint={checkpoint}",
            f"data.path={images}",
            f"data.reference={reference}",
            f"data.cache={tmp_path / 'cache'}",
            "data.workers=0",
            "data.visits=1",
            "device=cpu",
            "trainer.accelerator=cpu",
            "trainer.max_epochs=1",
            f"runs_dir={tmp_path}",
            f"output_dir={tmp_path / 'run'}",
            *overrides,
        )

    (tmp_path / "run").mkdir()
    return compose


def test_from_scenes_to_weights(compose_run, tmp_path):
    train(compose_run("+trainer.enable_progress_bar=false"))
    run = tmp_path / "run"
    metrics = json.loads((run / "metrics.json").read_text())
    assert {"val/iou_best", "val/iou_chosen", "val/good_passing", "test/iou_best", "test/score_error"} <= metrics.keys()
    assert (run / "val_prompts.png").exists()
    batch = {"cpu": 64, "cuda": 64, "mps": 64}
    SamSegmenter("vit_b", str(run / "sam_vit_b_parcels.pth"), str(tmp_path), "cpu", batch, 1.0, "float32", False)  # fits
    assert len(list(Path(tmp_path, "cache").glob("scene_*_*/*.npy"))) == 6


def test_refuses_to_go_on_with_another_encoder(compose_run, tmp_path, monkeypatch):
    train(compose_run("+trainer.enable_progress_bar=false", "data.test_share=0"))
    monkeypatch.setitem(sam_model_registry, "vit_l", lambda: random_sam(128, seed=1))
    with pytest.raises(InputError, match="holds a network with model vit_b, but one with model vit_l"):
        train(compose_run("segmenter=sam_vit_l", "ckpt_path=last", "trainer.max_epochs=2"))

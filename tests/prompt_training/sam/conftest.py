"""Scenes of bright rectangles on dark ground, and a tiny SAM where the program looks for the published one."""

from functools import partial

import numpy as np
import pytest
import shapely
import torch
from segment_anything import sam_model_registry
from tiny_sam import make_tiny_sam, random_sam
from tiny_scenes import write_image, write_via

from isagrsc2.prompt_training.prompts import PromptSampler
from isagrsc2.prompt_training.sam.data import SamPrompts
from isagrsc2.prompt_training.sam.lightning_module import SamDecoderModule
from isagrsc2.prompt_training.sam.losses import SamLoss
from isagrsc2.prompt_training.sam.recalibration import Recalibration
from isagrsc2.scene.stretch import NoStretch
from isagrsc2.scene.tiling import Tiling

SIZE = 128  # px; side of a scene, of a tile and of the network's input
CELLS = SIZE // 4  # side of a mask, decoder px


@pytest.fixture(scope="session")
def small_sam():
    return make_tiny_sam(SIZE)


@pytest.fixture
def checkpoint(tmp_path, monkeypatch, small_sam):
    """A file that ``segmenter=sam_vit_b segmenter.checkpoint=...`` reads."""
    path = tmp_path / "my_sam.pth"
    torch.save(small_sam.state_dict(), path)
    monkeypatch.setitem(sam_model_registry, "vit_b", lambda: random_sam(SIZE, seed=9))
    return path


def rectangles(rng):
    """Two or three rectangles in different quarters of a scene."""
    half = SIZE // 2
    corners = [(column, row) for column in (0, half) for row in (0, half)]
    chosen = [corners[number] for number in rng.permutation(4)[: rng.integers(2, 4)]]
    boxes = []
    for x, y in chosen:
        left, top = rng.integers(2, 12, 2)
        width, height = rng.integers(30, 48, 2)
        boxes.append(shapely.box(x + left, y + top, x + left + width, y + top + height))
    return boxes


@pytest.fixture
def scenes(tmp_path):
    """Folder of images and a VIA file: six scenes."""
    rng = np.random.default_rng(0)
    polygons_of = {f"scene_{number}.png": rectangles(rng) for number in range(6)}
    for name, boxes in polygons_of.items():
        image = rng.normal(60, 10, (SIZE, SIZE, 3))
        for box in boxes:
            x0, y0, x1, y1 = map(int, box.bounds)
            image[y0:y1, x0:x1] += rng.uniform(80, 130, 3)
        write_image(tmp_path / "images" / name, image.clip(0, 255).astype(np.uint8))
    return tmp_path / "images", write_via(tmp_path / "parcels.json", polygons_of)


@pytest.fixture
def make_data(tmp_path, checkpoint, scenes):
    def make(**changes):
        images, reference = scenes
        arguments = {
            "path": str(images),
            "reference": str(reference),
            "bands": "auto",
            "stretch": NoStretch(),
            "val_share": 0.3,
            "test_share": 0.0,
            "tiling": Tiling(SIZE, 0),
            "model": "vit_b",
            "checkpoint": str(checkpoint),
            "weights_dir": str(tmp_path),
            "device": "cpu",
            "cache": str(tmp_path / "cache"),
            "prompts": PromptSampler(count=12, inside=0.8, border=0.1, outside=0.1, border_reach=1.0, min_parcel=4),
            "val_prompts": 64,
            "visits": 4,
            "batch_size": 2,
            "workers": 0,
            "seed": 0,
        }
        return SamPrompts(**(arguments | changes))

    return make


@pytest.fixture
def make_module(tmp_path, checkpoint):
    def make(**changes):
        arguments = {
            "model": "vit_b",
            "checkpoint": str(checkpoint),
            "weights_dir": str(tmp_path),
            "batch": {"cpu": 64, "cuda": 64, "mps": 64},
            "stability_offset": 1.0,
            "trained_on": {"path": "images"},
            "loss": SamLoss(20.0, 1.0, 1.0, 2.0, 0.25),
            "recalibration": Recalibration(threshold=0.88, good_iou=0.6, passing=0.8, bins=10, least_slope=0.1),
            "optimizer": partial(torch.optim.AdamW, lr=3e-3),
            "scheduler": partial(torch.optim.lr_scheduler.ConstantLR, factor=1.0),
        }
        return SamDecoderModule(**(arguments | changes))

    return make

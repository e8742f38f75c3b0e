"""Miniatures: small scenes, small crops, few prompts. Every fixture makes one, with changes."""

from pathlib import Path

import pytest
from hydra.utils import instantiate
from omegaconf import OmegaConf

CONF = Path(__file__).parents[3] / "conf"


@pytest.fixture
def make_style():
    """``FarmlandStyle``."""
    return lambda **changes: instantiate(OmegaConf.load(CONF / "farmland" / "default.yaml"), **changes, _convert_="all")


@pytest.fixture
def make_synthetic(make_style):
    """``SyntheticScenes``."""
    from isagrsc2.prompt_training.data.synthetic_source import SyntheticScenes

    def make(**changes):
        arguments = {"style": make_style(), "size": 64, "crops_per_scene": 1, "scale": [1, 1]}
        return SyntheticScenes(**(arguments | {"val_scenes": 1, "test_scenes": 0, "seed": 0} | changes))

    return make


@pytest.fixture
def make_data(make_synthetic):
    """``PromptDataModule``, without labelled scenes, if no path is given."""
    from isagrsc2.prompt_training.crops import RandomCrop
    from isagrsc2.prompt_training.data.module import PromptDataModule
    from isagrsc2.prompt_training.prompts import PromptSampler
    from isagrsc2.scene.stretch import NoStretch

    def make(**changes):
        arguments = {
            "synthetic": make_synthetic(),
            "path": "none",
            "reference": "none",
            "bands": "auto",
            "stretch": NoStretch(),
            "labelled_share": 0.5,
            "labelled_scale": [0.8, 1.25],
            "val_share": 0.25,
            "test_share": 0.25,
            "max_side": 48,
            "val_prompts": 4,
            "crop": RandomCrop(32, rotation=20, aspect=1.1, flip=0.5),
            "appearance": instantiate(OmegaConf.load(CONF / "data" / "appearance" / "varied.yaml")),
            "prompts": PromptSampler(6, inside=0.7, border=0.2, outside=0.1, border_reach=2, min_parcel=4),
            "crops_per_epoch": 8,
            "batch_size": 4,
            "workers": 0,
            "seed": 0,
        }
        return PromptDataModule(**(arguments | changes))

    return make


@pytest.fixture
def make_labelled_data(make_data):
    """``PromptDataModule`` with the scenes of a folder as ``labelled_pngs`` writes it."""

    def make(root, **changes):
        return make_data(**({"path": str(root / "images"), "reference": str(root / "via_regions.json")} | changes))

    return make

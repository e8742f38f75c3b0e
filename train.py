"""Train a classifier of chips or a promptable segmenter.

``python train.py model=cbam_resnet50 data=image_folder data.root=PATH``, ``python train.py experiment=train/compact``.
"""

import hydra
from omegaconf import DictConfig

from isagrsc2.tasks.entry import launch, run_task
from isagrsc2.tasks.train import train


@hydra.main(version_base="1.3", config_path="conf", config_name="train")
def main(cfg: DictConfig) -> float:
    """Return the monitored metric, for sweeps."""
    return run_task(train, cfg)


if __name__ == "__main__":
    launch(main)

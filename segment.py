"""Imagery to parcels of cultivated land: `python segment.py scene.path=PATH`."""

import hydra
from omegaconf import DictConfig

from isagrsc2.tasks.entry import launch, run_task


@hydra.main(version_base="1.3", config_path="conf", config_name="segment")
def main(cfg: DictConfig) -> float:
    """Return the share of valid pixels covered, for sweeps."""
    from isagrsc2.tasks.segment import segment  # only now: --help and --cfg need none of the libraries

    return run_task(segment, cfg)


if __name__ == "__main__":
    launch(main)

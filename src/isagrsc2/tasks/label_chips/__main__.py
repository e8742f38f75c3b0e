"""``python -m isagrsc2.tasks.label_chips scene.path=IMAGES reference=PARCELS output_dir=chips``."""

import hydra
from omegaconf import DictConfig

from isagrsc2.tasks.entry import launch, run_task


@hydra.main(version_base="1.3", config_path="../../../../conf", config_name="label_chips")
def main(cfg: DictConfig) -> int:
    """Return the number of chips, for sweeps."""
    from isagrsc2.tasks.label_chips.task import label_chips  # only now: --help and --cfg need none of the libraries

    return run_task(label_chips, cfg)


if __name__ == "__main__":
    launch(main)

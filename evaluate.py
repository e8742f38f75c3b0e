"""Compare results with references: `python evaluate.py subject.predictions=FOLDER subject.reference=PATH`."""

import hydra
from omegaconf import DictConfig

from isagrsc2.tasks.entry import launch, run_task
from isagrsc2.tasks.evaluate import evaluate


@hydra.main(version_base="1.3", config_path="conf", config_name="evaluate")
def main(cfg: DictConfig) -> float | None:
    """Return the mean object F1, for sweeps."""
    return run_task(evaluate, cfg)


if __name__ == "__main__":
    launch(main)

"""Which tracker a process has."""

import os

from hydra.utils import instantiate
from omegaconf import DictConfig

from isagrsc2.tasks.tracking.no_tracker import NoTracker
from isagrsc2.tasks.tracking.protocol import Tracker

# Where torchrun, SLURM and Lightning (machine and process on it) say which process of several this is: the first has 0 in all.
_RANKS = ("RANK", "SLURM_PROCID", "NODE_RANK", "LOCAL_RANK")


def choose_tracker(option: DictConfig) -> Tracker:
    """Make the tracker of the configuration; of several processes that train together only in the first.

    Args:
        option: ``cfg.logger``.
    """
    if any(int(os.environ.get(name, "0")) > 0 for name in _RANKS):
        return NoTracker()
    tracker: Tracker = instantiate(option, _convert_="all")
    return tracker

"""Which tracker a process has."""

import os

from hydra.utils import instantiate
from omegaconf import DictConfig

from isagrsc2.tasks.tracking.no_tracker import NoTracker
from isagrsc2.tasks.tracking.protocol import Tracker

# Where torchrun, Lightning and SLURM say which process of several this is; the first that is set counts.
_RANKS = ("RANK", "LOCAL_RANK", "SLURM_PROCID")


def choose_tracker(option: DictConfig) -> Tracker:
    """Make the tracker of the configuration; of several processes that train together only in the first.

    Args:
        option: ``cfg.logger``.
    """
    rank = next((os.environ[name] for name in _RANKS if name in os.environ), "0")
    if int(rank) > 0:
        return NoTracker()
    tracker: Tracker = instantiate(option, _convert_="all")
    return tracker

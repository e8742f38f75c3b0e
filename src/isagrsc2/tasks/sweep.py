"""Which job of a sweep this is, and what it is called where runs are compared."""

from pathlib import Path
from typing import Any

from hydra.core.hydra_config import HydraConfig
from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.experimental.callback import Callback
from hydra.types import RunMode
from omegaconf import DictConfig, OmegaConf, read_write

# Longer names are refused by Weights & Biases.
_LONGEST = 128


def in_sweep() -> bool:
    """Whether this is a job of a sweep (``-m``)."""
    return HydraConfig.initialized() and HydraConfig.get().mode == RunMode.MULTIRUN


def run_name(name: str) -> str:
    """Name of a run: the given one, in a sweep the job's number and what is swept, as in ``3 model=resnet50,seed=1``."""
    if not in_sweep():
        return name
    job = HydraConfig.get().job
    return f"{job.num} {job.override_dirname}"[:_LONGEST].strip()


def run_group(name: str) -> str:
    """Group of a run: the given one, in a sweep one that only its jobs have: with the name of the sweep's folder."""
    return f"{name} {Path(HydraConfig.get().sweep.dir).name}" if in_sweep() else name


def register_resolvers() -> None:
    """Let configuration files say ``${run_name:...}`` and ``${run_group:...}``."""
    OmegaConf.register_new_resolver("run_name", run_name, replace=True)
    OmegaConf.register_new_resolver("run_group", run_group, replace=True)


class NamesOfJobs(Callback):
    """Leaves what all jobs of a sweep share out of their names, in Hydra's terms out of ``override_dirname``."""

    def on_multirun_start(self, config: DictConfig, **kwargs: Any) -> None:  # noqa: ARG002
        """Add the keys to those that are left out, before the configurations of jobs are composed."""
        given = OverridesParser.create().parse_overrides(list(config.hydra.overrides.task))
        shared = [one.key_or_group for one in given if not one.is_sweep_override()]
        left_out = [*config.hydra.job.config.override_dirname.exclude_keys, *shared]
        if left_out:
            with read_write(config):
                keys = ",".join(left_out)
                config.hydra.overrides.hydra.append(f"hydra.job.config.override_dirname.exclude_keys=[{keys}]")

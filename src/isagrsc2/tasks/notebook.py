"""Runs that a notebook starts: the configuration, and the record of it, are those of the entry points."""

from collections.abc import Sequence
from pathlib import Path

from hydra import compose, initialize_config_dir
from hydra.utils import instantiate
from omegaconf import DictConfig, OmegaConf, open_dict

from isagrsc2.errors import InputError
from isagrsc2.tasks.sweep import register_resolvers

# Where Hydra keeps the configuration of a run that a command line started.
RECORD = ".hydra"


def compose_run(task: str, conf: Path, overrides: Sequence[str], output: Path) -> DictConfig:
    """Compose the configuration of a run, and keep it in the output folder, where ``tasks.compare`` looks for it.

    Args:
        task: name of a root configuration: ``segment``, ``train`` or ``evaluate``.
        conf: the folder of configuration files.
        overrides: as on a command line: ``["scene=synthetic", "scene.width=512"]``; relative paths start in the working
            directory of the notebook.
        output: folder of the run; is made if it is not there.

    Returns:
        What the function of the task takes: ``segment(compose_run("segment", ...))``.

    Raises:
        InputError: there is no such root configuration.
        hydra.errors.HydraException: an override does not fit; its message says which.
    """
    root = conf / f"{task}.yaml"
    if not root.is_file():
        raise InputError(f"{root} is not there; give the folder conf of the repository, and segment, train or evaluate.")
    register_resolvers()
    with initialize_config_dir(str(conf.resolve()), version_base="1.3"):
        cfg = compose(task, list(overrides), return_hydra_config=True)
    with open_dict(cfg):
        hydra = cfg.pop("hydra")
    cfg.output_dir = str(output)
    record = output / RECORD
    record.mkdir(parents=True, exist_ok=True)
    OmegaConf.save(cfg, record / "config.yaml")
    OmegaConf.save(OmegaConf.create({"hydra": hydra}), record / "hydra.yaml")
    OmegaConf.save(OmegaConf.create(list(overrides)), record / "overrides.yaml")
    return cfg


def scene_folders(cfg: DictConfig) -> list[Path]:
    """Result folders of the scenes of a run, in order; those of scenes that could not be segmented are not there.

    Args:
        cfg: of ``compose_run``, for ``segment``.
    """
    return [Path(cfg.output_dir, source.name) for source in instantiate(cfg.scene, _convert_="all").sources()]

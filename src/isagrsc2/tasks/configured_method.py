"""A method that travels to other processes as its options, not as its networks."""

import json
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache

from hydra.utils import instantiate
from omegaconf import DictConfig, OmegaConf

from isagrsc2.pipeline import Method
from isagrsc2.weights.identity import identities_of_weights

_STAGES = ("tiling", "superres", "segmenter", "prompting", "refinement", "merging", "stitching")


@dataclass(frozen=True)
class ConfiguredMethod(Method):
    """A method made of options.

    Where it is unpickled it is made again: on the device that is there (``device=auto``), and in a process that
    segments several scenes only once, so that a network is loaded once per worker.

    Attributes:
        options: of the stages, JSON.
        weights: what ``identities_of_weights`` says of the stages, JSON: under the same options a file can be another one.
    """

    options: str
    weights: str

    def __reduce__(self) -> tuple[Callable[[str, str], "ConfiguredMethod"], tuple[str, str]]:
        return _made_once, (self.options, self.weights)


def configure_method(cfg: DictConfig) -> ConfiguredMethod:
    """Make the method.

    Args:
        cfg: holds an option of every stage.

    Raises:
        InputError: a number does not fit, or weights are missing.
    """
    stages = {name: instantiate(cfg[name], _convert_="all") for name in _STAGES}
    options = {name: OmegaConf.to_container(cfg[name], resolve=True) for name in _STAGES}
    weights = json.dumps(identities_of_weights(options))  # type: ignore[arg-type]  # never lists
    method = ConfiguredMethod(**stages, options=json.dumps(options), weights=weights)
    method.scene_tiling.tiles(1, 1)  # sizes that do not fit show before the first scene is opened
    return method


@lru_cache(maxsize=1)
def _made_once(options: str, weights: str) -> ConfiguredMethod:
    stages = {name: instantiate(option, _convert_="all") for name, option in json.loads(options).items()}
    return ConfiguredMethod(**stages, options=options, weights=weights)

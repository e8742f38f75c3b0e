"""Every option of every group composes, and every ``_target_`` exists and accepts exactly its keys."""

import inspect
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hydra import compose, initialize_config_dir
from hydra.core.global_hydra import GlobalHydra
from hydra.utils import get_object
from omegaconf import OmegaConf

CONF = Path(__file__).parents[1] / "conf"
ROOTS = [path.stem for path in CONF.glob("*.yaml")]

Composed = dict[tuple[str, ...], Any]


def composed_with(root: str, *overrides: str) -> tuple[Any, dict[str, str]]:
    """A root configuration, plain and unresolved, and what it has chosen: group, as a command line writes it -> option."""
    cfg = compose(root, list(overrides), return_hydra_config=True)
    chosen = {str(group): str(name) for group, name in cfg.hydra.runtime.choices.items() if not str(group).startswith("hydra/")}
    own = {key: value for key, value in OmegaConf.to_container(cfg, resolve=False).items() if key != "hydra"}
    return own, chosen


@pytest.fixture(scope="module", params=["in one root", pytest.param("in every root", marks=pytest.mark.slow)])
def composed(request: pytest.FixtureRequest) -> Composed:
    """Every option file of every group, composed: (root, override, override of the group inside) -> configuration.

    Composing takes a third of a second, so an option of several roots is first composed in one of them, that which comes first.
    One inside an option (an augmentation inside a data option) is composed in the first option that has its group.
    """
    in_one_root = request.param == "in one root"
    GlobalHydra.instance().clear()
    found: Composed = {}
    seen: set[str] = set()
    with initialize_config_dir(str(CONF), version_base="1.3"):
        for root in ROOTS:
            found[root,], groups = composed_with(root)
            for group in (group for group in groups if "/" not in group):
                # Experiments lie in a folder named like the root they are for.
                for file in sorted([*(CONF / group).glob("*.yaml"), *(CONF / group / root).glob("*.yaml")]):
                    above = f"{group}={file.relative_to(CONF / group).with_suffix('')}"
                    if in_one_root and above in seen:
                        continue
                    seen.add(above)
                    found[root, above], inner = composed_with(root, above)
                    for nested in (name for name in inner if name.startswith(f"{group}/")):
                        for one in sorted((CONF / nested.split("@")[0]).glob("*.yaml")):
                            override = f"{nested}={one.stem}"
                            if override in seen:
                                continue
                            seen.add(override)
                            chosen = inner[nested] == one.stem
                            found[root, above, override] = (
                                found[root, above] if chosen else composed_with(root, above, override)[0]
                            )
    return found


def targets(node: Any) -> Iterator[dict[str, Any]]:
    """Every mapping with a ``_target_``, at any depth."""
    if isinstance(node, dict):
        if "_target_" in node:
            yield node
        for value in node.values():
            yield from targets(value)
    elif isinstance(node, list):
        for value in node:
            yield from targets(value)


def test_every_option_file_composes(composed: Composed) -> None:
    """The fixture raises where one does not; here none may have been passed over."""
    overrides = {override for key in composed for override in key[1:]}
    # As a path, "data/augment=none" lies in the folder data/augment, "experiment=train/rsscn7" in experiment/train.
    used = {str(Path(override.split("@")[0].split("=")[0], override.split("=")[1]).parent) for override in overrides}
    inside = {"farmland", "border_hierarchy"}  # chosen inside scene, data, segmenter and model options
    folders = {str(file.parent.relative_to(CONF)) for file in CONF.glob("*/**/*.yaml")}
    assert {folder for folder in folders if not folder.startswith("hydra/")} == used | inside


def test_every_target_takes_exactly_its_keys(composed: Composed) -> None:
    nodes = {(node["_target_"], tuple(sorted(node))): node for cfg in composed.values() for node in targets(cfg)}
    assert len(nodes) > 20
    for node in nodes.values():
        keys = {key for key in node if key not in ("_target_", "_partial_", "_convert_", "_recursive_")}
        parameters = inspect.signature(get_object(node["_target_"])).parameters
        named = {name for name, one in parameters.items() if one.kind is not inspect.Parameter.VAR_KEYWORD}
        open_ended = len(named) < len(parameters)
        assert keys <= named or open_ended, f"{node['_target_']} does not take {keys - named}"
        if node["_target_"].startswith("isagrsc2."):
            # A number lives in YAML or in Python, never in both: what YAML leaves out, the task supplies.
            in_python = {name for name in named - keys if parameters[name].default is not inspect.Parameter.empty}
            assert not in_python, f"{node['_target_']} has {in_python} in Python"

"""Every extra installs beside the others, and what it brings can be imported."""

import importlib
import re
from importlib.metadata import PackageNotFoundError, metadata, version

import pytest

# What a package is called where it is imported, if not by its name.
MODULES = {"open_clip_torch": "open_clip", "hydra-joblib-launcher": "hydra_plugins.hydra_joblib_launcher"}
MODULES |= {"hydra-submitit-launcher": "hydra_plugins.hydra_submitit_launcher"}
MODULES |= {"hydra-optuna-sweeper": "hydra_plugins.hydra_optuna_sweeper"}
# Programs that drive others; they are installed where somebody works with notebooks.
NOT_IN_DEV = {"jupyterlab"}


def requirements() -> dict[str, str]:
    """Pinned versions of the packages of all extras but ``dev``."""
    found = {}
    for line in metadata("isagrsc2").get_all("Requires-Dist") or []:
        match = re.match(r"([\w.-]+)==([\w.]+); extra == ['\"](\w+)['\"]", line)
        if match and match[3] != "dev" and match[1] not in NOT_IN_DEV:
            found[match[1]] = match[2]
    return found


def test_all_extras_are_known() -> None:
    assert {"spandrel", "open_clip_torch", "transformers", "distributed", "hydra-optuna-sweeper"} <= set(requirements())


@pytest.mark.parametrize(("package", "pinned"), sorted(requirements().items()))
def test_the_pinned_version_is_there_and_imports(package: str, pinned: str) -> None:
    try:
        installed = version(package)
    except PackageNotFoundError:
        pytest.fail(f"{package} is not installed; pip install -e '.[dev]'")
    assert installed == pinned
    importlib.import_module(MODULES.get(package, package.replace("-", "_")))

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from classical import CLASSICAL
from omegaconf import DictConfig


@pytest.fixture
def run_classical(compose_config: Callable[..., DictConfig], tmp_path: Path) -> Callable[..., Path]:
    """Do a task in-process: ``run_classical(segment, "tiling.size=64", folder="out")``; returns the output folder."""

    def call(task: Callable[[DictConfig], Any], *overrides: str, folder: str = "out") -> Path:
        output = tmp_path / folder
        output.mkdir(exist_ok=True)
        task(compose_config(task.__name__, *CLASSICAL, *overrides, f"output_dir={output}"))
        return output

    return call

"""What every entry point does around its task: a user's mistake is one line and exit code 2, not a traceback."""

import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any, NoReturn, TypeVar

from hydra.experimental.callback import Callback
from omegaconf import DictConfig

from isagrsc2.errors import InputError

T = TypeVar("T")

# Hydra exits with 1 both when a configuration does not compose and when a task raises; this tells which it was.
_TASKS_BEGUN: list[str] = []


def run_task(task: Callable[[DictConfig], T], cfg: DictConfig) -> T:
    """Run a task of an entry point.

    Args:
        task: does the work.
        cfg: composed configuration.

    Returns:
        What the task returns.
    """
    _TASKS_BEGUN.append(getattr(task, "__name__", "task"))
    try:
        return task(cfg)
    except InputError as error:
        _refuse(str(error))


def launch(main: Callable[[], Any]) -> None:
    """Call a function decorated by ``hydra.main``; a configuration that does not compose exits with 2."""
    try:
        main()
    except SystemExit as stop:
        if stop.code == 1 and not _TASKS_BEGUN:
            sys.exit(2)
        raise


class OutputFolder(Callback):
    """Sees before Hydra does whether the output folder can be written; Hydra would answer with a traceback."""

    def on_run_start(self, config: DictConfig, **kwargs: Any) -> None:  # noqa: ARG002
        """Check ``hydra.run.dir``."""
        check_writable(Path(config.hydra.run.dir))

    def on_multirun_start(self, config: DictConfig, **kwargs: Any) -> None:  # noqa: ARG002
        """Check ``hydra.sweep.dir``."""
        check_writable(Path(config.hydra.sweep.dir))


def check_writable(folder: Path) -> None:
    """Exit with 2 and one line if a folder can neither be made nor written."""
    nearest = folder.absolute()
    while not nearest.exists() and nearest != nearest.parent:
        nearest = nearest.parent
    if not nearest.is_dir():
        _refuse(f"{folder} cannot be the output folder: {nearest} is a file; choose another output_dir=.")
    if not os.access(nearest, os.W_OK | os.X_OK):
        _refuse(f"{folder} cannot be written: no permission in {nearest}; choose another output_dir=.")
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        _refuse(f"{folder} cannot be written ({error.strerror}); choose another output_dir=.")


def _refuse(message: str) -> NoReturn:
    sys.stderr.write(f"{message}\n")
    sys.exit(2)

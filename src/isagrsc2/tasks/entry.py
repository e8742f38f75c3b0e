"""What every entry point does around its task: a user's mistake is one line and exit code 2, not a traceback."""

import errno
import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any, NoReturn, TypeVar

from hydra.core.hydra_config import HydraConfig
from hydra.errors import InstantiationException
from hydra.experimental.callback import Callback
from hydra.types import RunMode
from omegaconf import DictConfig
from omegaconf.errors import OmegaConfBaseException

from isagrsc2.errors import InputError

T = TypeVar("T")

# Hydra exits with 1 both when a configuration does not compose and when a task raises; this tells which it was.
_TASKS_BEGUN: list[str] = []

# What a disk says no to, besides a wrong path.
_DISK = {errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EACCES, errno.EPERM}


def run_task(task: Callable[[DictConfig], T], cfg: DictConfig) -> T:
    """Run a task of an entry point.

    Args:
        task: does the work.
        cfg: composed configuration; in a sweep its ``output_dir`` becomes the job's own folder.

    Returns:
        What the task returns.

    Raises:
        SystemExit: with 2, after one line on standard error, for whatever the user caused.
    """
    _TASKS_BEGUN.append(getattr(task, "__name__", "task"))
    if HydraConfig.initialized() and HydraConfig.get().mode == RunMode.MULTIRUN:
        cfg.output_dir = HydraConfig.get().runtime.output_dir
    try:
        return task(cfg)
    except (InputError, InstantiationException, OmegaConfBaseException, OSError) as error:
        message = users_mistake(error)
        if message is None:
            raise
        _refuse(message)


def users_mistake(error: BaseException) -> str | None:
    """The line to show for an error that a user caused; None for a fault of the program.

    Hydra wraps what a constructor raises, and its own complaints about keys and interpolations have several lines.
    """
    if isinstance(error, InputError):
        return str(error)
    if isinstance(error, OSError) and error.errno in _DISK:
        where = error.filename or "the output folder"
        return f"{where} cannot be used ({error.strerror}); make room, or choose another output_dir=."
    if isinstance(error, InstantiationException):
        cause = error.__cause__
        if isinstance(cause, TypeError) and "unexpected keyword argument" in str(cause):
            return f"{cause}; remove the key that was added with +."
        return users_mistake(cause) if cause is not None else None
    if isinstance(error, OmegaConfBaseException):
        where = f"{error.full_key}: " if error.full_key else ""
        return f"{where}{str(error).splitlines()[0]}; correct this option."
    return None


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
        check_writable(config.hydra.run.dir)

    def on_multirun_start(self, config: DictConfig, **kwargs: Any) -> None:  # noqa: ARG002
        """Check ``hydra.sweep.dir``."""
        check_writable(config.hydra.sweep.dir)


def check_writable(output_dir: str) -> None:
    """Exit with 2 and one line if a folder can neither be made nor written."""
    if not output_dir:
        _refuse("output_dir is empty; name a folder, or leave the option out.")
    folder = Path(output_dir)
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

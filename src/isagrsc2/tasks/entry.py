"""What every entry point does around its task: a user's mistake is one line and exit code 2, not a traceback."""

import errno
import logging
import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any, NoReturn, TypeVar

from hydra.core.hydra_config import HydraConfig
from hydra.errors import CompactHydraException, InstantiationException
from hydra.experimental.callback import Callback
from omegaconf import DictConfig
from omegaconf.errors import OmegaConfBaseException

from isagrsc2.errors import InputError
from isagrsc2.tasks.sweep import in_sweep, register_resolvers

T = TypeVar("T")

logger = logging.getLogger(__name__)

register_resolvers()

# Exit codes: the user caused it; the program did; Ctrl-C.
_REFUSED, _FAULT, _INTERRUPTED = 2, 1, 130

# What a disk says no to, besides a wrong path.
_DISK = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EROFS, errno.EACCES, errno.EPERM}


class JobFailedError(CompactHydraException):
    """A job of a sweep could not be done.

    Hydra runs the other jobs before it raises this (Optuna: the others that run at the same time), whatever launches
    them, and shows the message without a traceback. It may come from another process, so both attributes are plain.

    Args:
        message: one line.
        code: exit code of the sweep.
    """

    def __init__(self, message: str, code: int) -> None:
        super().__init__(message, code)
        self.message, self.code = message, code

    def __str__(self) -> str:
        return self.message


def run_task(task: Callable[[DictConfig], T], cfg: DictConfig) -> T:
    """Run a task of an entry point.

    Args:
        task: does the work.
        cfg: composed configuration; its ``output_dir`` becomes the folder that Hydra has made, in a sweep the job's own.

    Returns:
        What the task returns.

    Raises:
        SystemExit: with 2, after one line on standard error, for whatever the user caused.
        JobFailedError: instead, in a sweep; what happened is in the job's log.
    """
    if HydraConfig.initialized():
        # Not what the configuration says: it may name the time, which is another in each process of a training.
        cfg.output_dir = _from_here(HydraConfig.get().runtime.output_dir)
    try:
        return task(cfg)
    except Exception as error:
        message = users_mistake(error)
        if in_sweep():
            raise _failed(error, message) from None
        if message is None:
            raise
        _refuse(message)
    except SystemExit as stop:
        if in_sweep() and stop.code not in (None, 0, _INTERRUPTED):
            raise JobFailedError("what went wrong is listed above", int(stop.code)) from None
        raise


def _failed(error: Exception, message: str | None) -> JobFailedError:
    """Log why a job failed, and give what Hydra has to know of it."""
    if message is None:
        logger.error("the job failed", exc_info=error)
        return JobFailedError(f"{type(error).__name__}: {error}", _FAULT)
    logger.error("%s", message)
    return JobFailedError(message, _REFUSED)


def _from_here(folder: str) -> str:
    """A folder as a person would write it: below the working directory without the way there."""
    path, here = Path(folder), Path.cwd()
    return str(path.relative_to(here)) if path.is_relative_to(here) else folder


def users_mistake(error: BaseException) -> str | None:
    """The line to show for an error that a user caused; None for a fault of the program.

    Hydra wraps what a constructor raises, and its own complaints about keys and interpolations have several lines.
    """
    if isinstance(error, InputError):
        return _without_traceback(error)
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


def _without_traceback(error: InputError) -> str:
    """The message of an error, wherever it was raised.

    A ``DataLoader`` raises what its worker processes have raised as the same type, with their traceback as the message
    (``torch._utils.ExceptionWrapper``); the last line of a traceback is the type and the message.
    """
    kind = type(error)
    return str(error).rpartition(f"\n{kind.__module__}.{kind.__qualname__}: ")[-1].rstrip()


def launch(main: Callable[[], Any]) -> None:
    """Call a function decorated by ``hydra.main``.

    A configuration that does not compose exits with 2, a sweep with failed jobs with the code of the first of them.
    """
    try:
        main()
    except JobFailedError as error:  # where HYDRA_FULL_ERROR is set
        sys.exit(error.code)
    except SystemExit as stop:
        sys.exit(_exit_code(stop))


def _exit_code(stop: SystemExit) -> Any:
    """The exit code; Hydra's is 1 whatever it reports, and what it reports is the context."""
    reported = stop.__context__
    if isinstance(reported, JobFailedError):
        return reported.code
    # What a constructor of ours raises is a fault of the program: run_task has taken those that are not.
    composing = isinstance(reported, CompactHydraException) and not isinstance(reported, InstantiationException)
    if stop.code == _FAULT and (composing or isinstance(reported, OmegaConfBaseException)):
        return _REFUSED
    return stop.code


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
    sys.exit(_REFUSED)

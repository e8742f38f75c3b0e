"""SHA-256 of large files, remembered beside them so that gigabytes are not read again at every run."""

import hashlib
import logging
import os
from pathlib import Path

logger = logging.getLogger(__name__)


def sha256_of(path: Path) -> str:
    """SHA-256 of a file, 64 hex digits: the remembered one while size and time of the file have not changed.

    Raises:
        OSError: the file cannot be read.
    """
    known = remembered(path)
    if known is not None:
        return known
    before = path.stat()
    digest = read_sha256(path)
    remember(path, digest, before)
    return digest


def read_sha256(path: Path) -> str:
    """SHA-256 of a file, 64 hex digits, read now; nothing is written.

    Raises:
        OSError: the file cannot be read.
    """
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def remembered(path: Path) -> str | None:
    """The digest in the sidecar ``<file>.sha256``, or None where there is none that is still true."""
    try:
        first, second = _sidecar(path).read_text(encoding="utf-8").splitlines()
    except (OSError, ValueError):
        return None  # none yet, or not one of ours: the file is read again
    digest = first.partition(" ")[0]
    return digest if len(digest) == 64 and second == _stamp(path.stat()) else None


def remember(path: Path, digest: str, state: os.stat_result) -> None:
    """Write the sidecar; its first line is what ``sha256sum --check`` reads.

    Args:
        path: the file.
        digest: its SHA-256.
        state: the file's status before it was read; a later change makes the sidecar untrue.
    """
    try:
        # A sidecar that was cut off has no true second line and counts as none.
        _sidecar(path).write_text(f"{digest}  {path.name}\n{_stamp(state)}\n", encoding="utf-8")
    except OSError as error:  # a shared folder that is read-only: correct all the same, only slower next time
        logger.debug("the digest of %s is not remembered: %s", path, error)


def _sidecar(path: Path) -> Path:
    return path.with_name(f"{path.name}.sha256")


def _stamp(state: os.stat_result) -> str:
    return f"# size={state.st_size} mtime_ns={state.st_mtime_ns}"

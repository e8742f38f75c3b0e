"""A checkpoint on disk that is certainly the published one: found locally, or fetched once on demand."""

import hashlib
import logging
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from http.client import HTTPException
from pathlib import Path
from typing import Any

from filelock import FileLock, Timeout

from isagrsc2.errors import InputError
from isagrsc2.weights.digest import remember, sha256_of
from isagrsc2.weights.registry import Checkpoint, published_as

logger = logging.getLogger(__name__)

AUTO = "auto"
CHUNK = 1 << 20  # bytes read at once
PATIENCE = 60.0  # s without a byte before the network counts as absent

# Gives an open response with `read(n)`, and `headers` as `urllib` has them.
Opener = Callable[[str], AbstractContextManager[Any]]


def open_url(url: str) -> AbstractContextManager[Any]:
    """Open an ``https``, ``http`` or ``file`` URL with the proxies of the environment."""
    # Some servers refuse urllib's own name.
    request = urllib.request.Request(url, headers={"User-Agent": "isagrsc2"})
    return urllib.request.urlopen(request, timeout=PATIENCE)


def locate(checkpoint: str, published: Checkpoint, weights_dir: Path, opener: Opener = open_url) -> Path:
    """The file to load.

    Args:
        checkpoint: a path, or ``auto`` for the published file, fetched into ``weights_dir`` if it is not there yet.
        published: the file ``auto`` stands for.
        weights_dir: folder of fetched files.
        opener: opens the URL.

    Raises:
        InputError: missing, not a file, or a file with a published name and another content; not to be fetched.
    """
    if checkpoint == AUTO:
        return fetch(published, weights_dir, opener)
    path = Path(checkpoint).expanduser()
    if not path.is_file():
        raise InputError(
            f"{path} is not a file; give the path of a checkpoint, or `{AUTO}` to fetch {published.file_name} once."
        )
    official = published_as(path.name)
    if official is not None:
        verify(path, official)
    return path


def fetch(published: Checkpoint, weights_dir: Path, opener: Opener = open_url) -> Path:
    """The published file inside ``weights_dir``, downloaded if it is not there yet; verified in any case.

    Several processes may ask at once: one downloads, the others wait. The file appears under its name only when it is
    complete and its SHA-256 is right.

    Args:
        published: which file.
        weights_dir: where it is kept; created if need be.
        opener: opens the URL.

    Raises:
        InputError: no network, wrong content, or the folder cannot be written.
    """
    path = weights_dir.expanduser() / published.file_name
    if not path.exists():
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            with _alone(path):
                if not path.exists():  # else another process was faster
                    _download(published, path, opener)
        except OSError as error:
            raise InputError(
                f"{path} cannot be written ({error.strerror or error}); "
                f"{_megabytes(published.size)} are needed, weights_dir=FOLDER chooses another place."
            ) from error
    verify(path, published)
    return path


def verify(path: Path, published: Checkpoint) -> None:
    """Check that a file is the published one.

    Raises:
        InputError: it is not, or cannot be read.
    """
    try:
        digest = sha256_of(path)
        size = path.stat().st_size
    except OSError as error:
        raise InputError(f"{path} cannot be read ({error.strerror or error}).") from error
    if digest == published.sha256:
        return
    short = f"it breaks off after {size} of {published.size} bytes" if size < published.size else "another content"
    raise InputError(
        f"{path} is not the published {published.file_name} ({short}; SHA-256 {digest[:12]}..., "
        f"expected {published.sha256[:12]}...); delete it to have it fetched again, or rename it if it is your own."
    )


@contextmanager
def _alone(path: Path) -> Iterator[None]:
    """Be the only process that fetches ``path``; the lock ends with the process, however that ends."""
    lock = FileLock(path.with_name(f"{path.name}.lock"))
    try:
        lock.acquire(timeout=0)
    except Timeout:
        logger.info("another process is fetching %s; waiting for it", path)
        lock.acquire()
    try:
        yield
    finally:
        lock.release()


def _download(published: Checkpoint, path: Path, opener: Opener) -> None:
    part = path.with_name(f"{path.name}.part")
    logger.info("fetching %s (%s) to %s", published.url, _megabytes(published.size), path)
    digest = hashlib.sha256()
    try:
        with part.open("wb") as stream, _progress(published) as advance:
            for chunk in _chunks(published, path, opener):
                stream.write(chunk)
                digest.update(chunk)
                advance(len(chunk))
        state = part.stat()
        if digest.hexdigest() != published.sha256:
            raise InputError(
                f"{published.url} delivered {state.st_size} bytes with SHA-256 {digest.hexdigest()[:12]}..., "
                f"expected {published.sha256[:12]}...; nothing was kept. {_by_hand(published, path)}"
            )
        part.replace(path)  # size and time stay
        remember(path, digest.hexdigest(), state)
    finally:
        part.unlink(missing_ok=True)


def _chunks(published: Checkpoint, path: Path, opener: Opener) -> Iterator[bytes]:
    """The bytes behind the URL; whatever the network does becomes one line."""
    received = 0
    try:
        with opener(published.url) as response:
            announced = response.headers.get("Content-Length")
            while chunk := response.read(CHUNK):
                received += len(chunk)
                yield chunk
    except (OSError, HTTPException) as error:
        reason = " ".join(str(getattr(error, "reason", error)).split()) or type(error).__name__
        raise InputError(f"{published.url} cannot be fetched ({reason}). {_by_hand(published, path)}") from error
    if announced is not None and received < int(announced):
        raise InputError(
            f"{published.url} broke off after {received} of {announced} bytes; nothing was kept, run again. "
            f"{_by_hand(published, path)}"
        )


@contextmanager
def _progress(published: Checkpoint) -> Iterator[Callable[[int], None]]:
    """A bar on standard error, on a terminal only; gives the function that is told of every chunk's bytes."""
    # Imported here: most runs fetch nothing.
    from rich.console import Console
    from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TimeRemainingColumn, TransferSpeedColumn

    console = Console(stderr=True)
    columns = (TextColumn("{task.description}"), BarColumn(), DownloadColumn(), TransferSpeedColumn(), TimeRemainingColumn())
    with Progress(*columns, console=console, transient=True, disable=not console.is_terminal) as progress:
        task = progress.add_task(published.file_name, total=published.size)
        yield lambda count: progress.advance(task, count)


def _by_hand(published: Checkpoint, path: Path) -> str:
    return f"Without a network: bring {published.file_name} to {path}, or name where it lies in the option `checkpoint`."


def _megabytes(size: int) -> str:
    return f"{size / 1e6:.0f} MB"

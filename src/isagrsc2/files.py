"""Files that are there whole or not at all."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """Give a temporary name beside a file; what is written there becomes the file when the block ends without error.

    Args:
        path: the file that is to be there in the end; one that is there already is replaced.
    """
    with scratch(path) as temporary:
        yield temporary
        temporary.replace(path)


@contextmanager
def scratch(path: Path) -> Iterator[Path]:
    """Give a temporary name in the same folder, with the same suffix; what is there when the block ends is removed.

    The name is always the same, so what a killed process left is removed as well.
    """
    temporary = path.with_name(f".{path.stem}.part{path.suffix}")
    _remove(temporary)
    try:
        yield temporary
    finally:
        _remove(temporary)


def _remove(temporary: Path) -> None:
    # Drivers write beside their file (journals, overviews); those names begin with the file's.
    for leftover in temporary.parent.glob(f"{temporary.name}*"):
        leftover.unlink()

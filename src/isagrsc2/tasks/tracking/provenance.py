"""What code a run was made with."""

import platform
import re
import subprocess
from functools import cache
from importlib import metadata
from pathlib import Path
from typing import Any

import isagrsc2

# What stands for the commit where the code lies in no git repository, as when it was installed from a package.
NO_COMMIT = "none"


@cache
def provenance() -> dict[str, Any]:
    """Commit of the code and versions of Python and of the packages it needs.

    Returns:
        ``commit``: the hash, with ``-dirty`` behind it where files were changed since; ``versions``: by package.
    """
    return {"commit": commit_of(Path(isagrsc2.__file__)), "versions": {"python": platform.python_version(), **_versions()}}


def commit_of(file: Path) -> str:
    """The commit a file lies in; ``NO_COMMIT`` if git does not keep it."""
    # A package in an environment inside somebody else's repository has not that repository's commit.
    if _git(file.parent, "ls-files", "--error-unmatch", file.name) is None:
        return NO_COMMIT
    return _git(file.parent, "describe", "--always", "--dirty", "--abbrev=40", "--exclude=*") or NO_COMMIT


def _git(folder: Path, *command: str) -> str | None:
    """What git answers; None where it cannot."""
    try:
        done = subprocess.run(["git", *command], cwd=folder, capture_output=True, text=True, check=False)
    except OSError:  # there is no git on this machine
        return None
    return done.stdout.strip() if done.returncode == 0 else None


def _versions() -> dict[str, str]:
    """Versions of this package and of those it cannot do without."""
    package = isagrsc2.__name__
    needed = [line for line in metadata.requires(package) or [] if "extra ==" not in line]
    names = [package, *(re.split(r"[^\w.-]", line, maxsplit=1)[0] for line in needed)]
    return {name: metadata.version(name) for name in sorted(names)}

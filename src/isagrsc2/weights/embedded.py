"""Weights that lie in the package: nothing is fetched, and a damaged file is never loaded."""

from pathlib import Path

from isagrsc2.errors import InputError
from isagrsc2.weights import registry
from isagrsc2.weights.digest import read_sha256

# Value of an option of weights that stands for those in the package.
IN_PACKAGE = "embedded"

REMEDY = "it belongs to the package; install isagrsc2 again."


def resolve(weights: str, name: str) -> Path:
    """The file that an option of weights stands for.

    Args:
        weights: a path, or ``embedded``.
        name: which weights of the package ``embedded`` stands for.

    Raises:
        InputError: see ``locate_embedded``; a path is not looked at.
    """
    return locate_embedded(name) if weights == IN_PACKAGE else Path(weights).expanduser()


def locate_embedded(name: str) -> Path:
    """The file of weights in the package, read and verified every time: some milliseconds.

    Args:
        name: what they are called in the registry.

    Raises:
        InputError: there are none of this name, or their file is missing or damaged.
    """
    weights = registry.find_embedded(name)
    if weights is None:
        known = ", ".join(one.name for one in registry.EMBEDDED) or "none"
        raise InputError(
            f"no weights `{name}` are in this version of the package (it has: {known}), so `{IN_PACKAGE}` does not work here; "
            "give a PATH."
        )
    try:
        digest = read_sha256(weights.path)
    except OSError as error:
        raise InputError(f"{weights.path} cannot be read ({error.strerror or error}); {REMEDY}") from None
    if digest != weights.sha256:
        raise InputError(f"{weights.path} is damaged (SHA-256 {digest[:12]}..., expected {weights.sha256[:12]}...); {REMEDY}")
    return weights.path

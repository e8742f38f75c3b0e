"""Errors of whoever fetches weights, in one line."""

from collections.abc import Iterator
from contextlib import contextmanager

from isagrsc2.errors import InputError


@contextmanager
def fetching(architecture: str) -> Iterator[None]:
    """Turn the errors of hubs and networks, and timm's "no weights exist", into one that says what to do.

    Args:
        architecture: for the message.

    Raises:
        InputError: the weights could not be fetched.
    """
    try:
        yield
    except (OSError, RuntimeError) as error:
        reason = (str(error).splitlines() or [type(error).__name__])[0]
        raise InputError(
            f"the ImageNet weights of {architecture} could not be fetched ({reason}); "
            "give a local file, model.backbone.pretrained=PATH, or model.backbone.pretrained=false."
        ) from None

"""Memory that nobody needs any more, back to the system."""

import ctypes
import sys

import pyarrow


def give_back() -> None:
    """Return freed memory to the system.

    Allocators keep what was freed for the next request. Between stages that need it in other sizes it would add up: after a
    long run over small arrays some hundred MB lie idle below the large arrays of a picture. Only glibc and Arrow are told;
    elsewhere nothing happens.
    """
    pyarrow.default_memory_pool().release_unused()
    if sys.platform == "linux":
        trim = getattr(ctypes.CDLL(None), "malloc_trim", None)  # musl has none
        if trim is not None:
            trim(0)

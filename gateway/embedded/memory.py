"""Memory that loading and running models leaves with the allocator, given back to the machine."""

from __future__ import annotations

import ctypes
import sys
from typing import Final

_MMAP_THRESHOLD: Final = -3  # of mallopt(3)
_ARENA_MAX: Final = -8
_ARENAS: Final = 2
_LARGE: Final = 1 << 18  # bytes that go back to the machine as soon as they are free


def keep_little() -> None:
    """Let the threads share two heaps, and large pieces stay out of them.

    By default each thread has a heap of its own, and keeps the memory of its largest job.
    """
    _call("mallopt", _ARENA_MAX, _ARENAS)
    _call("mallopt", _MMAP_THRESHOLD, _LARGE)


def give_back() -> None:
    """Return what is free: a model's file has been read, unpacked, and is not needed any more."""
    _call("malloc_trim", 0)


def _call(name: str, *numbers: int) -> None:
    """Only glibc has these; elsewhere there is nothing to do."""
    function = getattr(ctypes.CDLL(None), name, None) if sys.platform == "linux" else None
    if function is not None:
        function(*numbers)

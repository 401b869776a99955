"""Aside: what a tool prints goes to stderr, for stdout may belong to a program that reads it."""

from __future__ import annotations

import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any, TextIO, cast

_change = threading.Lock()
_in_tool: ContextVar[bool] = ContextVar("in_tool", default=False)


class _Aside:
    """Stands in for sys.stdout while tools run; everybody else writes through it."""

    def __init__(self, real: TextIO) -> None:
        self.real = real
        self.users = 0

    def __getattr__(self, name: str) -> Any:
        return getattr(sys.stderr if _in_tool.get() else self.real, name)


@contextmanager
def aside() -> Iterator[None]:
    """Within this, and in what it starts, printing goes to stderr."""
    with _change:
        now: Any = sys.stdout
        stands_in = now if isinstance(now, _Aside) else _Aside(now)
        sys.stdout = cast(TextIO, stands_in)
        stands_in.users += 1
    token = _in_tool.set(True)
    try:
        yield
    finally:
        _in_tool.reset(token)
        with _change:
            stands_in.users -= 1
            if not stands_in.users and cast(Any, sys.stdout) is stands_in:
                sys.stdout = stands_in.real

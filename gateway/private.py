"""Private: a value that must not reach a log, a traceback or a page by accident.

And files that other users of the machine must not read.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Final, Generic, TypeVar

T = TypeVar("T")

HIDDEN: Final = "Private(...)"


class Private(Generic[T]):
    """Wraps a key, a number or a sentence; whoever prints it sees only that it is there."""

    __slots__ = ("_value",)

    def __init__(self, value: T) -> None:
        self._value = value

    def reveal(self) -> T:
        """The value itself; call this as late as possible, and hand it on to nobody who logs."""
        return self._value

    def __repr__(self) -> str:
        return HIDDEN

    __str__ = __repr__

    def __format__(self, spec: str) -> str:
        return format(HIDDEN, spec)

    def __bool__(self) -> bool:
        return bool(self._value)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Private) and bool(self._value == other._value)

    def __hash__(self) -> int:
        return hash((Private, self._value))

    def __copy__(self) -> Private[T]:
        return self

    def __deepcopy__(self, memo: dict[int, object]) -> Private[T]:
        return self

    def __reduce__(self) -> str:
        raise TypeError("a private value does not leave the process: reveal() it on purpose first")


def for_few(path: str | Path, flags: int) -> int:
    """An opener of files that hold what people said: new ones are for us and our group alone."""
    return os.open(path, flags, 0o640)

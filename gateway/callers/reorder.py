"""Reorder: numbered pieces in their order, where the wire does not keep it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Generic, TypeVar

T = TypeVar("T")

HELD = 5  # pieces that wait for one that is missing: 100 ms of audio in pieces of 20 ms


class Reorder(Generic[T]):
    """Gives pieces out by number. One that is missing is waited for no longer than `held` pieces.

    A piece that comes after its place was given up is dropped, as is one that comes twice. Where
    nothing but such pieces comes, the numbers have begun anew, and so does this.
    """

    def __init__(self, held: int = HELD) -> None:
        self._held = held
        self._next: int | None = None  # nothing came yet; the first is 0 or 1
        self._waiting: dict[int, T] = {}
        self._late = 0

    def push(self, number: int, piece: T) -> Iterable[T]:
        """What can be given out now."""
        if number == self._next and not self._waiting:  # as nearly always
            self._next, self._late = number + 1, 0
            return (piece,)
        return list(self._ordered(number, piece))

    def _ordered(self, number: int, piece: T) -> Iterator[T]:
        if self._next is None:
            self._next = min(number, 1)
        if number < self._next:
            self._late += 1
            if self._late <= self._held:
                return
            self._next, self._waiting = number, {}
        self._late = 0
        self._waiting.setdefault(number, piece)
        if self._next not in self._waiting and len(self._waiting) > self._held:
            self._next = min(self._waiting)
        while self._next in self._waiting:
            yield self._waiting.pop(self._next)
            self._next += 1

    def rest(self) -> Iterator[T]:
        """All that still waits, because nothing follows."""
        for number in sorted(self._waiting):
            yield self._waiting.pop(number)
            self._next = number + 1

"""Guests: who follows somebody's call, and leaves when what let them in is good no more."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from gateway.identity.who import Identity


@dataclass(frozen=True, slots=True, eq=False)
class Guest:
    """Somebody who follows a call."""

    who: Identity
    leave: Callable[[str], None]  # takes why


class Guests:
    """Those of one gateway."""

    def __init__(self) -> None:
        self._there: set[Guest] = set()

    @contextmanager
    def staying(self, who: Identity, leave: Callable[[str], None]) -> Iterator[None]:
        """They are there until this ends."""
        guest = Guest(who, leave)
        self._there.add(guest)
        try:
            yield
        finally:
            self._there.discard(guest)

    def __iter__(self) -> Iterator[Guest]:
        return iter(tuple(self._there))

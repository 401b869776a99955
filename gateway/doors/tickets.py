"""Tickets: each lets one call in, once and soon, and carries what is known of that call."""

from __future__ import annotations

import uuid
from collections.abc import Callable
from time import monotonic

from gateway.call.events import CallerJoined
from gateway.errors import TrunklineError

LIFETIME = 60.0  # seconds
LIMIT = 10_000  # tickets that nobody has used yet


class TooManyTicketsError(TrunklineError):
    """No ticket can be given out at this moment."""


class Tickets:
    """The tickets of one process. They are UUIDs, which is what AudioSocket has room for."""

    def __init__(self, clock: Callable[[], float] = monotonic, *, limit: int = LIMIT) -> None:
        self._clock = clock
        self._limit = limit
        self._open: dict[str, tuple[float, CallerJoined]] = {}  # and by when

    def issue(self, known: CallerJoined, seconds: float = LIFETIME) -> str:
        """A secret word for a call of which this is known. Raises TooManyTicketsError."""
        self._forget_late()
        if len(self._open) >= self._limit:
            raise TooManyTicketsError(
                f"{self._limit} tickets wait to be used; use them, or let them expire."
            )
        word = str(uuid.uuid4())  # 122 random bits: nobody finds one by trying
        self._open[word] = (self._clock() + seconds, known)
        return word

    def redeem(self, word: str) -> CallerJoined | None:
        """What the ticket stands for; nothing where it is unknown, late, or was used before."""
        until, known = self._open.pop(word.strip().lower(), (0.0, None))
        return known if self._clock() < until else None

    def _forget_late(self) -> None:
        now = self._clock()
        for word in [word for word, (until, _) in self._open.items() if until <= now]:
            del self._open[word]

    def __len__(self) -> int:
        return len(self._open)

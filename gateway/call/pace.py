"""Pace: how much of the caller's audio is taken, so that nobody speaks faster than time passes."""

from __future__ import annotations

AHEAD_US = 10_000_000  # of audio that may come at once: what a stalled network held back
DRIFT = 20  # a clock that is fast by one part in so many is still in time
TOO_FAST = (
    "Audio comes faster than it is spoken; what is too far ahead is dropped. "
    "Send 20 ms of it every 20 ms."
)


class Pace:
    """An allowance of audio that fills as time passes; all in microseconds, or all in seconds."""

    def __init__(self, ahead: float = AHEAD_US) -> None:
        self._most = ahead * DRIFT  # until all of it would be there again, times DRIFT + 1
        self._full_at = 0.0  # when it will be, times DRIFT + 1

    def take(self, length: float, now: float) -> bool:
        """Whether audio of that length may come in now."""
        now *= DRIFT + 1
        full_at = self._full_at if self._full_at > now else now
        full_at += length * DRIFT
        if full_at - now > self._most:
            return False
        self._full_at = full_at
        return True

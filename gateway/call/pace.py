"""Pace: how much of the caller's audio is taken, so that nobody speaks faster than time passes."""

from __future__ import annotations

AHEAD_US = 10_000_000  # of audio that may come at once: what a stalled network held back
DRIFT = 20  # a clock that is fast by one part in so many is still in time
TOO_FAST = (
    "Audio comes faster than it is spoken; what is too far ahead is dropped. "
    "Send 20 ms of it every 20 ms."
)


class Pace:
    """An allowance of audio that fills as time passes; all in microseconds."""

    def __init__(self, ahead: int = AHEAD_US) -> None:
        self._ahead = self._left = ahead
        self._at = 0

    def take(self, length: int, now: int) -> bool:
        """Whether audio of that length may come in now."""
        passed, self._at = max(0, now - self._at), max(now, self._at)
        self._left = min(self._ahead, self._left + passed + passed // DRIFT)
        if length > self._left:
            return False
        self._left -= length
        return True

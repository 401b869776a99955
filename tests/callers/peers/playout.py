"""What a provider does with sound: plays it in time, answers marks, throws away on a clear."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from audio.format import Format


class Playout:
    """A buffer with a clock. Sound that is nothing but silence is played, and not counted."""

    def __init__(self, wire: Format, reached: Callable[[str], None]) -> None:
        self._wire, self._reached = wire, reached
        self._loop = asyncio.get_running_loop()
        self._ends = 0.0  # when all that came will have been played
        self._stretches: list[tuple[float, float]] = []  # of sound that counts: begin, seconds
        self._marks: dict[str, asyncio.TimerHandle | None] = {}

    def add(self, audio: bytes) -> None:
        """Sound to be played after what waits."""
        begin = max(self._loop.time(), self._ends)
        seconds = self._wire.samples(audio) / self._wire.rate
        self._ends = begin + seconds
        if audio != self._wire.silence(self._wire.samples(audio)):
            self._stretches.append((begin, seconds))

    def mark(self, name: str) -> None:
        """Answer when all before it has been played: at once where nothing waits."""
        assert name not in self._marks, f"mark {name} waits already"
        if self._ends <= self._loop.time():
            self._reached(name)
        else:
            self._marks[name] = self._loop.call_at(self._ends, self._reach, name)

    def clear(self) -> list[str]:
        """Throw away what waits; the marks that were in it."""
        now = self._loop.time()
        self._stretches = [
            (begin, min(seconds, now - begin)) for begin, seconds in self._stretches if begin < now
        ]
        self._ends = min(self._ends, now)
        return self.stop()

    def stop(self) -> list[str]:
        """Answer no mark any more; those that waited."""
        for timer in self._marks.values():
            if timer is not None:
                timer.cancel()
        waiting, self._marks = list(self._marks), {}
        return waiting

    def forget(self) -> float:
        """Seconds of sound that were played since this was asked last."""
        played = self.played
        self._stretches.clear()
        return played

    @property
    def played(self) -> float:
        """Seconds of sound that have been played since `forget`."""
        now = self._loop.time()
        return sum(min(seconds, max(0.0, now - begin)) for begin, seconds in self._stretches)

    @property
    def silent_for(self) -> float:
        """Seconds since the last sound that counts; none before any, or while it is played."""
        if not self._stretches:
            return 0.0
        last = max(begin + seconds for begin, seconds in self._stretches)
        return max(0.0, self._loop.time() - last)

    def _reach(self, name: str) -> None:
        del self._marks[name]
        self._reached(name)

"""A simulated player: plays what it is sent on the loop's clock, and reports what was heard.

It does what the page's worklet does: play-out begins with the first sample and goes on without a
gap for as long as there is sound; a flush stops it at once. What was really heard is kept.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass

from audio.pcm import BYTES, silence

REPORT_SECONDS = 0.02
EARLY = 1e-3  # of a sample: a timer may ring this much before its time

Tell = Callable[[str, int, int], None]  # item, samples of it heard in all, generation


@dataclass(slots=True)
class _Stretch:
    """Sound of one item that waits or plays: where in the item it goes on, and what is left."""

    item: str
    position: int
    generation: int
    pcm: bytearray
    begun: bool = False


class TimeLine:
    """Sound on the call's time line, from its first sample on, mono."""

    def __init__(self) -> None:
        self.pcm = bytearray()

    def put(self, at: int, pcm: bytes | bytearray) -> None:
        """Sound that begins at that sample, or where the last one ends if that is later."""
        if (gap := at - len(self.pcm) // BYTES) > 0:
            self.pcm += silence(gap)
        self.pcm += pcm


class Player:
    """Plays the items of a call one after the other; used from one loop."""

    def __init__(
        self,
        rate: int,
        tell: Tell = lambda *_: None,
        on_sound: Callable[[str], None] = lambda _: None,
    ) -> None:
        self._rate = rate
        self._tell = tell
        self._on_sound = on_sound  # told when an item begins to be heard
        self._loop = asyncio.get_running_loop()
        self._began = self._loop.time()
        self._queue: deque[_Stretch] = deque()
        self._next = ("", 0, 0)  # item, position and generation of the sound that comes now
        self._run_start = 0.0  # loop time since which it has played without a gap
        self._run_played = 0  # samples since then
        self._reported_at = 0.0
        self._timer: asyncio.TimerHandle | None = None
        self.generation = 0
        self.heard: dict[str, int] = {}  # samples of each item, up to where it was heard
        self.received: dict[str, int] = {}
        self.time_line = TimeLine()

    @property
    def playing(self) -> bool:
        """Whether there is sound that has not been heard yet."""
        self._advance()
        return bool(self._queue)

    def announce(self, item: str, position: int, generation: int) -> None:
        """The sound that follows is of this item, from this sample on."""
        self._next = (item, position, generation)

    def push(self, pcm: bytes) -> None:
        """Sound to play. What was sent before the last flush was heard of comes too late."""
        item, position, generation = self._next
        self._next = (item, position + len(pcm) // BYTES, generation)
        self.received[item] = max(self.received.get(item, 0), self._next[1])
        self._advance()
        if generation < self.generation or not pcm:
            return
        last = self._queue[-1] if self._queue else None
        if last is None:
            self._run_start, self._run_played = self._loop.time(), 0
        if (
            last is not None
            and (last.item, last.generation) == (item, generation)
            and last.position + len(last.pcm) // BYTES == position
        ):
            last.pcm += pcm
        else:
            self._queue.append(_Stretch(item, position, generation, bytearray(pcm)))
        self._begin()
        self._arm()

    def flush(self, generation: int) -> None:
        """Stop at once; what has been heard until now was heard, and the rest never will be."""
        self._advance()
        self._queue.clear()
        self.generation = generation
        self._disarm()

    def stop(self) -> None:
        """The call is over."""
        self.flush(self.generation)

    def _advance(self) -> None:
        """Play up to now."""
        if not self._queue:
            return
        elapsed = self._loop.time() - self._run_start
        due = int(elapsed * self._rate + EARLY) - self._run_played
        while due > 0 and self._queue:
            stretch = self._queue[0]
            count = min(due, len(stretch.pcm) // BYTES)
            self._hear(stretch, count)
            due -= count
            if not stretch.pcm:
                self._report(stretch)
                self._queue.popleft()
                self._begin()

    def _hear(self, stretch: _Stretch, count: int) -> None:
        start = round((self._run_start - self._began) * self._rate) + self._run_played
        self.time_line.put(start, stretch.pcm[: count * BYTES])
        del stretch.pcm[: count * BYTES]
        stretch.position += count
        self._run_played += count
        self.heard[stretch.item] = stretch.position

    def _begin(self) -> None:
        """Say that the next item is being heard, before any of it is."""
        if self._queue and not self._queue[0].begun:
            stretch = self._queue[0]
            stretch.begun = True
            self.heard.setdefault(stretch.item, stretch.position)
            self._report(stretch)
            self._on_sound(stretch.item)

    def _report(self, stretch: _Stretch) -> None:
        self._reported_at = self._loop.time()
        self._tell(stretch.item, stretch.position, stretch.generation)

    # ------------------------------------------------------------ time

    def _arm(self) -> None:
        self._disarm()
        if self._queue:
            end = self._run_played + len(self._queue[0].pcm) // BYTES
            ends = self._run_start + end / self._rate
            when = min(ends, self._reported_at + REPORT_SECONDS)
            self._timer = self._loop.call_at(when, self._ring)

    def _ring(self) -> None:
        self._advance()
        due = self._reported_at + REPORT_SECONDS - EARLY / self._rate
        if self._queue and self._loop.time() >= due:
            self._report(self._queue[0])
        self._arm()

    def _disarm(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

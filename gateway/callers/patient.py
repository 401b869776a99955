"""Patient: a caller's leg that may lose its line and get another; the call goes on meanwhile.

Only a line that broke is waited for. Who hangs up has left. What the call says while nobody is
there is kept for the next line, but for sound, which would come too late to be heard.
"""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from typing import Protocol

from gateway.call.effects import Flush, Play, ShowState, ToCaller
from gateway.call.events import CallerJoined, CallerLeft, CallerOrdered, Event
from gateway.flag import Flag

log = logging.getLogger(__name__)

BROKEN = "line broke"  # the reason of a leg whose caller did not hang up
KEPT = 1_000  # effects

Feed = Callable[[Event | bytes], None]


class Line(Protocol):
    """What is lost and replaced: a leg that lives as long as one connection."""

    async def run(self, feed: Feed) -> None: ...
    def send(self, effect: ToCaller) -> None: ...
    def close(self, reason: str) -> None: ...


class PatientLeg:
    """A leg over one line after another."""

    def __init__(self, line: Line, seconds: float) -> None:
        self._line: Line | None = line
        self._seconds = seconds
        self._next: Line | None = None
        self._came = Flag()
        self._carrying: asyncio.Task[None] | None = None  # the line at work
        self._let_go: set[asyncio.Task[None]] = set()  # lines that were replaced before they began
        self._kept: deque[ToCaller] = deque(maxlen=KEPT)
        self._joined = False
        self._over = False
        self._broken = False
        self.full: Callable[[], None] = lambda: None  # told of each effect that is not kept

    @property
    def over(self) -> bool:
        """Whether no other line is taken any more."""
        return self._over

    async def run(self, feed: Feed) -> None:
        """Carry the caller until it hangs up, stays away for too long, or `close` is called."""
        try:
            while self._line is not None:
                await self._carry(self._line, feed)
                if not await self._another():
                    break
            if self._broken and not self._over:
                feed(CallerLeft(BROKEN))
        finally:
            self._over = True
            if self._next is not None:  # it came when the call had ended
                self._next.close("the call has ended")
                await self._next.run(lambda event: None)

    def attach(self, line: Line) -> None:
        """Go on over this line; the one before it is let go, if it still is there."""
        assert not self._over
        replaced, self._next = self._next, line
        if replaced is not None:
            replaced.close("another line has taken its place")
            self._let_go.add(task := asyncio.create_task(replaced.run(lambda event: None)))
            task.add_done_callback(self._let_go.discard)
        if self._carrying is not None:
            self._carrying.cancel()  # nobody is at its other end to be told
        self._came.set()

    def send(self, effect: ToCaller) -> None:
        """Let the line carry it out, or keep it for the next."""
        if self._line is not None and not self._broken and self._next is None:
            self._line.send(effect)
        elif not isinstance(effect, Play | Flush | ShowState):
            if len(self._kept) == KEPT:
                self.full()  # the oldest goes
            self._kept.append(effect)

    def close(self, reason: str) -> None:
        """Say farewell where somebody is there, and let `run` return."""
        self._over = True
        self._came.set()
        if self._line is not None:
            self._line.close(reason)

    async def _carry(self, line: Line, feed: Feed) -> None:
        self._broken = False

        def take(event: Event | bytes) -> None:
            if line is not self._line or self._next is not None:
                return  # it is being replaced, and whatever it says is old
            if isinstance(event, CallerLeft) and event.reason == BROKEN and self._seconds:
                self._broken = True
                if self._joined:  # what is being said reaches nobody, so it is not said
                    feed(CallerOrdered("flush"))
                return
            if isinstance(event, CallerJoined):
                self._catch_up(line)
                if self._joined:
                    return
                self._joined = True
            feed(event)

        self._carrying = asyncio.create_task(line.run(take))
        try:
            await asyncio.wait([self._carrying])
        finally:
            carrying, self._carrying = self._carrying, None
            carrying.cancel()
            await asyncio.wait([carrying])
            self._line = None
        if not carrying.cancelled():
            carrying.result()

    def _catch_up(self, line: Line) -> None:
        while self._kept:
            line.send(self._kept.popleft())

    async def _another(self) -> bool:
        """Wait for another line, where the last one broke; False where there is none."""
        if self._over or not (self._broken or self._next is not None):
            return False
        if self._next is None:
            log.info("a caller's line broke, and the call waits for another")
            with suppress(TimeoutError):
                async with asyncio.timeout(self._seconds):
                    await self._came.wait()
        self._came.clear()
        if self._over or self._next is None:
            return False
        self._line, self._next = self._next, None
        return True

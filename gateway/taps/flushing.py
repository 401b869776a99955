"""Flushing: what the files of live calls hold back is written out each 0.6 s.

A gateway that is killed then loses no more of any call than that: what is written, the system has.
The calls take turns, so that no call's sound waits while the words of all the others are written.
"""

from __future__ import annotations

import logging
from collections import deque
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from math import ceil
from typing import Protocol, TypeVar

from gateway.background import beside, repeated
from gateway.log import fault_of_ours, name_of

log = logging.getLogger(__name__)

PERIOD = 0.6  # seconds in which each of them has its turn
AT_ONCE = 4  # turns in a step
STEPS = 25  # in that time at most; where that is too few, more turns in each


class Held(Protocol):
    """Something that gathers before it writes."""

    def flush(self) -> bool:
        """Write out what is held back; false once its call is over. Raises OSError."""
        ...


H = TypeVar("H", bound=Held)


class Flusher:
    """The files of one gateway's live calls."""

    def __init__(self) -> None:
        self._held: deque[Held] = deque()  # whose turn it is comes first
        self._steps = 1  # of a period
        self._left = 0  # of a turn, counted in steps

    def add(self, one: H) -> H:
        """From now on until its call is over."""
        self._held.append(one)
        return one

    def flush(self) -> None:
        """Now."""
        self._take_turns(len(self._held))

    async def run(self) -> None:
        """Until cancelled."""
        await repeated(self._step, self._until_next())

    def _step(self) -> float:
        turns, self._left = divmod(self._left + len(self._held), self._steps)
        self._take_turns(turns)
        return self._until_next()

    def _until_next(self) -> float:
        """Seconds; fewer have their turns less often, so that a gateway without calls rests."""
        self._steps = min(STEPS, max(1, ceil(len(self._held) / AT_ONCE)))
        self._left = min(self._left, self._steps - 1)
        return PERIOD / self._steps

    def _take_turns(self, turns: int) -> None:
        for _ in range(turns):
            one = self._held.popleft()
            if self._flushed(one):
                self._held.append(one)

    def _flushed(self, one: Held) -> bool:
        try:
            return one.flush()
        except Exception as error:  # its call will meet the same, and let it go
            fields, fault = {"tap": name_of(one), "error": str(error)}, fault_of_ours(error)
            log.error("what a call holds back cannot be written", extra=fields, exc_info=fault)
            return False


@asynccontextmanager
async def open_flusher() -> AsyncIterator[Flusher]:
    """A flusher at work."""
    flusher = Flusher()
    async with beside(flusher.run(), "flusher"):
        yield flusher

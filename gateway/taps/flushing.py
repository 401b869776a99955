"""Flushing: what the files of live calls hold back is written out each half second.

A gateway that is killed then loses no more of any call than that: what is written, the system has.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Protocol, TypeVar

from gateway.background import beside
from gateway.log import name_of

log = logging.getLogger(__name__)

PERIOD = 0.5  # seconds


class Held(Protocol):
    """Something that gathers before it writes."""

    def flush(self) -> bool:
        """Write out what is held back; false once its call is over. Raises OSError."""
        ...


H = TypeVar("H", bound=Held)


class Flusher:
    """The files of one gateway's live calls."""

    def __init__(self) -> None:
        self._held: list[Held] = []

    def add(self, one: H) -> H:
        """From now on until its call is over."""
        self._held.append(one)
        return one

    def flush(self) -> None:
        """Now."""
        self._held = [one for one in self._held if self._flushed(one)]

    async def run(self) -> None:
        """Until cancelled."""
        while True:
            await asyncio.sleep(PERIOD)
            self.flush()

    def _flushed(self, one: Held) -> bool:
        try:
            return one.flush()
        except Exception as error:  # its call will meet the same, and let it go
            ours = not isinstance(error, OSError | ValueError)
            fields = {"tap": name_of(one), "error": str(error)}
            told = error if ours else None
            log.error("what a call holds back cannot be written", extra=fields, exc_info=told)
            return False


@asynccontextmanager
async def open_flusher() -> AsyncIterator[Flusher]:
    """A flusher at work."""
    flusher = Flusher()
    async with beside(flusher.run(), "flusher"):
        yield flusher

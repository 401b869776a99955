"""The writer: brings rows to the database in batches, and never lets a call wait for it.

Rows wait in memory. Where the database is away, or too slow for so many, they wait in a file, in
the same order, and go on from there once it is back. A row that the database has already is written
again without harm, so that a commit of which nobody heard may be repeated.
"""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from sqlalchemy.exc import SQLAlchemyError

from gateway.background import beside
from gateway.store.commit import commit
from gateway.store.database import Database, is_away, reason
from gateway.store.spill import Spill, open_spill
from gateway.store.writes import Write

log = logging.getLogger(__name__)

BATCH = 500  # rows of one transaction
IN_MEMORY = 5_000  # rows; more go to disk
SPILL_BYTES = 256 * 1024 * 1024
SECONDS = 10.0  # that a transaction may take
FIRST_DELAY, LONGEST_DELAY = 0.1, 5.0  # seconds between two tries
LAST_SECONDS = 5.0  # for the rest, when the gateway ends


@dataclass(frozen=True, slots=True)
class Statistics:
    """Figures since the start."""

    waiting: int  # rows in memory
    spilled: int  # bytes on disk
    written: int
    lost: int  # for which there was no room, neither in memory nor on disk
    refused: int  # that the database would not have
    away: bool


class Writer:
    """The one way of a gateway's rows into its database."""

    def __init__(self, database: Database, spill: Spill, *, in_memory: int = IN_MEMORY) -> None:
        self._database = database
        self._spill = spill
        self._limit = in_memory
        self._memory: deque[Write] = deque()
        self._flying: Sequence[Write] = ()
        self._mark: int | None = None  # up to where the flying batch stands in the spill
        self._wake = asyncio.Event()
        self._idle = asyncio.Event()
        self._away = False
        self._written = self._refused = 0
        self._wake.set()  # what the last process left behind

    def add(self, write: Write) -> None:
        """Take a row; it is written soon, and after all that were taken before it."""
        if self._spill.empty and len(self._memory) < self._limit:
            self._memory.append(write)
        else:
            if self._spill.empty:
                self._to_disk()
            self._spill.add(write)
        self._idle.clear()
        self._wake.set()

    async def wait_written(self) -> None:
        """Until all that was taken so far is in the database."""
        if self._wake.is_set():
            await self._idle.wait()

    def statistics(self) -> Statistics:
        """Figures since the start."""
        waiting = len(self._memory) + (len(self._flying) if self._mark is None else 0)
        spill = self._spill
        return Statistics(
            waiting, spill.waiting, self._written, spill.lost, self._refused, self._away
        )

    async def run(self) -> None:
        """Write until cancelled."""
        delay = FIRST_DELAY
        while True:
            await self._wake.wait()
            if not self._take():
                self._wake.clear()
                self._idle.set()
                continue
            try:
                async with asyncio.timeout(SECONDS):
                    await self._commit()
            except Exception as error:  # whatever it is: the rows are kept, and tried again
                self._put_back(error)
                await asyncio.sleep(delay)
                delay = min(2 * delay, LONGEST_DELAY)
            else:
                self._landed()
                delay = FIRST_DELAY

    def close(self) -> None:
        """What is not written waits on disk for the next start."""
        if self._spill.empty and (self._flying or self._memory):
            self._to_disk()
        self._spill.close()

    # ------------------------------------------------------------ one batch

    def _take(self) -> bool:
        if not self._spill.empty:
            self._flying, self._mark = self._spill.peek(BATCH)
            return True  # also where no line was a row: they are dropped
        self._mark = None
        self._flying = [self._memory.popleft() for _ in range(min(BATCH, len(self._memory)))]
        return bool(self._flying)

    async def _commit(self) -> None:
        """All of it in one transaction; where a row is bad, each by itself and without that one."""
        batch = self._flying
        try:
            await commit(self._database, batch)
            return
        except (SQLAlchemyError, ValueError, TypeError, KeyError) as error:
            if is_away(error):
                raise
        for write in batch:
            try:
                await commit(self._database, [write])
            except (SQLAlchemyError, ValueError, TypeError, KeyError) as error:
                if is_away(error):
                    raise
                self._refused += 1
                fields = {"table": write.table, "error": reason(error)}
                log.error("the database refused a row", extra=fields)

    def _landed(self) -> None:
        if self._mark is not None:
            self._spill.drop(self._mark)
        self._written += len(self._flying)
        self._flying, self._mark = (), None
        if self._away:
            self._away = False
            log.warning("the database is back", extra={"bytes_waiting": self._spill.waiting})

    def _put_back(self, error: Exception) -> None:
        if self._spill.empty:
            self._to_disk()
        self._flying, self._mark = (), None
        if not self._away:
            self._away = True
            log.error("the database is away; rows wait on disk", extra={"error": reason(error)})

    def _to_disk(self) -> None:
        """What is in memory goes to disk, what is on its way first."""
        for write in self._flying:
            self._spill.add(write)
        self._mark = self._spill.end
        for write in self._memory:
            self._spill.add(write)
        self._memory.clear()


@asynccontextmanager
async def open_writer(
    database: Database,
    spill: Path,
    *,
    spill_bytes: int = SPILL_BYTES,
    in_memory: int = IN_MEMORY,
) -> AsyncIterator[Writer]:
    """A writer at work; at the end it has written all, or kept it on disk."""
    writer = Writer(database, open_spill(spill, spill_bytes), in_memory=in_memory)
    try:
        async with beside(writer.run(), "store writer"):
            yield writer
            with suppress(TimeoutError):
                async with asyncio.timeout(LAST_SECONDS):
                    await writer.wait_written()
    finally:
        writer.close()

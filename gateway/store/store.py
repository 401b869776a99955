"""The store: the books of one gateway, open: a database, a writer, and a sign of life."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from sqlalchemy.exc import SQLAlchemyError

from gateway.background import beside
from gateway.store.budgets import BudgetTable
from gateway.store.database import Database, open_database
from gateway.store.noting import Audit
from gateway.store.presence import Presence
from gateway.store.reading import Reading
from gateway.store.stops import Stops
from gateway.store.writer import SPILL_BYTES, Writer, open_writer

LEAVE_SECONDS = 2.0


@dataclass(frozen=True, slots=True)
class Store:
    """What a gateway needs of its books."""

    database: Database
    writer: Writer
    reading: Reading
    audit: Audit
    stops: Stops
    budgets: BudgetTable
    gateway: str  # this one's id in them


@asynccontextmanager
async def open_store(
    url: str, spill: Path, *, spill_bytes: int = SPILL_BYTES, alias_key: bytes = b""
) -> AsyncIterator[Store]:
    """The books at that URL, brought up to date. Raises StoreError where they cannot be used."""
    database = await open_database(url)
    try:
        async with open_writer(database, spill, spill_bytes=spill_bytes) as writer:
            await writer.wait_written()  # what waited since the last time, before it is judged
            presence = Presence(database)
            await presence.begin()
            async with beside(presence.run(), "store presence"):
                noted = Audit(writer.add, alias_key)
                stops = Stops(database)
                yield Store(
                    database,
                    writer,
                    Reading(database),
                    noted,
                    stops,
                    BudgetTable(database),
                    presence.id,
                )
        with suppress(SQLAlchemyError, OSError, TimeoutError):
            async with asyncio.timeout(LEAVE_SECONDS):
                await presence.end()
    finally:
        await database.close()

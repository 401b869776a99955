"""Memories: notes of callers and summaries of their calls, by tenant and caller."""

from __future__ import annotations

import re
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime

from sqlalchemy import delete, select
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.ext.asyncio import AsyncConnection

from gateway.store.database import Database
from gateway.store.tables import notes, summaries
from gateway.store.writes import cleaned

MOST = 200  # notes of one caller; the oldest goes for a new one
TOLD = 20  # notes in one answer
DAY_MS = 86_400_000


@dataclass(frozen=True, slots=True)
class Noted:
    """A note, and the day on which it was said last (ISO 8601)."""

    topic: str
    note: str
    day: str


@dataclass(frozen=True, slots=True)
class Earlier:
    """A call of the past: its day, what it came to, and what was agreed in it."""

    day: str
    text: str
    agreed: str


class Memories:
    """What one database remembers. Raises StoreError where it is away."""

    def __init__(
        self, database: Database, clock: Callable[[], int] = lambda: time.time_ns() // 1_000_000
    ) -> None:
        self._database = database
        self._clock = clock

    async def put(self, tenant: str, caller: str, topic: str, note: str) -> None:
        """Keep a note; one of the same caller and topic gives way."""
        row = cleaned({"tenant": tenant, "caller": caller, "topic": _plain(topic), "note": note})
        insert = (sqlite if self._database.is_sqlite else postgresql).insert(notes)
        new = {name: insert.excluded[name] for name in ("note", "at_ms")}
        put = insert.on_conflict_do_update(index_elements=list(notes.primary_key), set_=new)
        whose = (notes.c.tenant == row["tenant"], notes.c.caller == row["caller"])
        newest = select(notes.c.topic).where(*whose).order_by(notes.c.at_ms.desc()).limit(MOST)
        async with self._database.change() as connection:
            await connection.execute(put, {**row, "at_ms": self._clock()})
            await connection.execute(delete(notes).where(*whose, notes.c.topic.not_in(newest)))

    async def find(self, tenant: str, caller: str, about: str = "") -> list[Noted]:
        """The caller's notes with any of these words, best first; without words the newest."""
        query = select(notes.c.topic, notes.c.note, notes.c.at_ms)
        query = query.where(notes.c.tenant == tenant, notes.c.caller == caller)
        async with self._database.read() as connection:
            found = await connection.execute(query.order_by(notes.c.at_ms.desc(), notes.c.topic))
            rows = list(found.all())
        wanted = set(_words(about))
        if wanted:
            hits = [(len(wanted & set(_words(f"{row.topic} {row.note}"))), row) for row in rows]
            rows = [row for hit, row in sorted(hits, key=lambda one: -one[0]) if hit]
        return [Noted(row.topic, row.note, _day(row.at_ms)) for row in rows[:TOLD]]

    async def earlier(self, tenant: str, caller: str, calls: int, days: int) -> list[Earlier]:
        """The caller's latest calls of so many days, the newest first."""
        since = self._clock() - days * DAY_MS
        query = select(summaries).where(
            summaries.c.tenant == tenant,
            summaries.c.caller == caller,
            summaries.c.at_ms >= since,
        )
        query = query.order_by(summaries.c.at_ms.desc(), summaries.c.call_id).limit(calls)
        async with self._database.read() as connection:
            rows = (await connection.execute(query)).all()
        return [Earlier(_day(row.at_ms), row.text, row.agreed) for row in rows]


async def forget_memories(connection: AsyncConnection, tenant: str, caller: str) -> int:
    """Erase all that is remembered of a caller, within a transaction; says how many rows."""
    gone = 0
    for table in (notes, summaries):
        whose = (table.c.tenant == tenant, table.c.caller == caller)
        gone += (await connection.execute(delete(table).where(*whose))).rowcount
    return gone


def _plain(topic: str) -> str:
    return " ".join(topic.casefold().split())


def _words(text: str) -> list[str]:
    return [word for word in re.findall(r"\w+", text.casefold()) if len(word) > 1]


def _day(ms: int) -> str:
    return datetime.fromtimestamp(ms / 1000, UTC).strftime("%Y-%m-%d")

"""Erasing: takes callers and their calls out of the books, so that no byte of them stays."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import msgspec
from sqlalchemy import ColumnElement, Table, and_, delete, or_, select

from gateway.store.database import Database, StoreError
from gateway.store.tables import (
    budgets,
    calls,
    erasures,
    notes,
    stops,
    summaries,
    tool_calls,
    turns,
)

PIECE = 500  # ids in one statement
TRIES = 20
PAUSE = 0.1  # seconds between two tries to empty SQLite's log, while somebody reads
HOLD_WORDS = (calls, turns, tool_calls, summaries, notes, budgets, stops, erasures)


@dataclass(frozen=True, slots=True)
class Erasure:
    """An order to forget. Its caller is named until the last of their calls has ended."""

    seq: int
    at_ms: int
    tenant: str
    caller: str
    calls: tuple[str, ...]
    done: bool


class Erasing:
    """The orders to forget, and what they do to the tables."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def calls_of(self, tenant: str, caller: str, until_ms: int | None = None) -> Calls:
        """The calls of a caller that began until then: those that have ended, and the live."""
        query = select(calls.c.id, calls.c.ended_ms).where(_is_of(tenant, caller))
        if until_ms is not None:
            query = query.where(calls.c.began_ms <= until_ms)
        async with self._database.read() as connection:
            rows = (await connection.execute(query)).all()
        ended = tuple(row.id for row in rows if row.ended_ms is not None)
        return Calls(ended, tuple(row.id for row in rows if row.ended_ms is None))

    async def older(self, tenant: str | None, before_ms: int, others: Sequence[str]) -> list[str]:
        """Calls that ended before then: of a tenant, or (None) of all but the others."""
        query = select(calls.c.id).where(calls.c.ended_ms < before_ms).limit(PIECE)
        whose = calls.c.tenant == tenant if tenant is not None else calls.c.tenant.not_in(others)
        async with self._database.read() as connection:
            return list((await connection.execute(query.where(whose))).scalars())

    async def unknown(self, ids: Sequence[str]) -> list[str]:
        """Those of them of which the books know no call."""
        known: set[str] = set()
        async with self._database.read() as connection:
            for at in range(0, len(ids), PIECE):
                query = select(calls.c.id).where(calls.c.id.in_(ids[at : at + PIECE]))
                known.update((await connection.execute(query)).scalars())
        return [one for one in ids if one not in known]

    async def erase_calls(self, ids: Sequence[str]) -> int:
        """Take these calls out, with all that was said and done in them; says how many rows.

        What they used stays, as figures of a call that nobody knows any more.
        """
        count = 0
        for at in range(0, len(ids), PIECE):
            some = ids[at : at + PIECE]
            async with self._database.change() as connection:
                for table, column in (
                    (turns, turns.c.call_id),
                    (tool_calls, tool_calls.c.call_id),
                    (summaries, summaries.c.call_id),
                    (calls, calls.c.id),
                ):
                    count += await _rows(connection, delete(table).where(column.in_(some)))
        return count

    async def erase_caller(self, tenant: str, caller: str) -> int:
        """Take out what is kept of a caller beside their calls; says how many rows."""
        both: list[tuple[Table, ColumnElement[bool]]] = [
            (table, and_(table.c.tenant == tenant, table.c.caller == caller))
            for table in (notes, summaries, budgets)
        ]
        both.append((stops, and_(stops.c.kind == "caller", stops.c.target == caller)))
        async with self._database.change() as connection:
            return sum([await _rows(connection, delete(one).where(whose)) for one, whose in both])

    # ------------------------------------------------------------ orders

    async def order(self, tenant: str, caller: str) -> Erasure:
        """Put down that a caller is to be forgotten."""
        async with self._database.change() as connection:
            row = {"tenant": tenant, "caller": caller, "calls": "[]", "done": False}
            row["at_ms"] = at_ms = await self._database.now_ms(connection)
            added = await connection.execute(erasures.insert().values(row))
            seq = added.inserted_primary_key[0] if added.inserted_primary_key else 0
        return Erasure(seq, at_ms, tenant, caller, (), False)

    async def put(self, order: Erasure) -> None:
        """Put down how far it has come; one that is done names its caller no more."""
        values: dict[str, Any] = {"calls": msgspec.json.encode(order.calls).decode()}
        values["done"] = order.done
        if order.done:
            values["caller"] = ""
        change = erasures.update().where(erasures.c.seq == order.seq).values(values)
        async with self._database.change() as connection:
            await connection.execute(change)

    async def orders(self, since_ms: int) -> list[Erasure]:
        """Those that are not done, and those of late, the oldest first."""
        query = select(erasures).where(
            or_(erasures.c.done.is_(False), erasures.c.at_ms >= since_ms)
        )
        async with self._database.read() as connection:
            rows = (await connection.execute(query.order_by(erasures.c.seq))).all()
        return [
            Erasure(
                *(row.seq, row.at_ms, row.tenant, row.caller),
                tuple(msgspec.json.decode(row.calls)),
                row.done,
            )
            for row in rows
        ]

    # ------------------------------------------------------------ no byte stays

    async def scrub(self, *, whole: bool = True) -> None:
        """Leave nothing of erased rows in the database's files. Raises StoreError.

        SQLite overwrites what it deletes; its log is emptied and (`whole`) the file rebuilt, which
        takes its length twice on disk for a while. PostgreSQL's tables are vacuumed; its log and
        your backups age out as you have set them.
        """
        if self._database.is_sqlite:
            if whole:
                await self._database.outside("VACUUM")
            for _ in range(TRIES):
                busy = await self._database.outside("PRAGMA wal_checkpoint(TRUNCATE)")
                if not busy:
                    return
                await asyncio.sleep(PAUSE)
            raise StoreError("The database is being read all the time; its log is not emptied.")
        for table in HOLD_WORDS:
            await self._database.outside(f"VACUUM {table.name}")


@dataclass(frozen=True, slots=True)
class Calls:
    """Ids of calls."""

    ended: tuple[str, ...]
    live: tuple[str, ...]


def _is_of(tenant: str, caller: str) -> ColumnElement[bool]:
    return and_(calls.c.tenant == tenant, or_(calls.c.caller == caller, calls.c.address == caller))


async def _rows(connection: Any, statement: Any) -> int:
    return max(0, int((await connection.execute(statement)).rowcount))

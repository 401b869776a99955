"""Reading: what the books say of calls, page by page."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

import msgspec
from sqlalchemy import Select, func, select, tuple_
from sqlalchemy.ext.asyncio import AsyncConnection

from gateway.store.database import Database
from gateway.store.tables import (
    audit,
    calls,
    gateways,
    notes,
    summaries,
    tool_calls,
    turns,
    usage,
)

Record = Mapping[str, Any]
TOKENS = (
    *("input_text", "input_audio", "cached_text", "cached_audio"),
    *("output_text", "output_audio", "input_image", "cached_image", "audio_ms", "cost_nano"),
)


@dataclass(frozen=True, slots=True)
class CallFilter:
    """Which calls are asked for; what is empty does not matter. Times as in the tables."""

    tenant: str | None = None
    caller: str | None = None
    via: str | None = None
    status: Literal["live", "ended"] | None = None
    since_ms: int | None = None
    until_ms: int | None = None


@dataclass(frozen=True, slots=True)
class Page:
    """Some of the rows, newest first, and by what to ask for the next ones; empty: no more."""

    rows: list[Record]
    cursor: str = ""


class Reading:
    """Looks things up; changes nothing."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def calls(self, wanted: CallFilter, limit: int, cursor: str = "") -> Page:
        """Calls, newest first. Raises ValueError for a cursor that was never given out."""
        query = _filtered(wanted)
        if cursor:
            query = query.where(tuple_(calls.c.began_ms, calls.c.id) < tuple_(*_opened(cursor)))
        query = query.order_by(calls.c.began_ms.desc(), calls.c.id.desc()).limit(limit + 1)
        async with self._database.read() as connection:
            rows = await _all(connection, query)
        more = len(rows) > limit
        rows = rows[:limit]
        return Page(rows, _closed(rows[-1]) if more else "")

    async def gateways(self) -> set[str]:
        """The gateways that keep these books, or did."""
        async with self._database.read() as connection:
            return set((await connection.execute(select(gateways.c.id))).scalars())

    async def call(self, call_id: str) -> Record | None:
        """One call."""
        async with self._database.read() as connection:
            rows = await _all(connection, select(calls).where(calls.c.id == call_id))
        return rows[0] if rows else None

    async def turns(self, call_id: str) -> list[Record]:
        """Who said what, in order."""
        query = select(turns).where(turns.c.call_id == call_id)
        async with self._database.read() as connection:
            return await _all(connection, query.order_by(turns.c.began_at, turns.c.item_id))

    async def tools(self, call_id: str) -> list[Record]:
        """The tool calls, in order."""
        query = select(tool_calls).where(tool_calls.c.call_id == call_id)
        query = query.order_by(tool_calls.c.began_at, tool_calls.c.tool_call_id)
        async with self._database.read() as connection:
            return await _all(connection, query)

    async def usage(self, call_id: str) -> list[Record]:
        """Tokens by model, summed over the call's responses."""
        sums = (func.sum(usage.c[name]).label(name) for name in TOKENS)
        query = select(usage.c.model, func.count().label("responses"), *sums)
        query = query.where(usage.c.call_id == call_id).group_by(usage.c.model)
        async with self._database.read() as connection:
            rows = await _all(connection, query.order_by(usage.c.model))
        return [{**row, **{name: int(row[name]) for name in TOKENS}} for row in rows]

    async def memory(self, tenant: str, caller: str) -> dict[str, list[Record]]:
        """What was remembered of a caller, and what their calls came to."""
        found = {}
        async with self._database.read() as connection:
            for table in (notes, summaries):
                whose = (table.c.tenant == tenant, table.c.caller == caller)
                query = select(table).where(*whose).order_by(table.c.at_ms)
                found[table.name] = await _all(connection, query)
        return found

    async def audit(self, tenant: str | None, after: int, limit: int) -> list[Record]:
        """The audit from there on, of one tenant or of all, the oldest first."""
        query = select(audit).where(audit.c.seq > after).order_by(audit.c.seq).limit(limit)
        if tenant is not None:
            query = query.where(audit.c.tenant == tenant)
        async with self._database.read() as connection:
            return await _all(connection, query)


async def _all(connection: AsyncConnection, query: Select[Any]) -> list[Record]:
    return [dict(row) for row in (await connection.execute(query)).mappings()]


def _filtered(wanted: CallFilter) -> Select[Any]:
    query = select(calls)
    for name in ("tenant", "caller", "via"):
        if (value := getattr(wanted, name)) is not None:
            query = query.where(calls.c[name] == value)
    if wanted.status is not None:
        ended = calls.c.ended_ms
        query = query.where(ended.is_(None) if wanted.status == "live" else ended.is_not(None))
    if wanted.since_ms is not None:
        query = query.where(calls.c.began_ms >= wanted.since_ms)
    if wanted.until_ms is not None:
        query = query.where(calls.c.began_ms < wanted.until_ms)
    return query


def _closed(row: Record) -> str:
    place = msgspec.json.encode((row["began_ms"], row["id"]))
    return base64.urlsafe_b64encode(place).decode().rstrip("=")


def _opened(cursor: str) -> tuple[int, str]:
    try:
        place = base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4))
        began, call_id = msgspec.json.decode(place, type=tuple[int, str])
    except (binascii.Error, msgspec.MsgspecError, ValueError):
        raise ValueError("Expected the cursor of an earlier page, as it came.") from None
    if abs(began) >= 2**63 or "\0" in call_id:
        raise ValueError("Expected the cursor of an earlier page, as it came.")
    return began, call_id

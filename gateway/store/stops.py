"""Stops: what operators have ordered to end, so that each gateway of one database learns of it."""

from __future__ import annotations

from dataclasses import asdict

from sqlalchemy import func, select, text

from gateway.store.database import Database
from gateway.store.stop import Stop
from gateway.store.tables import stops
from gateway.store.writes import cleaned


class Stops:
    """The orders of one database."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def order(self, stop: Stop) -> None:
        """Let every gateway know."""
        row = cleaned(asdict(stop))
        del row["until"]
        async with self._database.change() as connection:
            if not self._database.is_sqlite:  # who has seen a number looks for no smaller one
                await connection.execute(text("LOCK TABLE stops IN SHARE ROW EXCLUSIVE MODE"))
            row["at_ms"] = await self._database.now_ms(connection)
            await connection.execute(stops.insert().values(row))

    async def newest(self) -> int:
        """The number of the last one."""
        async with self._database.read() as connection:
            found = await connection.execute(select(func.coalesce(func.max(stops.c.seq), 0)))
            return int(found.scalar_one())

    async def after(self, seq: int) -> tuple[list[Stop], int]:
        """Those that came after that one, and the number of the last."""
        query = select(stops).where(stops.c.seq > seq).order_by(stops.c.seq)
        async with self._database.read() as connection:
            rows = (await connection.execute(query)).all()
        found = [Stop(row.tenant, row.kind, row.target, row.reason) for row in rows]
        return found, rows[-1].seq if rows else seq

    async def revoked(self) -> list[Stop]:
        """Every token that was revoked."""
        query = select(stops).where(stops.c.kind == "token")
        async with self._database.read() as connection:
            rows = (await connection.execute(query)).all()
        return [Stop(row.tenant, row.kind, row.target, row.reason) for row in rows]

"""Presence: which gateways of one database live; the calls that a dead one left open are closed."""

from __future__ import annotations

import asyncio
import logging
import os
import secrets
import socket

from sqlalchemy import Row, func, select, update
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.ext.asyncio import AsyncConnection

from gateway.store.database import Database, is_away, reason
from gateway.store.tables import calls, gateways, turns

log = logging.getLogger(__name__)

BEAT = 5.0  # seconds between two signs of life
DEAD_MS = 30_000  # without one
PROCESS = secrets.token_hex(8)  # tells this process from an earlier one of the same number
CRASHED = "the gateway stopped without ending the call"


class Presence:
    """One gateway's sign of life."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self.id = f"gw_{secrets.token_hex(6)}"
        self._host = socket.gethostname()

    async def begin(self) -> int:
        """Be there, and close what others have left open; says how many calls that were."""
        async with self._database.write() as connection:
            now = await self._database.now_ms(connection)
            me = {"id": self.id, "host": self._host, "pid": os.getpid(), "process": PROCESS}
            await connection.execute(gateways.insert().values(**me, began_ms=now, seen_ms=now))
            return await self._bury(connection, now)

    async def run(self) -> None:
        """Show signs of life until cancelled."""
        while True:
            await asyncio.sleep(BEAT)
            try:
                await self._beat()
            except (SQLAlchemyError, OSError, TimeoutError) as error:
                if not is_away(error):
                    log.error("no sign of life", extra={"error": reason(error)})

    async def end(self) -> None:
        """Leave."""
        async with self._database.write() as connection:
            now = await self._database.now_ms(connection)
            mine = update(gateways).where(gateways.c.id == self.id)
            await connection.execute(mine.values(seen_ms=now, ended_ms=now))

    async def _beat(self) -> None:
        async with asyncio.timeout(BEAT), self._database.write() as connection:
            now = await self._database.now_ms(connection)
            mine = update(gateways).where(gateways.c.id == self.id)
            await connection.execute(mine.values(seen_ms=now, ended_ms=None))
            await self._bury(connection, now)

    async def _bury(self, connection: AsyncConnection, now: int) -> int:
        """Close the calls of gateways that are gone, at the last that is known of them."""
        others = select(gateways).where(gateways.c.ended_ms.is_(None), gateways.c.id != self.id)
        for gateway in (await connection.execute(others)).all():
            if self._is_dead(gateway, now):
                gone = update(gateways).where(gateways.c.id == gateway.id)
                await connection.execute(gone.values(ended_ms=gateway.seen_ms))
        said = select(func.max(turns.c.ended_at)).where(turns.c.call_id == calls.c.id)
        left = (
            select(calls.c.id, calls.c.began_ms, gateways.c.seen_ms, said.scalar_subquery())
            .join(gateways, gateways.c.id == calls.c.gateway)
            .where(calls.c.ended_ms.is_(None), gateways.c.ended_ms.is_not(None))
        )
        closed = 0
        for call_id, began, seen, spoken in (await connection.execute(left)).all():
            last = max(seen, began + (spoken or 0))
            this = update(calls).where(calls.c.id == call_id, calls.c.ended_ms.is_(None))
            await connection.execute(this.values(ended_ms=last, reason=CRASHED))
            closed += 1
        if closed:
            log.warning("calls that a gateway left open are closed", extra={"calls": closed})
        return closed

    def _is_dead(self, gateway: Row[tuple[object, ...]], now: int) -> bool:
        """Beside a file by the process, whatever the clock says; elsewhere by the silence."""
        if self._database.is_sqlite and gateway.host == self._host:
            if gateway.pid == os.getpid():  # in a container every start may have the same
                return bool(gateway.process != PROCESS)
            return not _runs(gateway.pid)
        return bool(now - gateway.seen_ms > DEAD_MS)


def _runs(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except OSError:
        return True  # another user's
    return True

"""Orders to end calls, in each database."""

from __future__ import annotations

import asyncio

from sqlalchemy import text

from gateway.store.database import open_database
from gateway.store.stop import Stop
from gateway.store.stops import Stops
from tests import services


async def test_an_order_that_is_put_down_late_has_a_number_that_nobody_has_passed(
    postgres: services.Postgres,
) -> None:
    database = await open_database(postgres.url)
    try:
        stops = Stops(database)
        async with database.change() as slow:  # another gateway, which has not committed yet
            await slow.execute(text("LOCK TABLE stops IN ROW EXCLUSIVE MODE"))
            row = "(at_ms, tenant, kind, target, reason) VALUES (1, 'acme', 'call', 'call_1', '')"
            await slow.execute(text(f"INSERT INTO stops {row}"))
            quick = asyncio.create_task(stops.order(Stop("acme", "call", "call_2")))
            waiting = "SELECT count(*) FROM pg_locks WHERE NOT granted"
            async with asyncio.timeout(5):
                while not quick.done() and not (await slow.execute(text(waiting))).scalar_one():
                    await asyncio.sleep(0)
            assert (await stops.after(0))[0] == []
        await quick
        assert [stop.target for stop in (await stops.after(0))[0]] == ["call_1", "call_2"]
    finally:
        await database.close()
        await postgres.empty()

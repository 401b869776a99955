"""PostgreSQL stops in the middle of calls: none is hurt, and every row is there afterwards.

Run it as `python -m tests.bench.outage [SECONDS]`; it wants PostgreSQL installed.
"""

from __future__ import annotations

import asyncio
import sys
import tempfile
import time
from pathlib import Path

import pytest
from sqlalchemy import func, select

from gateway.store.store import Store
from gateway.store.tables import calls, turns
from tests.house import House
from tests.services import Postgres, postgres
from tests.whole import BriefMind, open_whole, typing

CALLERS = 8


async def caller(house: House, over: asyncio.Event, answers: list[float]) -> int:
    """Calls and asks until told to stop; says how many calls it had."""
    placed = 0
    while not over.is_set():
        async with typing(house) as line:
            placed += 1
            for _ in range(3):
                began = time.perf_counter()
                await line.ask("Hello")
                answers.append(time.perf_counter() - began)
    return placed


async def measure(server: Postgres, seconds: float) -> None:
    with tempfile.TemporaryDirectory() as folder:
        told = {
            "TRUNKLINE_STORE__URL": server.url,
            "TRUNKLINE_STORE__SPILL": str(Path(folder) / "spill"),
        }
        async with open_whole(told, BriefMind("Yes.")) as house:
            over, answers = asyncio.Event(), list[float]()
            callers = [asyncio.create_task(caller(house, over, answers)) for _ in range(CALLERS)]
            store = house.gateway.store
            assert store is not None
            await asyncio.sleep(3)
            before = len(answers)
            await asyncio.to_thread(server.stop)
            await asyncio.sleep(seconds)
            spilled, during = store.writer.statistics().spilled, len(answers)
            await asyncio.to_thread(server.start)
            back = time.perf_counter()
            await asyncio.sleep(3)
            over.set()
            placed = sum(await asyncio.gather(*callers))
            await store.writer.wait_written()
            print(f"PostgreSQL away for {seconds:.0f} s; {CALLERS} callers, {placed} calls")
            print(f"answers before {before}, while away {during - before}, in all {len(answers)}")
            print(f"slowest answer before {max(answers[:before]):.2f} s,", end=" ")
            print(f"while away {max(answers[before:during]):.2f} s")
            print(f"on disk at the end of the outage {spilled} bytes;", end=" ")
            print(f"all written {time.perf_counter() - back:.1f} s after it")
            await count(store, placed, len(answers))


async def count(store: Store, placed: int, answered: int) -> None:
    """Whether the books have all of it."""
    async with store.database.read() as connection:
        ended = calls.c.ended_ms.is_not(None)
        found = await connection.scalar(select(func.count()).where(ended).select_from(calls))
        said = await connection.scalar(select(func.count()).select_from(turns))
    figures = store.writer.statistics()
    print(f"calls {found} of {placed}; turns {said} of {2 * answered}; {figures}")
    assert (found, said, figures.lost) == (placed, 2 * answered, 0)


if __name__ == "__main__":
    try:
        with postgres() as running:
            asyncio.run(measure(running, float(sys.argv[1]) if sys.argv[1:] else 30.0))
    except pytest.skip.Exception as missing:
        print(missing)

"""The writer: batches, a database that is away, a disk that is full, rows that nobody wants."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from sqlalchemy import func, select, text

from gateway.store.database import Database, open_database
from gateway.store.spill import open_spill
from gateway.store.tables import calls, turns
from gateway.store.writer import Writer, open_writer
from gateway.store.writes import Write, change, put
from tests.services import Postgres


def call(number: int) -> Write:
    row = {"id": f"call_{number:05}", "tenant": "acme", "began_ms": number, "metadata": {}}
    return put("calls", row)


def end(number: int) -> Write:
    return change("calls", {"id": f"call_{number:05}", "ended_ms": number + 5})


@asynccontextmanager
async def desk(url: str, tmp_path: Path, **limits: int) -> AsyncIterator[tuple[Database, Writer]]:
    database = await open_database(url)
    async with open_writer(database, tmp_path / "spill.jsonl", **limits) as writer:
        yield database, writer
    await database.close()


async def count(database: Database, *, ended: bool = False) -> int:
    query = select(func.count()).select_from(calls)
    if ended:
        query = query.where(calls.c.ended_ms == calls.c.began_ms + 5)
    async with database.read() as connection:
        return int((await connection.execute(query)).scalar_one())


async def test_rows_are_written_in_their_order(url: str, tmp_path: Path) -> None:
    async with desk(url, tmp_path) as (database, writer):
        for number in range(1200):
            writer.add(call(number))
            writer.add(end(number))
        await writer.wait_written()
        assert await count(database, ended=True) == 1200
        assert writer.statistics().written == 2400
        assert not writer.statistics().spilled


async def test_the_same_row_again_changes_it_and_does_no_harm(url: str, tmp_path: Path) -> None:
    async with desk(url, tmp_path) as (database, writer):
        turn = {"call_id": "c", "item_id": "i", "cut": False, "said": "Hello"}
        writer.add(put("turns", turn))
        writer.add(put("turns", {**turn, "said": "Hello there"}))
        await writer.wait_written()
        async with database.read() as connection:
            assert (await connection.execute(select(turns.c.said))).all() == [("Hello there",)]


async def test_what_callers_can_say_can_be_stored(url: str, tmp_path: Path) -> None:
    async with desk(url, tmp_path) as (database, writer):
        words = "'; DROP TABLE turns; -- \0 \ud800 🎈 " + "long " * 100_000
        writer.add(put("turns", {"call_id": "c", "item_id": "\0", "cut": False, "said": words}))
        await writer.wait_written()
        assert not writer.statistics().refused
        async with database.read() as connection:
            said = (await connection.execute(select(turns.c.said))).scalar_one()
        assert said.startswith("'; DROP TABLE turns; -- \ufffd ? 🎈 long")


async def test_a_row_that_the_database_refuses_does_not_hold_up_the_others(
    url: str, tmp_path: Path
) -> None:
    async with desk(url, tmp_path) as (database, writer):
        writer.add(call(1))
        writer.add(put("calls", {"id": "call_bad"}))  # without what must not be missing
        writer.add(put("nowhere", {"id": "x"}))
        writer.add(call(2))
        await writer.wait_written()
        assert await count(database) == 2
        assert writer.statistics().refused == 2


async def test_more_rows_than_memory_holds_go_over_the_disk(url: str, tmp_path: Path) -> None:
    async with desk(url, tmp_path, in_memory=10) as (database, writer):
        for number in range(700):
            writer.add(call(number))
            writer.add(end(number))
        assert writer.statistics().spilled > 0
        await writer.wait_written()
        assert await count(database, ended=True) == 700
        assert writer.statistics().spilled == 0


async def test_what_is_not_written_at_the_end_is_written_at_the_next_start(
    url: str, tmp_path: Path
) -> None:
    database = await open_database(url)
    spill = tmp_path / "spill.jsonl"
    idle = Writer(database, open_spill(spill, 1_000_000))  # one that ends before it has written
    idle.add(call(1))
    idle.add(end(1))
    idle.close()
    with spill.open("ab") as file:
        file.write(b'{"table":"calls","or')  # and a crash in the middle of a line
    async with open_writer(database, spill) as writer:
        await writer.wait_written()
        assert await count(database, ended=True) == 1
    assert spill.read_bytes() == b""
    await database.close()


async def test_a_disk_that_is_full_loses_what_comes_last_and_says_so(
    url: str, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    limits = {"in_memory": 1, "spill_bytes": 2000}
    async with desk(url, tmp_path, **limits) as (database, writer):
        for number in range(100):
            writer.add(call(number))
        lost = writer.statistics().lost
        assert 50 < lost < 100
        await writer.wait_written()
        assert await count(database) == 100 - lost
        assert [record.message for record in caplog.records].count("a row is lost") == 1


async def test_a_postgresql_that_stops_for_a_while_delays_rows_and_loses_none(
    postgres: Postgres, tmp_path: Path
) -> None:
    async with desk(postgres.url, tmp_path, in_memory=50) as (database, writer):
        longest = 0.0
        for number in range(600):
            if number == 100:
                await asyncio.to_thread(postgres.stop)
            if number == 400:
                assert writer.statistics().away
                await asyncio.to_thread(postgres.start)
            began = time.perf_counter()
            writer.add(call(number))
            writer.add(end(number))
            longest = max(longest, time.perf_counter() - began)
            await asyncio.sleep(0.002)
        await writer.wait_written()
        assert await count(database, ended=True) == 600
        figures = writer.statistics()
        assert (figures.lost, figures.refused, figures.spilled) == (0, 0, 0)
        assert not figures.away
        assert longest < 0.1
    await postgres.empty()


async def test_a_sqlite_that_another_program_locks_delays_rows(tmp_path: Path) -> None:
    url = str(tmp_path / "trunkline.db")
    async with desk(url, tmp_path) as (database, writer):
        async with database.write() as other:
            await other.execute(text("DELETE FROM calls"))
            writer.add(call(1))
            with pytest.raises(TimeoutError):
                await asyncio.wait_for(writer.wait_written(), 0.1)
        await writer.wait_written()
        assert await count(database) == 1


async def test_what_a_gateway_beside_this_one_left_is_taken_over(tmp_path: Path) -> None:
    database = await open_database(str(tmp_path / "trunkline.db"))
    path = tmp_path / "spill.jsonl"
    first, second = (Writer(database, open_spill(path, 1_000_000)) for _ in range(2))
    for number, idle in enumerate((first, second)):
        idle.add(call(number))
        idle.close()
    async with open_writer(database, path) as writer:
        await writer.wait_written()
        assert await count(database) == 2
    await database.close()

"""The audit: a chain that shows where it was broken, and rows that a hasty hand cannot change."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError

from gateway.store.audit import verify
from gateway.store.database import Database, open_database
from gateway.store.noting import Audit
from gateway.store.writer import open_writer
from tests.services import Postgres


async def filled(url: str, tmp_path: Path, count: int = 5) -> Database:
    database = await open_database(url)
    async with open_writer(database, tmp_path / "spill") as writer:
        audit = Audit(writer.add)
        for number in range(count):
            audit.note("tool_run", "key:tl_1", "acme", number=number, name="Größe")
        await writer.wait_written()
    return database


async def tamper(database: Database, order: str) -> None:
    """As somebody who owns the database can."""
    async with database.write() as connection:
        off = ["DROP TRIGGER audit_update", "DROP TRIGGER audit_delete"]
        if not database.is_sqlite:
            off = ["DROP TRIGGER audit_stays ON audit"]
        for line in (*off, order):
            await connection.execute(text(line))


async def test_a_chain_that_nobody_touched_holds_and_has_a_head(url: str, tmp_path: Path) -> None:
    database = await filled(url, tmp_path)
    verdict = await verify(database)
    assert (verdict.links, verdict.broken) == (5, "")
    assert verdict.head.startswith("5:")
    assert (await verify(database, verdict.head)).broken == ""
    await database.close()


@pytest.mark.parametrize(
    ("order", "said"),
    [
        ("UPDATE audit SET actor = 'nobody' WHERE seq = 3", "link 3 (tool_run) was changed"),
        ("UPDATE audit SET at_ms = at_ms - 1 WHERE seq = 1", "link 1 (tool_run) was changed"),
        ("DELETE FROM audit WHERE seq = 2", "link 2 is missing"),
        ("DELETE FROM audit WHERE seq = 1", "link 1 is missing"),
        ("UPDATE audit SET hash = 'x' WHERE seq = 4", "link 4 (tool_run) was changed"),
        ("UPDATE audit SET previous = hash WHERE seq = 5", "link 5 (tool_run) does not follow"),
    ],
)
async def test_the_first_broken_link_is_named(
    url: str, tmp_path: Path, order: str, said: str
) -> None:
    database = await filled(url, tmp_path)
    await tamper(database, order)
    assert said in (await verify(database)).broken
    await database.close()


async def test_links_cut_off_at_the_end_are_missed_by_whoever_noted_the_head(
    url: str, tmp_path: Path
) -> None:
    database = await filled(url, tmp_path)
    head = (await verify(database)).head
    await tamper(database, "DELETE FROM audit WHERE seq > 3")
    assert (await verify(database)).broken == ""
    assert "link 4 is missing" in (await verify(database, head)).broken
    assert "not the one noted" in (await verify(database, "2:" + "0" * 64)).broken
    await database.close()


@pytest.mark.parametrize("order", ["UPDATE audit SET actor = ''", "DELETE FROM audit"])
async def test_rows_of_the_audit_stay_as_they_are(url: str, tmp_path: Path, order: str) -> None:
    database = await filled(url, tmp_path)

    async def change() -> None:
        async with database.write() as connection:
            await connection.execute(text(order))

    with pytest.raises(DBAPIError, match="append-only"):
        await change()
    assert (await verify(database)).broken == ""
    await database.close()


async def test_several_gateways_add_to_one_chain(postgres: Postgres, tmp_path: Path) -> None:
    databases = await asyncio.gather(
        *(filled(postgres.url, tmp_path / str(number), 40) for number in range(4))
    )
    verdict = await verify(databases[0])
    assert (verdict.links, verdict.broken) == (160, "")
    for database in databases:
        await database.close()
    await postgres.empty()

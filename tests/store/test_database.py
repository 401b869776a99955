"""The database: opened, brought up to date, refused where it is newer or cannot be had."""

from __future__ import annotations

import asyncio
import sqlite3
from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext
from sqlalchemy import Connection, text
from sqlalchemy.exc import SQLAlchemyError

from gateway.store.database import StoreError, open_database
from gateway.store.tables import metadata


def differences(connection: Connection) -> list[object]:
    def known(thing: object, name: str | None, *rest: object) -> bool:
        return not (name or "").startswith("passage_words")  # made and kept by the database itself

    options = {"include_object": known}
    context = MigrationContext.configure(connection, opts=options)
    return list(compare_metadata(context, metadata))


async def test_the_migrations_make_the_tables_that_the_code_knows(url: str) -> None:
    database = await open_database(url)
    async with database.read() as connection:
        assert await connection.run_sync(differences) == []
    await database.close()


async def test_several_gateways_may_start_at_once(url: str) -> None:
    databases = await asyncio.gather(*(open_database(url) for _ in range(4)))
    async with databases[3].read() as connection:
        assert await connection.run_sync(differences) == []
    for database in databases:
        await database.close()


async def test_a_database_of_a_newer_version_is_refused_and_left_alone(url: str) -> None:
    database = await open_database(url)
    async with database.write() as connection:
        await connection.execute(text("UPDATE alembic_version SET version_num = '9999'"))
        await connection.execute(text("CREATE TABLE tomorrow (id TEXT)"))
    await database.close()
    with pytest.raises(StoreError, match=r"made by a newer Trunkline.*'9999'"):
        await open_database(url)


async def test_a_transaction_that_fails_leaves_nothing(url: str) -> None:
    database = await open_database(url)

    async def half() -> None:
        async with database.write() as connection:
            await connection.execute(text("CREATE TABLE half (id TEXT)"))
            await connection.execute(text("INSERT INTO nowhere VALUES (1)"))

    with pytest.raises(SQLAlchemyError):
        await half()
    async with database.read() as connection:
        assert await connection.run_sync(differences) == []
    await database.close()


async def test_sqlite_keeps_a_write_ahead_log(tmp_path: Path) -> None:
    path = tmp_path / "below" / "trunkline.db"
    await (await open_database(str(path))).close()
    with sqlite3.connect(path) as connection:
        assert connection.execute("PRAGMA journal_mode").fetchone() == ("wal",)
    connection.close()


@pytest.mark.parametrize(
    ("url", "said"),
    [
        ("mysql://root@localhost/x", "names a 'mysql' database; expected for example trunkline.db"),
        ("sqlite://", "expected for example"),
        ("postgresql://host:port/x", "is no URL of a database"),
        ("postgresql://me:secret@127.0.0.1:1/x", r"postgresql\+asyncpg://me:\*\*\*@127.0.0.1:1/x"),
        ("/dev/null/trunkline.db", "cannot be made"),
        ("/", "is a folder"),
    ],
)
async def test_what_cannot_be_opened_is_said_without_its_password(url: str, said: str) -> None:
    with pytest.raises(StoreError, match=said) as refused:
        await open_database(url)
    assert "secret" not in str(refused.value)


async def test_a_file_that_is_no_database_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "notes.txt"
    path.write_text("These are my notes. " * 100)
    with pytest.raises(StoreError, match="not a database"):
        await open_database(str(path))
    assert path.read_text().startswith("These are my notes.")

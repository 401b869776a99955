"""The database: SQLite in a file or PostgreSQL by URL, opened, brought up to date, and closed."""

from __future__ import annotations

import asyncio
import os
import sqlite3
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from sqlalchemy import URL, Connection, event, func, make_url, select, text
from sqlalchemy.exc import ArgumentError, DBAPIError, InterfaceError, OperationalError
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine, create_async_engine

from gateway.clock import holding
from gateway.errors import TrunklineError
from gateway.private import for_few

WRITES = "trunkline_writes"
CONNECT_SECONDS = 5.0
STATEMENT_SECONDS = 10.0
BUSY_SECONDS = 5.0  # that SQLite waits for another process's write
AGAIN_SECONDS = 0.02  # and for another's change of the file's mode, until the next try
MIGRATION_LOCK = 0x7472756E6B  # several gateways may start at once
# What PostgreSQL says while it stops, starts or is full: the class of its code, or all of it.
AWAY_CODES = ("08", "57P", "53", "25006", "40")

EXAMPLE = "trunkline.db or postgresql://user:password@host/trunkline"


class StoreError(TrunklineError):
    """The database cannot be used as it is; says what to do."""


class Database:
    """One engine. `write` and `read` give a connection inside a transaction."""

    def __init__(self, engine: AsyncEngine) -> None:
        self._engine = engine
        self._writing = engine.execution_options(**{WRITES: True})
        self._outside = engine.execution_options(isolation_level="AUTOCOMMIT")
        self.is_sqlite = engine.dialect.name == "sqlite"

    @property
    def name(self) -> str:
        """Where it is, without its password."""
        return self._engine.url.render_as_string(hide_password=True)

    @asynccontextmanager
    async def write(self) -> AsyncIterator[AsyncConnection]:
        """A transaction that changes rows; committed at the end, undone by an exception."""
        with holding():
            async with self._writing.begin() as connection:
                yield connection

    @asynccontextmanager
    async def read(self) -> AsyncIterator[AsyncConnection]:
        """A transaction that only looks. Raises StoreError where the database is away."""
        async with self._patient(self._engine) as connection:
            yield connection

    @asynccontextmanager
    async def change(self) -> AsyncIterator[AsyncConnection]:
        """As `write`, for somebody who waits. Raises StoreError where the database is away."""
        async with self._patient(self._writing) as connection:
            yield connection

    @asynccontextmanager
    async def _patient(self, engine: AsyncEngine) -> AsyncIterator[AsyncConnection]:
        try:
            with holding():
                async with asyncio.timeout(STATEMENT_SECONDS), engine.begin() as connection:
                    yield connection
        except Exception as error:
            if is_away(error):
                raise StoreError(f"The database does not answer: {reason(error)}") from error
            raise

    async def outside(self, order: str) -> int:
        """An order that stands in no transaction; the first figure of its answer, or 0.

        Raises StoreError where the database cannot do it now.
        """
        try:
            async with self._outside.connect() as connection:
                found = await connection.exec_driver_sql(order)
                return int(found.scalar() or 0) if found.returns_rows else 0
        except (DBAPIError, OSError, TimeoutError) as error:
            raise StoreError(f"The database cannot do this now: {reason(error)}") from error

    async def now_ms(self, connection: AsyncConnection) -> int:
        """The time that all gateways of one database share."""
        if self.is_sqlite:
            return time.time_ns() // 1_000_000
        milliseconds = func.extract("epoch", func.clock_timestamp()) * 1000
        return int((await connection.execute(select(milliseconds))).scalar_one())

    async def close(self) -> None:
        """Close every connection."""
        await self._engine.dispose()


def reason(error: BaseException) -> str:
    """What went wrong, in one line without the statement and its values."""
    cause = error.orig if isinstance(error, DBAPIError) and error.orig else error
    return (str(cause).splitlines() or [""])[0][:200] or type(cause).__name__


def is_away(error: BaseException) -> bool:
    """Whether it is the database that cannot be used now, and not what was asked of it."""
    if isinstance(error, OSError | TimeoutError | InterfaceError):
        return True
    if not isinstance(error, DBAPIError):
        return False
    if error.connection_invalidated:
        return True
    code = getattr(error.orig, "sqlstate", None) or getattr(error.orig, "pgcode", None)
    if code:
        return str(code).startswith(AWAY_CODES)
    return isinstance(error, OperationalError)


async def open_database(url: str) -> Database:
    """The database of that URL, with all its tables. Raises StoreError."""
    from gateway.store.migrations import NewerError, upgrade  # takes time to load

    engine = _engine(_parsed(url))
    database = Database(engine)
    if database.is_sqlite:
        with suppress(OSError):  # SQLite says better what is wrong
            os.close(for_few(engine.url.database or "", os.O_CREAT | os.O_WRONLY))
    try:
        async with asyncio.timeout(120), database.write() as connection:
            if not database.is_sqlite:
                lock = text("SELECT pg_advisory_xact_lock(:key)")
                await connection.execute(lock, {"key": MIGRATION_LOCK})
            await connection.run_sync(upgrade)
    except NewerError as error:
        await database.close()
        raise StoreError(f"{database.name}: {error}") from None
    except (DBAPIError, OSError, TimeoutError) as error:
        await database.close()
        raise StoreError(
            f"store.url: {database.name} cannot be used: {reason(error)}; see that it runs and may "
            f"be reached, or name another, such as {EXAMPLE}"
        ) from error
    except BaseException:
        await database.close()
        raise
    return database


async def find_out(url: str) -> str:
    """What database that is; changes nothing. Raises StoreError."""
    engine = _engine(_parsed(url))
    database = Database(engine)
    if database.is_sqlite and not _exists(engine.url):
        return f"{database.name}: is made at the start"
    try:
        async with database.read() as connection:
            if database.is_sqlite:
                await connection.exec_driver_sql("PRAGMA schema_version")
                return f"{database.name}: SQLite {sqlite3.sqlite_version}"
            shown = (await connection.exec_driver_sql("SHOW server_version")).scalar_one()
            return f"{database.name}: PostgreSQL {shown}"
    except DBAPIError as error:
        raise StoreError(f"{database.name} cannot be used: {reason(error)}") from error
    finally:
        await database.close()


def _exists(url: URL) -> bool:
    return Path(url.database or "").exists()


def _parsed(url: str) -> URL:
    if "://" not in url:
        return URL.create("sqlite+aiosqlite", database=url)
    try:
        parsed = make_url(url)
    except (ArgumentError, ValueError):
        raise StoreError(f"store.url is no URL of a database; for example {EXAMPLE}") from None
    kind = parsed.drivername.partition("+")[0]
    if kind == "sqlite" and parsed.database not in (None, "", ":memory:"):
        return parsed.set(drivername="sqlite+aiosqlite")
    if kind in ("postgresql", "postgres"):
        query = dict(parsed.query)
        if "sslmode" in query:  # libpq's word; the driver's is ssl
            query["ssl"] = query.pop("sslmode")
        return parsed.set(drivername="postgresql+asyncpg", query=query)
    raise StoreError(f"store.url names a {kind!r} database; expected for example {EXAMPLE}")


def _engine(url: URL) -> AsyncEngine:
    if url.drivername.startswith("sqlite"):
        return _sqlite(url)
    if find_spec("asyncpg") is None:
        raise StoreError(
            "store.url names a PostgreSQL database, whose driver is not installed: "
            'python -m pip install "trunkline[postgres]"'
        )
    limits = {"timeout": CONNECT_SECONDS, "command_timeout": STATEMENT_SECONDS}
    return create_async_engine(
        url, connect_args=limits, pool_size=5, max_overflow=5, pool_pre_ping=True, pool_timeout=5
    )


def _sqlite(url: URL) -> AsyncEngine:
    path = Path(url.database or "")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise StoreError(
            f"store.url: {path.parent} cannot be made: {error.strerror}; name a file elsewhere"
        ) from error
    if path.is_dir():
        raise StoreError(f"store.url: {path} is a folder; expected a file, such as trunkline.db")
    engine = create_async_engine(url, connect_args={"timeout": BUSY_SECONDS})

    @event.listens_for(engine.sync_engine, "connect")
    def configure(connection: Any, record: Any) -> None:
        connection.isolation_level = None  # transactions are begun below, also around DDL
        try:
            connection.run_async(_to_wal)
            cursor = connection.cursor()
            cursor.execute("PRAGMA synchronous=NORMAL")
            cursor.execute("PRAGMA secure_delete=ON")  # what is deleted is overwritten
            cursor.close()
        except BaseException:  # it is no database: its thread would outlive us
            connection.close()
            raise

    @event.listens_for(engine.sync_engine, "begin")
    def begin(connection: Connection) -> None:
        options = connection.get_execution_options()
        if options.get("isolation_level") == "AUTOCOMMIT":
            return
        writes = options.get(WRITES)
        connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")

    return engine


async def _to_wal(connection: Any) -> None:
    """Of several that do so with a new file at once, SQLite lets only one, and none waits."""
    loop = asyncio.get_running_loop()
    end = loop.time() + BUSY_SECONDS
    while True:
        try:
            await connection.execute("PRAGMA journal_mode=WAL")
        except sqlite3.OperationalError as error:
            if error.sqlite_errorcode != sqlite3.SQLITE_BUSY or loop.time() > end:
                raise
            await asyncio.sleep(AGAIN_SECONDS)
        else:
            return


assert sqlite3.sqlite_version_info >= (3, 24), "upserts need SQLite 3.24"

"""Commit: a batch of writes in one transaction, each a thing that may be done twice."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import groupby
from typing import Any

from sqlalchemy import Table, bindparam
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.ext.asyncio import AsyncConnection

from gateway.store.audit import extend
from gateway.store.database import Database
from gateway.store.tables import metadata
from gateway.store.writes import Write


async def commit(database: Database, batch: Sequence[Write]) -> None:
    """Write all of the batch, or nothing."""
    by_table = sorted(batch, key=lambda write: write.table)  # stable: each keeps its own order
    async with database.write() as connection:
        for (name, order, columns), group in groupby(by_table, key=_shape):
            table = metadata.tables[name]
            rows = [write.values for write in group]
            if order == "append":
                await extend(connection, rows, database.is_sqlite)
            elif order == "put":
                await _put(connection, table, columns, rows, database.is_sqlite)
            else:
                await _change(connection, table, columns, rows)


def _shape(write: Write) -> tuple[str, str, tuple[str, ...]]:
    return write.table, write.order, tuple(write.values)


async def _put(
    connection: AsyncConnection,
    table: Table,
    columns: Sequence[str],
    rows: list[dict[str, Any]],
    is_sqlite: bool,
) -> None:
    keys = [column.name for column in table.primary_key]
    insert = sqlite.insert(table) if is_sqlite else postgresql.insert(table)
    new = {name: insert.excluded[name] for name in columns if name not in keys}
    await connection.execute(insert.on_conflict_do_update(index_elements=keys, set_=new), rows)


async def _change(
    connection: AsyncConnection, table: Table, columns: Sequence[str], rows: list[dict[str, Any]]
) -> None:
    keys = [column.name for column in table.primary_key]
    update = table.update().values({name: bindparam(name) for name in columns if name not in keys})
    for key in keys:
        update = update.where(table.c[key] == bindparam(f"the_{key}"))
    named = [
        {f"the_{name}" if name in keys else name: value for name, value in row.items()}
        for row in rows
    ]
    await connection.execute(update, named)

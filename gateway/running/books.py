"""Books: the store that the settings ask for, and its database for commands."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from gateway.errors import TrunklineError
from gateway.settings import Settings

if TYPE_CHECKING:
    from gateway.store.database import Database
    from gateway.store.store import Store


def alias_key(settings: Settings) -> bytes:
    """By which the audit names callers; none where nothing is locked."""
    keys = settings.privacy.lock()
    return keys.derive(keys.first, b"", b"aliases") if keys else b""


@asynccontextmanager
async def open_books(settings: Settings) -> AsyncIterator[Store | None]:
    """The store, open; nothing where store.url is empty. Raises StoreError."""
    url = settings.store.url.reveal()
    if not url:
        yield None
        return
    from gateway.store.store import open_store  # takes memory, and not all keep books

    limit = settings.store.spill_mb * 1_000_000
    spill, key = Path(settings.store.spill), alias_key(settings)
    async with open_store(url, spill, spill_bytes=limit, alias_key=key) as store:
        yield store


@asynccontextmanager
async def open_database_of(settings: Settings, without: str) -> AsyncIterator[Database]:
    """The books' database alone, for a command.

    Raises TrunklineError where store.url is empty; `without` says what this means for the command.
    """
    from gateway.store.database import open_database

    if not settings.store.url:
        raise TrunklineError(
            f'store.url is empty, so that {without}; write under [store]: url = "trunkline.db"'
        )
    database = await open_database(settings.store.url.reveal())
    try:
        yield database
    finally:
        await database.close()

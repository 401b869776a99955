"""Books: the store that the settings ask for, if they ask for one."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from gateway.settings import Settings

if TYPE_CHECKING:
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

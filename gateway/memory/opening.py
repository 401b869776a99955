"""Opening: the memory that a gateway's settings and books allow."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

from gateway.settings import Settings
from gateway.toolsources import Kept

if TYPE_CHECKING:
    from gateway.memory.keeping import Keeper
    from gateway.store.store import Store


@asynccontextmanager
async def open_memory(store: Store | None) -> AsyncIterator[Keeper | None]:
    """A memory at work, where books are kept."""
    if store is None:
        yield None
        return
    from gateway.memory.keeping import open_keeper  # with the store it takes memory

    async with open_keeper(store) as keeper:
        yield keeper


def kept(settings: Settings, keeper: Keeper | None) -> Kept:
    """What the built-in tools may read and keep."""
    remembers = keeper is not None and settings.memory.callers != "none"
    return Kept(notebook=keeper.notebook if keeper is not None and remembers else None)
